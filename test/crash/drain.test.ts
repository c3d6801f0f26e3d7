/** `rcptwise drain`, and a `serve` with two workers that is killed meanwhile. */
import { expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { Home, type Served } from './serve.ts'

const [tag, strict] = ['tag@example.org', 'strict@example.org'] as const

interface Drained {
  readonly draining: boolean
  readonly done: boolean
  readonly held: number
}

async function drain(served: Served, method: 'GET' | 'PUT'): Promise<Drained> {
  return (await (await fetch(`${served.adminUrl}/api/v1/drain`, { method })).json()) as Drained
}

/** The replies to RCPT, and to the text. Only who goes on behind it has heard that (decision 43). */
async function attempt(served: Served, name: string, to: readonly string[]): Promise<string[]> {
  const client = await Client.connect(served.listeningPort)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<${name}@x.test>`)
    const said: string[] = []
    for (const address of to) said.push(await client.ask(`RCPT TO:<${address}>`))
    const text = `Subject: ${name}\r\nMessage-ID: <${name}@x.test>\r\nX-Spam-Score: 9.5\r\n\r\nx\r\n.`
    if ((await client.ask('DATA')).startsWith('354')) said.push(await client.ask(text))
    await client.ask('QUIT')
    return said
  } finally {
    client.close()
  }
}

test('in-and-out.md: “The ledger keeps that it drains, over a restart of serve” also where it was killed: what is open is counted, new mail is not split, and nobody has anything twice', async () => {
  await using backend = await startFakeBackend()
  await using home = await Home.make()
  const serve = async (): Promise<Served> =>
    await home.serve({
      backendUrl: backend.url,
      workers: 2,
      recipients: `"${tag}": tag-only\n"${strict}": strict\n`,
      config: 'data_directory: data\nhistory: off\npeers: [{ name: default, strategy: late }]',
    })
  const copies = (name: string): readonly string[] =>
    backend.delivered
      .filter(({ mail }) => mail.startsWith(`<${name}@`))
      .flatMap(({ recipients }) => recipients)

  let served = await serve()
  expect((await attempt(served, 'before', [tag, strict])).at(-1)).toMatch(/^451/)
  expect(await drain(served, 'PUT')).toMatchObject({ draining: true, done: false, held: 1 })
  await served.kill()

  served = await serve()
  expect(await drain(served, 'GET')).toMatchObject({ draining: true, done: false, held: 1 })
  const unsplit = await attempt(served, 'afterwards', [tag, strict])
  expect(unsplit.map((line) => line.slice(0, 3))).toEqual(['250', '250', '250'])
  let left: readonly string[] = [tag, strict]
  const answered = new Map<string, string>()
  for (let n = 0; n < 8 && left.length > 0; n++) {
    const said = await attempt(served, 'before', left)
    if (n === 0) {
      // In the middle of it once more.
      await served.kill()
      served = await serve()
    }
    const text = said.at(-1) ?? ''
    if (!text.startsWith('4'))
      for (const [i, address] of left.entries())
        if (said[i]?.startsWith('250') === true) answered.set(address, text)
    left = left.filter((address) => !answered.has(address))
    // As long as the sender does not know of the tagged one, it is waited for.
    const waits = left.includes(tag)
    expect(await drain(served, 'GET')).toMatchObject({ done: !waits, held: waits ? 1 : 0 })
  }
  expect(answered.get(tag)).toMatch(/^250 /)
  expect(answered.get(strict)).toMatch(/^550 /)
  expect(copies('before')).toEqual([`<${tag}>`])
  expect([...copies('afterwards')].sort()).toEqual([`<${strict}>`, `<${tag}>`])
})
