/**
 * How Rcptwise is taken away: no new split, the open ones come to their end, and nobody has
 * anything twice.
 */
import { expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const [tag, strict] = ['tag@example.org', 'strict@example.org'] as const
const recipients = `"${tag}": tag-only\n"${strict}": strict\n`
const config = 'peers: [{ name: default, strategy: late }]'

/** One attempt of a message that only `strict` refuses; the replies to RCPT, and to the text. */
async function attempt(app: TestApp, subject: string, to: readonly string[]): Promise<string[]> {
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@example.net>')
  const said: string[] = []
  for (const recipient of to) said.push(await client.ask(`RCPT TO:<${recipient}>`))
  if ((await client.ask('DATA')).startsWith('354'))
    said.push(
      await client.ask(
        `Subject: ${subject}\r\nMessage-ID: <${subject}@x>\r\nX-Spam-Score: 9.5\r\n\r\nx\r\n.`,
      ),
    )
  // Only who goes on has heard the answer (decision 43).
  await client.ask('QUIT')
  client.close()
  return said.map((line) => line.slice(0, 3))
}

async function api(app: TestApp, method: string, path: string, body?: unknown): Promise<unknown> {
  const url = `http://127.0.0.1:${app.app.admin?.port ?? 0}/api/v1/${path}`
  const headers = { 'content-type': 'application/json' }
  return await (
    await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  ).json()
}

const open = async (app: TestApp): Promise<number> =>
  ((await api(app, 'GET', 'splits')) as { readonly splits: readonly unknown[] }).splits.length

test('README.md: “Run rcptwise strategy set default off, and the same for each other class: Rcptwise then splits no new message.” “Wait until rcptwise splits shows none.”', async () => {
  await using app = await startTestApp({ config, recipients })
  expect(await attempt(app, 'before', [tag, strict])).toEqual(['250', '250', '451'])
  expect(await open(app)).toBe(1)

  await api(app, 'PUT', 'peers/default/strategy', { strategy: 'off' })
  expect(await attempt(app, 'afterwards', [tag, strict])).toEqual(['250', '250', '250'])
  expect(await open(app), 'no new one').toBe(1)

  const heard: string[][] = []
  let left: readonly string[] = [tag, strict]
  while (left.length > 0 && heard.length < 6) {
    const said = await attempt(app, 'before', left)
    heard.push(said)
    if (said.at(-1)?.startsWith('4') !== true) left = left.filter((_, i) => said[i] !== '250')
  }
  expect(left, JSON.stringify(heard)).toEqual([])
  expect(await open(app)).toBe(0)
  const copies = (await app.mail(tag)).filter((text) => text.includes('Subject: before'))
  expect(copies, 'nobody has it twice').toHaveLength(1)
})
