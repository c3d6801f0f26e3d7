/** A session that is over lets go of its connection, whatever the client does. */
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { open, start, untilEnd } from './session.ts'

const oneAtATime = 'limits: { sessions_per_address: 1 }\ntimeouts: { shutdown: 100ms }'

/** Connects until it is let in. */
async function letIn(port: number): Promise<boolean> {
  const client = await Client.connect(port)
  const [greeting = ''] = await client.reply()
  client.close()
  return greeting.startsWith('220')
}

describe('after QUIT', () => {
  test('a client that keeps its side open is left after a while', async () => {
    await using app = await start({ config: oneAtATime })
    const client = await open(app.port)
    expect(await client.ask('QUIT')).toBe('221 2.0.0 Bye')
    expect(await untilEnd(client)).toEqual([])
    expect(client.socket.writable).toBe(true)
    await expect.poll(async () => await letIn(app.port), { timeout: 15_000, interval: 200 }).toBe(true)
    client.close()
  })

  test('a client that keeps on sending is left as well', async () => {
    await using app = await start({ config: oneAtATime })
    const client = await open(app.port)
    await client.ask('QUIT')
    const chatter = setInterval(() => client.send('NOOP\r\n'), 50)
    await expect.poll(async () => await letIn(app.port), { timeout: 15_000, interval: 200 }).toBe(true)
    clearInterval(chatter)
    client.close()
  })
})
