/**
 * A sender that leaves while the mail server behind is thinking, and comes again with the same
 * message (RFC 1047): to the same process, another worker or another front-end, while the first
 * attempt is still being delivered or after it.
 */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { Client } from '../support/dialogue.ts'
import type { FakeBackend, Step } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import type { Message } from './sender.ts'

/**
 * `QUIT`: it says QUIT behind its text, closes its side, and reads on until it goes without having
 * read anything.
 */
export const waysToGo = ['FIN', 'RST', 'QUIT'] as const
export type WayToGo = (typeof waysToGo)[number]

export const moments = ['while it is being delivered', 'after it was delivered'] as const
export type Moment = (typeof moments)[number]

export interface Return {
  readonly gone: WayToGo
  readonly moment: Moment
  /** Where the mail server behind is when the sender leaves. */
  readonly at?: Step
  readonly message: Message
  /** To where the first attempt and the return go. */
  readonly ports: readonly [number, number]
  readonly backend: FakeBackend
  /** How many open splits the ledger holds. */
  readonly openSplits: () => Promise<number>
}

/** Says everything up to the final dot; nothing of the answer is read. */
export async function offer(port: number, message: Message): Promise<Client> {
  const client = await Client.connect(port)
  await client.reply()
  return await offerOn(client, message)
}

/** The same on a connection that was greeted. */
export async function offerOn<Some extends Client>(
  client: Some,
  { from, to, text }: Message,
): Promise<Some> {
  await client.ask('EHLO client.test')
  await client.ask(`MAIL FROM:<${from}>`)
  for (const one of to) expect(await client.ask(`RCPT TO:<${one}>`)).toMatch(/^250/)
  expect(await client.ask('DATA')).toMatch(/^354/)
  client.send(`${text}.\r\n`)
  return client
}

export async function leave({ socket }: Client, gone: WayToGo): Promise<void> {
  if (gone === 'QUIT') {
    socket.end('QUIT\r\n')
    // Nobody gives up sooner: until then it is one of those that read on.
    await pause(1100)
    return
  }
  if (gone === 'RST') socket.resetAndDestroy()
  else socket.destroy()
  if (!socket.closed) await once(socket, 'close')
}

/** The reply to the return. */
export async function leaveAndReturn(how: Return): Promise<string> {
  const { gone, moment, at = 'dot', message, ports, backend, openSplits } = how
  const [reached, goOn] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  backend.rule({ on: at, nth: 1, hold: goOn.promise, reached: () => reached.resolve(undefined) })
  const first = await offer(ports[0], message)
  await reached.promise
  await leave(first, gone)
  await until('the ledger knows of the delivery', async () => (await openSplits()) > 0)
  first.close()
  if (moment === 'after it was delivered') {
    goOn.resolve(undefined)
    await until('it is delivered', () => backend.delivered.length > 0)
  }
  const second = await offer(ports[1], message)
  const reply = second.reply()
  if (moment === 'while it is being delivered') {
    await Promise.race([reply, pause(300)])
    expect(
      backend.texts.length,
      'texts that the mail server has while the first one is under way',
    ).toBeLessThan(2)
    goOn.resolve(undefined)
  }
  const [line = 'nothing'] = await reply
  second.send('QUIT\r\n')
  await second.reply()
  second.close()
  return line
}

/** How often the mail server behind has the message for each recipient. */
export const copies = ({ delivered }: FakeBackend, { to }: Message): readonly number[] => {
  const all = delivered.flatMap(({ recipients }) => recipients)
  return to.map((one) => all.filter((recipient) => recipient === `<${one}>`).length)
}
