/** Which messages count, and what they cost. */
import { beforeEach, describe, expect, test } from 'vitest'
import { assumedExtensions } from '../../src/app/explain/assumed-backend.ts'
import { sessionOptions } from '../../src/app/session.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { PastMessage } from '../../src/maillog/sighting.ts'
import { mostPlayed, PastMail } from '../../src/past/past-mail.ts'
import { type SenderTimes, senderTimes } from '../../src/past/sender-model.ts'
import { delayOf, type StrategySum } from '../../src/past/tally.ts'
import { PeerDirectory } from '../../src/peers/peer-directory.ts'
import type { PolicyAnswer } from '../../src/policy/policy-source.ts'
import type { ConfigurableStrategy } from '../../src/strategy/names.ts'

const loaded = parseConfig('trusted: [203.0.113.0/24]\n', 'config.yaml')
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const { config } = loaded

const policies: Readonly<Record<string, PolicyAnswer>> = {
  strict: { kind: 'found', policy: { name: 'strict', neverDefer: false, rejectAt: 8 } },
  mild: { kind: 'found', policy: { name: 'mild', neverDefer: false } },
  failed: { kind: 'failed', source: 'sql', why: 'away' },
}
let asked: string[] = []
let mail: PastMail
beforeEach(() => {
  asked = []
  mail = pastMail(senderTimes.postfix)
})
const pastMail = (usualTimes: SenderTimes): PastMail => {
  const directory = new PeerDirectory({
    classes: config.peers,
    trusted: config.trusted,
    overrides: () => [],
    now: () => 0,
  })
  return new PastMail({
    session: sessionOptions(config, false),
    extensions: assumedExtensions,
    serve: (peer) => directory.serve(peer),
    usualTimes,
    missingAfterMs: 4 * hourMs,
    relayDomains: ['example.org'],
    policies: {
      policiesFor: (addresses) => {
        asked.push(...addresses)
        return addresses.map(
          (address) => policies[address.slice(0, address.search(/[\d@]/))] ?? failedToBeKnown,
        )
      },
    },
  })
}
const hourMs = 3_600_000
const failedToBeKnown: PolicyAnswer = { kind: 'failed', source: 'test', why: 'unknown' }

const message = (more: Partial<PastMessage> = {}): PastMessage => ({
  at: 1_800_000_000_000,
  client: { address: '192.0.2.1', rdns: 'mail.sender.example' },
  sender: 'news@sender.example',
  recipients: ['strict@example.org', 'mild@example.org'],
  sizeBytes: 1000,
  scores: [{ scanner: 'rspamd', score: 10, symbols: [] }],
  answer: 'taken',
  ...more,
})
const sumOf = (strategy: ConfigurableStrategy): StrategySum => {
  const sum = mail.tally.strategies.find((one) => one.strategy === strategy)
  if (sum === undefined) throw new Error(strategy)
  return sum
}
async function count(...messages: readonly PastMessage[]): Promise<void> {
  for (const one of messages) mail.add(one)
  await mail.work(true)
}

/** As it is where no client has brought it. */
function localOf(one: PastMessage): PastMessage {
  const local: { -readonly [Key in keyof PastMessage]: PastMessage[Key] } = { ...one }
  delete local.client
  return local
}

describe('a message is left out', () => {
  const unscored = [{ scanner: 'rspamd', symbols: [] }] as const
  const later = [{ scanner: 'rspamd', symbols: [], forced: 'defer' }] as const
  const local = localOf(message())
  test.each<readonly [string, string, PastMessage]>([
    ['it has no score', 'unscored', message({ scores: [] })],
    ['its scanner gave no score', 'unscored', message({ scores: unscored })],
    ['it has no client', 'own', local],
    ['its client has authenticated', 'own', message({ client: { address: '::1', own: true } })],
    ['its client is trusted', 'own', message({ client: { address: '203.0.113.9' } })],
    ['a filter wants it later', 'putOff', message({ scores: later })],
    ['the server has put it off', 'putOff', message({ answer: 'deferred' })],
    ['nobody here gets it', 'nobody', message({ recipients: ['a@elsewhere.example'] })],
    ['what it has is no address', 'nobody', message({ recipients: ['\u0000', '', '@', 'a b'] })],
    ['its sender is no address', 'nobody', message({ sender: '> x' })],
    ['nobody’s policy is known', 'nobody', message({ recipients: ['failed@example.org'] })],
    [
      'it has too many recipients',
      'crowded',
      message({
        recipients: Array.from({ length: mostPlayed + 1 }, (_, i) => `mild${i}@example.org`),
      }),
    ],
    ['it came with PRDR', 'prdr', message({ prdr: true })],
  ])('%s', async (_why, counter, one) => {
    await count(one)
    expect(mail.counts.counted).toBe(0)
    expect(mail.counts.leftOut).toMatchObject({ [counter]: 1 })
  })
})

test('recipients of others and those without a policy are left out of a message that counts', async () => {
  const recipients = ['strict@example.org', 'a@elsewhere.example', 'failed@example.org']
  await count(message({ recipients, more: true, answer: 'refused' }))
  expect(mail.counts).toMatchObject({
    counted: 1,
    recipients: 1,
    policiesFailed: 1,
    recipientsUnknown: 1,
    refusedThen: 1,
  })
})

test('each strategy has its own costs for a message that divides its recipients', async () => {
  await count(message())
  expect(mail.tally.divided).toBe(1)
  // Nobody vouches, and the sender was never seen to come back: four attempts (strategies.md).
  expect(sumOf('late')).toMatchObject({ forcedRetries: 3, splits: 1, refused: 1, delayed: 0 })
  expect(sumOf('group')).toMatchObject({ splits: 1, refused: 1, despite: 0 })
  expect(sumOf('lenient')).toMatchObject({ forcedRetries: 0, refused: 0, despite: 1, reported: 0 })
  expect(sumOf('bounce')).toMatchObject({ forcedRetries: 0, despite: 1, reported: 0 })
})

test('a sender that was seen to come back costs less with late', async () => {
  const scores = [{ scanner: 'rspamd', score: 10, symbols: ['R_SPF_ALLOW'] }] as const
  await count(message({ scores }), message({ scores }))
  expect(sumOf('late')).toMatchObject({ forcedRetries: 3 + 2, splits: 2 })
  expect(sumOf('bounce')).toMatchObject({ despite: 0, reported: 2 })
})

describe('replay.md: “`auto` is `late` until a sender has lost a message to a deferral, and `lenient` for it from then on.”', () => {
  const scores = [{ scanner: 'rspamd', score: 10, symbols: ['R_SPF_ALLOW'] }] as const
  const after = (hours: number, more: Partial<PastMessage> = {}): PastMessage => {
    const one = message({ scores, ...more })
    return { ...one, at: one.at + hours * hourMs }
  }

  test('who comes back is served late', async () => {
    await count(after(0), after(5), after(10))
    const { forcedRetries, splits, refused, despite } = sumOf('late')
    expect(sumOf('auto')).toMatchObject({ forcedRetries, splits, refused, despite })
  })

  test('who does not loses one message, and what comes before that is known', async () => {
    mail = pastMail(senderTimes.msmtp)
    await count(after(0), after(1), after(5), after(6))
    expect(sumOf('late')).toMatchObject({ splits: 4, despite: 0 })
    expect(sumOf('auto')).toMatchObject({ splits: 2, despite: 2 })
  })

  test('whom nobody vouches for teaches nothing', async () => {
    mail = pastMail(senderTimes.msmtp)
    const unvouched = [{ scanner: 'rspamd', score: 10, symbols: [] }] as const
    await count(
      after(0, { scores: unvouched }),
      after(5),
      after(10),
      after(15, { scores: unvouched }),
    )
    expect(sumOf('auto')).toMatchObject({ splits: 3, despite: 1 })
  })
})

test('what nobody refuses costs late nothing, and group a retry', async () => {
  await count(message({ scores: [{ scanner: 'rspamd', score: 1, symbols: [] }] }))
  expect(mail.tally.divided).toBe(0)
  expect(sumOf('late')).toMatchObject({ forcedRetries: 0, splits: 0 })
  expect(sumOf('group')).toMatchObject({ forcedRetries: 1, splits: 1, delayed: 1 })
  expect(delayOf(sumOf('group'), 1)).toBe(597)
})

describe('how late it is', () => {
  const clean = [{ scanner: 'rspamd', score: 1, symbols: [] }] as const
  test('by what the log has shown of its sender', async () => {
    for (const at of [0, 90_000, 1_000_000, 1_095_000]) {
      const offered = { sender: 'a@x', recipient: 'mild@example.org' }
      const { client = { address: '' } } = message()
      mail.sawPutOff(at, { kind: 'put off', client, ...offered })
    }
    await count(message({ scores: clean }))
    expect(delayOf(sumOf('group'), 1)).toBe(95)
    expect([...mail.tally.senders.values()]).toMatchObject([
      { sender: 'sender.example', times: { name: 'seen in logs' } },
    ])
  })

  test('by its provider', async () => {
    const client = { address: '192.0.2.1', rdns: 'mail-yw1-f171.google.com' }
    await count(message({ client, scores: clean }))
    expect(delayOf(sumOf('group'), 1)).toBe(300)
  })
})

test('the thresholds are about the scorer that the configuration has first', async () => {
  const scores = [
    { scanner: 'spamd', score: 1, symbols: [] },
    { scanner: 'rspamd', score: 10, symbols: [] },
  ] as const
  await count(message({ scores }))
  expect(mail.tally.divided).toBe(0)
})

test('each address is asked for once', async () => {
  const recipients = Array.from({ length: 20 }, (_, i) => `mild${i}@example.org`)
  await count(message({ recipients }), message({ recipients: recipients.slice(0, 3) }))
  await count(message({ recipients: recipients.slice(0, 3) }))
  expect(asked).toHaveLength(20)
})
