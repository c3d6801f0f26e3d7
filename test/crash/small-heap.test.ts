/** `rcptwise serve` with the smallest heap that docs/deploy.md allows, under a load that it says. */
import { expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { Crowd } from '../support/crowd.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { senderOf, untilAnswered } from './sender.ts'
import { Home, type Served } from './serve.ts'

const wrapper = ['env', 'NODE_OPTIONS=--max-old-space-size=64']
const mebibyte = 1024 * 1024

/** As it may be: `limits.header` is 1 MiB. */
const header = (octets: number): string => {
  const line = `X-Filled: ${'a'.repeat(88)}\r\n`
  return line.repeat(Math.floor(octets / line.length))
}

/** One message, to its answer, with a text of so many octets behind its header section. */
async function send(served: Served, octets: number): Promise<string> {
  const client = await Client.connect(served.listeningPort)
  try {
    await client.reply()
    for (const line of ['EHLO c.test', 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>', 'DATA'])
      await client.ask(line)
    client.send('Subject: large\r\n\r\n')
    const line = `${'0123456789abcdef'.repeat(4)}\r\n`.repeat(1000)
    for (let sent = 0; sent < octets; sent += line.length)
      if (!client.socket.write(line))
        await new Promise((resolve) => client.socket.once('drain', resolve))
    return await client.ask('.')
  } finally {
    client.close()
  }
}

test(
  'deploy.md: “If you have to bound it, 64 MiB is the minimum (NODE_OPTIONS=--max-old-space-size=MIB, which holds for each process by itself)” “table under Memory”: a crowd that stays, large header sections at once, large texts at once, and no process ends',
  { timeout: 300_000 },
  async () => {
    await using backend = await startFakeBackend({ keepTexts: false })
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      wrapper,
      config: 'limits: { sessions_per_address: 4000, sessions_per_network: 4000 }',
    })
    await using crowd = await Crowd.gather(served.listeningPort, 3000)
    const headers = Array.from({ length: 20 }, (_, i) =>
      senderOf({
        from: 's@x.test',
        to: [`a${i}@example.org`],
        text: `${header(mebibyte - 10_000)}Message-ID: <${i}@x.test>\r\n\r\nhello\r\n`,
      }),
    )
    await Promise.all(headers.map(async (one) => await untilAnswered(one, served.listeningPort)))
    for (const one of headers)
      expect([...one.answered.values()].join()).toMatch(/^250 2\.0\.0 Ok: queued as/)
    const texts = await Promise.all(
      Array.from({ length: 8 }, async () => await send(served, 40 * mebibyte)),
    )
    for (const told of texts) expect(told).toMatch(/^250 2\.0\.0 Ok: queued as/)
    expect(served.ended, served.output).toBe(false)
    expect(backend.delivered).toHaveLength(headers.length + texts.length)
    expect(crowd.size).toBe(3000)
  },
)
