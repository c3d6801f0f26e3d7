/** What the history's file finds again, and what it forgets. */
import { readFileSync, statSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AddressMode } from '../../src/history/addresses.ts'
import type { Attempt } from '../../src/history/attempt.ts'
import { unpacked } from '../../src/history/batch-text.ts'
import { merged } from '../../src/history/search.ts'
import { recipient } from '../metrics/sample-facts.ts'
import { attempt, start, TestStore, to, waits } from './samples.ts'

const hour = 3_600_000

const first = attempt({
  transaction: 'S1.1',
  split: 'ABCDEFGHIJKLMNOP',
  recipients: [to('a@example.org'), recipient('b@example.org', waits)],
  reversePath: 'news@sender.example',
  messageId: '<1@sender.example>',
})
const second = attempt({
  transaction: 'S2.1',
  at: start + hour,
  split: 'ABCDEFGHIJKLMNOP',
  client: { address: '192.0.2.9', port: 1, helo: 'other', tls: false },
  recipients: [to('b@example.org')],
  reversePath: 'news@sender.example',
  messageId: '<1@sender.example>',
})
const other = attempt({
  transaction: 'S3.1',
  at: start + 2 * hour,
  recipients: [to('a@example.org', { taken: { queueId: '4ABC' } })],
  reversePath: 'a@example.org',
  messageId: '<2@else.example>',
  reply: '250 2.0.0 Ok: queued as 4ABC',
})

test('an attempt comes back as it was kept', () => {
  using all = new TestStore()
  all.write(first, second, other)
  expect(all.search({ address: 'a@example.org' }).attempts).toEqual([first, second, other])
})

test.each([
  ['a recipient, and the sender too', { address: 'A@example.org' }, ['S1.1', 'S2.1', 'S3.1']],
  ['the others of the message are told, too', { address: 'b@example.org' }, ['S1.1', 'S2.1']],
  ['a sender', { from: 'a@example.org' }, ['S3.1']],
  ['both', { address: 'a@example.org', from: 'news@sender.example' }, ['S1.1', 'S2.1']],
  ['a Message-ID', { messageId: '<2@else.example>' }, ['S3.1']],
  ['without its brackets', { messageId: '2@else.example' }, ['S3.1']],
  ['a client', { client: '192.0.2.9' }, ['S1.1', 'S2.1']],
  ['a split', { split: 'abcdefghijklmnop' }, ['S1.1', 'S2.1']],
  ['a queue id', { queueId: '4ABC' }, ['S3.1']],
  ['since', { address: 'a@example.org', since: start + hour }, ['S3.1']],
  ['nobody', { address: 'c@example.org' }, []],
  ['both never together', { address: 'b@example.org', queueId: '4ABC' }, []],
  ['nothing is asked', {}, []],
] as const)('why.md: “Each of these finds a message”: %s', (_name, question, found) => {
  using all = new TestStore()
  all.write(first, second, other)
  expect(all.found(question)).toEqual(found)
})

test('what is found is what a look at every attempt finds, the newest first', () => {
  const pick = (...names: readonly string[]) => fc.constantFrom(...names)
  const [address, client] = [pick('a@x', 'b@x', 'c@y'), pick('192.0.2.1', '192.0.2.2')]
  const one = fc.record({ to: fc.uniqueArray(address, { minLength: 1 }), from: address, client })
  const asked = fc.record(
    { address, from: address, client, since: fc.integer({ min: start, max: start + 40 * hour }) },
    { requiredKeys: [] },
  )
  using all = new TestStore()
  let n = 0
  fc.assert(
    fc.property(fc.array(one, { maxLength: 40 }), asked, (kept, question) => {
      const run = ++n
      // Each run later than all that were before.
      const base = run * 100 * hour
      const ofClient = (name: string): string => `${name}.${run}`
      const attempts = kept.map(({ to: names, from, client: name }, i) =>
        attempt({
          at: base + start + i * hour,
          transaction: `${run}.${i}`,
          recipients: names.map((each) => to(`${run}${each}`)),
          reversePath: `${run}${from}`,
          messageId: `<${run}.${i}>`,
          client: { address: ofClient(name), port: 1, helo: 'x', tls: false },
        }),
      )
      all.write(...attempts)
      const { since = 0, ...who } = question
      const fits = kept.flatMap(({ to: names, from, client: name }, i) =>
        (who.address === undefined || names.includes(who.address) || from === who.address) &&
        (who.from === undefined || from === who.from) &&
        (who.client === undefined || name === who.client) &&
        start + i * hour >= since
          ? [`${run}.${i}`]
          : [],
      )
      const found = all.search({
        ...(who.address !== undefined && { address: `${run}${who.address}` }),
        ...(who.from !== undefined && { from: `${run}${who.from}` }),
        ...(who.client !== undefined && { client: ofClient(who.client) }),
        ...(since !== 0 && { since: base + since }),
        limit: 5,
      })
      const isAsked = Object.keys(who).length > 0
      expect(found.attempts.map(({ transaction }) => transaction)).toEqual(
        isAsked ? fits.slice(-5) : [],
      )
      expect(found.more).toBe(isAsked && fits.length > 5)
    }),
  )
})

test('the newest are found where there are more than the limit', () => {
  using all = new TestStore()
  for (let n = 1; n <= 20; n++)
    all.write(attempt({ transaction: `S.${n}`, at: start + n, messageId: `<${n}>` }))
  const answer = all.search({ address: 'a@example.org', limit: 3 })
  expect(answer.attempts.map(({ transaction }) => transaction)).toEqual(['S.18', 'S.19', 'S.20'])
  expect(answer.more).toBe(true)
  expect(all.search({ address: 'a@example.org', limit: 20 }).more).toBe(false)
})

test('several falling rows of numbers are one, each number once', () => {
  const row = fc
    .array(fc.integer({ min: 0, max: 50 }))
    .map((all) => [...new Set(all)].sort((a, b) => b - a))
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), (rows) => {
      expect([...merged(rows.map((one) => one.values()))]).toEqual(
        [...new Set(rows.flat())].sort((a, b) => b - a),
      )
    }),
  )
})

describe.each<[AddressMode, string]>([
  ['full', 'a@example.org'],
  ['domain', '@example.org'],
  ['hash', 'hash:'],
])('addresses: %s', (mode, kept) => {
  const told = attempt({
    recipients: [
      to('a@example.org', { reply: '550 5.1.1 <a@example.org>: no such user', final: true }),
      to('secret.name@example.org', { reply: '550 5.1.1 user secret.name is gone' }),
    ],
    reversePath: 'news@sender.example',
    reply: '250 2.6.0 ok for secret.name@example.org',
  })

  test('finds by the whole address what it has kept of it', () => {
    using all = new TestStore(mode)
    all.write(told)
    const answer = all.search({ address: 'a@example.org' })
    expect(answer.attempts).toHaveLength(1)
    expect(answer.attempts[0]?.recipients[0]?.address.startsWith(kept)).toBe(true)
    expect(answer.asked).toContain(answer.attempts[0]?.recipients[0]?.address)
    expect(all.found({ from: 'NEWS@sender.example' })).toHaveLength(1)
    expect(all.found({ address: 'x@elsewhere.example' })).toHaveLength(0)
  })

  test('why.md: “no local part of an address is in the file”', () => {
    using all = new TestStore(mode)
    all.write(told)
    const texts = all.packed.map((octets) => unpacked(octets)?.join('\n')).join('\n')
    expect(texts).toContain('250 2.6.0 ok for')
    all.store.close()
    const octets = readFileSync(all.path).toString('latin1')
    for (const secret of ['secret.name', 'a@example.org', 'news@']) {
      expect(octets).not.toContain(secret)
      expect(texts.includes(secret)).toBe(mode === 'full')
    }
  })
})

describe.each([1, 64])('with %i attempts in a batch', (perBatch) => {
  const secret = 'zq8w7secret'
  const ofSecret = (n: number, at: number): Attempt =>
    attempt({
      transaction: `${secret}.${n}`,
      at,
      recipients: [to(`${secret}${n}@example.org`, { taken: { queueId: `${secret}Q${n}` } })],
      reversePath: `${secret}@sender.example`,
      messageId: `<${secret}${n}@sender.example>`,
    })

  /** Of what has been packed, so short that each is in one page; not what `left` has, too. */
  function piecesOf(packed: readonly Uint8Array[], left: readonly Uint8Array[]): readonly Buffer[] {
    const length = 24
    const kept = left.map((octets) => Buffer.from(octets))
    return packed
      .flatMap((octets) =>
        Array.from({ length: Math.floor(octets.length / length) }, (_, i) =>
          Buffer.from(octets).subarray(i * length, (i + 1) * length),
        ),
      )
      .filter((piece) => !kept.some((octets) => octets.includes(piece)))
  }

  test('why.md: “After `history.keep` nothing of a transaction is in the file.”', () => {
    using all = new TestStore()
    for (let n = 0; n < 512; n += perBatch)
      all.write(...Array.from({ length: perBatch }, (_, i) => ofSecret(n + i, start + n + i)))
    const packed = all.packed
    all.write(attempt({ transaction: 'new.1', at: start + hour }))
    const pieces = piecesOf(packed, all.packed.slice(-1))
    all.checkpoint()
    const before = readFileSync(all.path)
    expect(pieces.filter((piece) => before.includes(piece)).length).toBeGreaterThan(100)
    let steps = 1
    while (all.store.expire(start + hour)) steps++
    expect(steps).toBeGreaterThan(2)
    expect(all.found({ from: `${secret}@sender.example` })).toEqual([])
    expect(all.found({ address: 'a@example.org' })).toEqual(['new.1'])
    all.store.close()
    const after = readFileSync(all.path)
    expect(pieces.filter((piece) => after.includes(piece))).toEqual([])
  })

  test('of a batch that is partly old the rest stays, where it was', () => {
    using all = new TestStore()
    const written = Array.from({ length: 2 * perBatch }, (_, n) =>
      ofSecret(n, n % 2 === 0 ? start : start + n),
    )
    for (let n = 0; n < written.length; n += perBatch) all.write(...written.slice(n, n + perBatch))
    const packed = all.packed
    expect(all.store.expire(start + 1)).toBe(false)
    const left = written.filter(({ at }) => at > start).map(({ transaction }) => transaction)
    expect(all.found({ from: `${secret}@sender.example` })).toEqual(left)
    expect(all.found({ queueId: `${secret}Q0` })).toEqual([])
    expect(all.found({ queueId: `${secret}Q1` })).toEqual([`${secret}.1`])
    expect(all.search({ from: 'x' }).keptSince).toBe(start + 1)
    expect(all.everyTransaction).toEqual(left)
    const pieces = piecesOf(packed, all.packed)
    all.store.expire(start + hour)
    expect(all.everyTransaction).toEqual([])
    expect(all.search({ from: 'x' }).keptSince).toBeUndefined()
    all.store.close()
    const after = readFileSync(all.path)
    expect(pieces.filter((piece) => after.includes(piece))).toEqual([])
  })

  test('a batch that is damaged is left out, and goes when it is old', () => {
    using all = new TestStore()
    for (let n = 0; n < 2 * perBatch; n += perBatch)
      all.write(...Array.from({ length: perBatch }, (_, i) => ofSecret(n + i, start + n)))
    all.change('update batch set packed = zeroblob(100) where id = 1')
    const asked = { from: `${secret}@sender.example` }
    expect(all.found(asked)).toHaveLength(perBatch)
    expect(all.everyTransaction).toHaveLength(perBatch)
    expect(all.terms).toBe(10 * perBatch)
    while (all.store.expire(start + 1));
    expect(all.found(asked)).toHaveLength(perBatch)
    expect(all.terms).toBe(5 * perBatch)
    all.store.removeOldest()
    expect(all.terms).toBe(0)
  })
})

test('who is written to twice is found once', () => {
  using all = new TestStore()
  all.write(attempt({ recipients: [to('a@example.org'), to('A@example.org')] }))
  expect(all.found({ address: 'a@example.org' })).toHaveLength(1)
})

test('why.md: “The file never grows over `history.max_size`: the oldest transactions go first.”', () => {
  const most = 1024 * 1024
  using all = new TestStore('full', most)
  for (let n = 0; n < 5000; n++) {
    while (all.store.usedBytes() > 0.95 * most) all.store.removeOldest()
    all.write(attempt({ transaction: `S.${n}`, at: start + n, messageId: `<${n}@s.example>` }))
  }
  expect(all.found({ messageId: '<4999@s.example>' })).toEqual(['S.4999'])
  expect(all.found({ messageId: '<0@s.example>' })).toEqual([])
  const { keptSince = 0 } = all.search({ messageId: 'x' })
  expect(keptSince).toBeGreaterThan(start)
  all.store.close()
  expect(statSync(all.path).size).toBeLessThanOrEqual(most)
})

test('who was killed is told, with the time of which something may be missing', () => {
  using all = new TestStore()
  all.store.write('primary', { written: [], closings: [], gaps: [], until: start + 10 })
  all.store.begin('primary', 'full', start + 500)
  expect(all.search({ address: 'a@b' }).gaps).toEqual([
    { from: start + 10, until: start + 500, why: 'killed' },
  ])
  all.store.end('primary', start + 600)
  all.store.begin('primary', 'full', start + 700)
  all.store.begin('1', 'full', start + 700)
  all.store.endOthers('primary', start + 800)
  expect(all.search({ address: 'a@b' }).gaps).toHaveLength(2)
  expect(all.search({ address: 'a@b', since: start + 801 }).gaps).toEqual([])
})

test('only its owner can read the file', () => {
  using all = new TestStore()
  expect(statSync(all.path).mode & 0o777).toBe(0o600)
})
