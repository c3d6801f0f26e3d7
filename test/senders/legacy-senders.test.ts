/**
 * Senders that lose mail when they are split carelessly, over real sockets against the whole
 * product: who accepts gets the message exactly once, who refuses is reported to the sender exactly
 * once, and nobody is forgotten.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import {
  attempt,
  enqueue,
  type QueuedMessage,
  type SocketSenderKind,
} from '../support/socket-senders.ts'

const policies = { tag: 'tag-only', careful: 'careful', strict: 'strict' } as const
const addresses = (['tag', 'strict', 'careful'] as const).flatMap((policy) =>
  ['1', '2'].map((n) => ({ policy, address: `${policy}${n}@example.org` })),
)
const everyone = addresses.map(({ address }) => address)
const strictOnly = everyone.filter((address) => address.startsWith('strict'))
const recipients = addresses
  .map(({ policy, address }) => `"${address}": ${policies[policy]}\n`)
  .join('')
/** Who refuses a message of this score. */
const refusers = {
  0: [],
  9: strictOnly,
  20: everyone.filter((address) => !address.startsWith('tag')),
} as const
type Score = keyof typeof refusers

/** More than six groups of one need, a kept refusal and a forgiving attempt included. */
const patience = 20

/** Sends until everyone has an answer. */
async function deliver(
  app: TestApp,
  kind: SocketSenderKind,
  message: QueuedMessage,
): Promise<number> {
  let attempts = 0
  for (; message.open.length > 0 && attempts < patience; attempts++)
    await attempt(kind, app.port, message)
  expect(message.open, 'still without an answer').toEqual([])
  return attempts
}

/** How often each has the message with this subject. */
async function copies(app: TestApp, subject: string): Promise<Record<string, number>> {
  const found = everyone.map(async (address) => {
    const mails = await app.mail(address)
    return [
      address,
      mails.filter((mail) => mail.includes(`Subject: ${subject}\r\n`)).length,
    ] as const
  })
  return Object.fromEntries(await Promise.all(found))
}

const bouncesOf = (message: QueuedMessage): Record<string, number> =>
  Object.fromEntries([...message.bounced].map(([address, reports]) => [address, reports.length]))
const oneEach = (who: readonly string[]): Record<string, number> =>
  Object.fromEntries(who.map((one) => [one, 1]))
const oneOrNone = (who: readonly string[]): Record<string, number> =>
  Object.fromEntries(everyone.map((one) => [one, who.includes(one) ? 1 : 0]))

let subjects = 0
function write(score: Score, to: readonly string[]): QueuedMessage & { readonly subject: string } {
  const subject = `message ${++subjects}`
  const text = `From: s@example.net\r\nSubject: ${subject}\r\nX-Spam-Score: ${score}\r\n\r\n.dot\r\n`
  return { ...enqueue(`s${subjects}@example.net`, text, to), subject }
}

describe.each(['group', 'single'] as const)('strategy %s', (strategy) => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp({
      recipients,
      config: `peers: [{ name: default, strategy: ${strategy} }]\ntimeouts: { shutdown: 100ms }`,
    })
  })
  afterAll(async () => await app[Symbol.asyncDispose]())

  test.each<[SocketSenderKind, Score]>([
    ['haraka', 0],
    ['haraka', 9],
    ['haraka', 20],
    ['kumomta', 0],
    ['kumomta', 9],
    ['kumomta', 20],
  ])('%s, score %d: each has what its policy says, once', async (kind, score) => {
    const message = write(score, everyone)
    const attempts = await deliver(app, kind, message)
    const refused = refusers[score]
    expect(await copies(app, message.subject)).toEqual(
      oneOrNone(everyone.filter((address) => !(refused as readonly string[]).includes(address))),
    )
    expect(bouncesOf(message)).toEqual(oneEach(refused))
    for (const [reply] of message.bounced.values()) expect(reply).toMatch(/^550 5\.7\.1 /)
    const groups = strategy === 'group' ? 3 : everyone.length
    if (kind === 'haraka') expect(attempts).toBeGreaterThanOrEqual(groups)
    // the others were offered again in the same connection
    else if (score === 0) expect(attempts).toBe(1)
    expect(app.transactions().at(-1)).toMatchObject({ mode: 'split' })
  })

  test.each<[string, Score, readonly string[], 'all have it' | 'all bounce']>([
    ['everyone accepts', 0, everyone, 'all have it'],
    ['some would refuse: forgiven, and they get it tagged', 9, everyone, 'all have it'],
    ['everyone refuses', 9, strictOnly, 'all bounce'],
  ])('nullmailer, %s', async (_name, score, to, end) => {
    const message = write(score, to)
    const attempts = await deliver(app, 'nullmailer', message)
    expect(await copies(app, message.subject)).toEqual(oneOrNone(end === 'all have it' ? to : []))
    expect(bouncesOf(message)).toEqual(end === 'all have it' ? {} : oneEach(to))
    // Not starved (rule 5): one attempt shows that it can't be split, the next one goes through.
    expect(attempts).toBeLessThanOrEqual(3)
  })

  test('several senders at the same time, and a later message of each to the same recipients', async () => {
    const kinds: SocketSenderKind[] = ['haraka', 'kumomta', 'nullmailer', 'haraka']
    const rounds = await Promise.all(
      kinds.map(async (kind) => {
        const one = write(9, everyone)
        const two = { ...write(0, everyone), from: one.from }
        await deliver(app, kind, one)
        await deliver(app, kind, two)
        return { kind, one, two }
      }),
    )
    for (const { kind, one, two } of rounds) {
      const refused = kind === 'nullmailer' ? [] : strictOnly
      expect(await copies(app, one.subject), kind).toEqual(
        oneOrNone(everyone.filter((who) => !refused.includes(who))),
      )
      expect(bouncesOf(one), kind).toEqual(oneEach(refused))
      expect(await copies(app, two.subject), kind).toEqual(oneOrNone(everyone))
      expect(bouncesOf(two), kind).toEqual({})
    }
  })
})
