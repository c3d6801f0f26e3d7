/** A session that is over lets go of its connection, whatever the client does. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { open, start, untilEnd } from '../support/session.ts'

const oneAtATime = 'limits: { sessions_per_address: 1 }\ntimeouts: { shutdown: 100ms }'

/** Connects until it is let in. */
async function letIn(port: number): Promise<boolean> {
  const client = await Client.connect(port)
  const [greeting = ''] = await client.reply()
  client.close()
  return greeting.startsWith('220')
}

describe('after QUIT', () => {
  test('the connection is gone for good, and the client still reads its 221', async () => {
    await using app = await start()
    const client = await open(app.port)
    client.send('MAIL FROM:<s@example.net>\r\nQUIT\r\n')
    expect(await untilEnd(client)).toEqual(['250 2.1.0 Sender OK', '221 2.0.0 Bye'])
    const reset = once(client.socket, 'error')
    // Nobody is there to read it; where only one side were closed it would be taken.
    const chatter = setInterval(() => client.send('NOOP\r\n'), 20)
    expect(await reset).toMatchObject([
      { code: expect.stringMatching(/^(?:ECONNRESET|EPIPE)$/) as unknown },
    ])
    clearInterval(chatter)
    client.close()
  })

  test('a client that keeps its side open is left after a while', async () => {
    await using app = await start({ config: oneAtATime })
    const client = await open(app.port)
    expect(await client.ask('QUIT')).toBe('221 2.0.0 Bye')
    expect(await untilEnd(client)).toEqual([])
    expect(client.socket.writable).toBe(true)
    await expect
      .poll(async () => await letIn(app.port), { timeout: 15_000, interval: 200 })
      .toBe(true)
    client.close()
  })

  test('a client that keeps on sending is left as well', async () => {
    await using app = await start({ config: oneAtATime })
    const client = await open(app.port)
    await client.ask('QUIT')
    const chatter = setInterval(() => client.send('NOOP\r\n'), 50)
    await expect
      .poll(async () => await letIn(app.port), { timeout: 15_000, interval: 200 })
      .toBe(true)
    clearInterval(chatter)
    client.close()
  })
})
