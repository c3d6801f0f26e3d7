/** Files as they lie there: plain, packed, of several programs, damaged. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Entry, ReadCounts } from '../../src/maillog/entry.ts'
import { inOrder } from '../../src/maillog/in-order.ts'
import { readLogFile } from '../../src/maillog/log-file.ts'
import { longestLine, TextLines } from '../../src/maillog/text-lines.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-maillog-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true })
})

async function read(
  ...texts: readonly (string | Buffer)[]
): Promise<{ readonly entries: readonly Entry[]; readonly counts: ReadCounts }> {
  const counts = new ReadCounts()
  const sources = []
  for (const [i, text] of texts.entries()) {
    const path = join(directory, `log.${i}`)
    await writeFile(path, text)
    sources.push(readLogFile({ path, counts, now: Date.UTC(2026, 11, 1) }))
  }
  const entries: Entry[] = []
  await inOrder(
    sources,
    (entry) => entries.push(entry),
    async () => await Promise.resolve(),
  )
  return { entries, counts }
}

const removed = (minute: number, id: string): string =>
  `2026-11-30T10:${String(minute).padStart(2, '0')}:00Z mx postfix/qmgr[1]: ${id}: removed\n`
const idsOf = (entries: readonly Entry[]): readonly unknown[] =>
  entries.map(({ sighting }) => ('id' in sighting ? sighting.id : sighting.kind))

test('replay.md: “A file may be packed with gzip.” whatever it is called, and several are read in the order of time', async () => {
  const one = removed(1, 'AAAAA') + removed(4, 'DDDDD')
  const other = removed(2, 'BBBBB') + removed(3, 'CCCCC') + removed(5, 'EEEEE')
  const { entries, counts } = await read(gzipSync(one), other, '')
  expect(idsOf(entries)).toEqual(['AAAAA', 'BBBBB', 'CCCCC', 'DDDDD', 'EEEEE'])
  expect(counts).toMatchObject({ lines: 5, unread: 0, first: Date.UTC(2026, 10, 30, 10, 1) })
})

test('a file that ends too soon, or is no history, is named', async () => {
  const packed = gzipSync(removed(1, 'AAAAA'))
  await expect(read(packed.subarray(0, -9))).rejects.toThrow(/log\.0 can't be read: /)
  await expect(read('{"version":2}')).rejects.toThrow('no history of rspamd')
})

test("replay.md: “Rcptwise counts the lines that it can't read, and shows the first three.”", async () => {
  const { counts } = await read(`x\n${removed(1, 'AAAAA')}y\nz\n\nlast`)
  expect(counts).toMatchObject({ lines: 6, unread: 4 })
  expect(counts.shown.map(({ line, text }) => [line, text])).toEqual([
    [1, 'x'],
    [3, 'y'],
    [4, 'z'],
  ])
})

describe('histories of rspamd', () => {
  const row = {
    unix_time: 1_796_032_995,
    action: 'no action',
    score: 3,
    required_score: 15,
    symbols: { ONE: { score: 1 } },
  }
  test('its own, and that of history_redis, which has the envelope', async () => {
    const plain = { ...row, id: 'm3@x', ip: '192.0.2.1', from: '192.0.2.1' }
    const redis = {
      ...row,
      ...{ 'message-id': 'm4@x', ip: '192.0.2.1', user: 'unknown', size: 306 },
      ...{ sender_smtp: 's@x', rcpt_smtp: ['a@x', 'j\u00f6rg@x'], qid: 'AAAAA' },
    }
    const score = { scanner: 'rspamd', score: 3, symbols: ['ONE'] }
    const client = { address: '192.0.2.1' }
    const { entries } = await read(JSON.stringify([plain]))
    expect(entries).toEqual([
      {
        at: 1_796_032_995_000,
        sighting: { kind: 'judged', messageId: 'm3@x', client, score },
      },
    ])
    const other = await read(JSON.stringify({ version: 2, rows: [redis, 'x'] }, undefined, 1))
    expect(other.entries.map(({ sighting }) => sighting)).toEqual([
      {
        kind: 'judged',
        ...{ messageId: 'm4@x', queueId: 'AAAAA', client, score, sender: 's@x', sizeBytes: 306 },
        recipients: { known: ['a@x', 'j\xc3\xb6rg@x'], whole: true },
      },
    ])
    expect(other.counts.unread).toBe(1)
  })
})

test("Rcptwise's own log tells each message once, however many attempts it took", async () => {
  const line = (more: object): string =>
    `${JSON.stringify({
      event: 'transactionEnded',
      time: '2026-11-30T10:03:15.000Z',
      client: { address: '192.0.2.1', helo: 'h' },
      from: 's@x',
      recipients: [
        { to: 'a@x', fate: 'through', reason: 'below limits' },
        { to: 'b@x', fate: 'deferred', reason: 'other group' },
        { to: 'c@x', fate: 'refused', reason: 'backend at RCPT' },
      ],
      size: 306,
      score: 3,
      symbols: ['ONE'],
      mode: 'split',
      split: 's1',
      ...more,
    })}\n`
  const { entries } = await read(
    line({}) + line({}) + line({ mode: 'prdr', split: undefined }) + '{"event":"x","time":1}\n',
  )
  expect(entries.map(({ sighting }) => sighting)).toMatchObject([
    {
      kind: 'whole',
      message: {
        recipients: ['a@x', 'b@x'],
        scores: [{ scanner: 'any', score: 3, symbols: ['ONE'] }],
      },
    },
    { kind: 'whole', message: { prdr: true } },
  ])
})

test('lines are the same however they come, and what is too long is cut', () => {
  const text = `one\r\n\ntwo\n${'x'.repeat(longestLine + 100)}\nthree`
  for (const size of [1, 7, 1000, text.length]) {
    const lines = new TextLines()
    const all: string[] = []
    for (let at = 0; at < text.length; at += size)
      all.push(...lines.push(Buffer.from(text.slice(at, at + size))))
    all.push(...lines.end())
    expect(all).toEqual(['one', '', 'two', 'x'.repeat(longestLine), 'three'])
  }
})
