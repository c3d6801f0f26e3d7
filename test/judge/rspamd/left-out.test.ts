/** What rspamd wants changed and can't have, over a socket as it comes. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { rspamdJudge } from '../../../src/judge/rspamd/rspamd.ts'
import { mostEdits } from '../../../src/message/edits.ts'
import { envelope } from '../envelope.ts'
import { scannedText } from '../scripted-server.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function judged(add_headers: Readonly<Record<string, unknown>>) {
  const answer = { score: 1, action: 'no action', symbols: {}, milter: { add_headers } }
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.end(JSON.stringify(answer)))
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const leftOut: string[] = []
  const judge = rspamdJudge({
    servers: [{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }],
    scan: 'once',
    maxSizeBytes: 1e6,
    atATime: 1,
    answerLimitBytes: 64e6,
    connectTimeoutMs: 5000,
    now: () => 0,
    onChange: () => undefined,
    onLeftOut: (_transaction, what) => leftOut.push(what),
  })
  const judging = judge.message(envelope)
  if (judging.way !== 'reads') throw new Error('it reads by itself')
  const found = await judging.judge(scannedText(10).text, new AbortController().signal)
  await judge.close()
  const edits = found.kind === 'judged' ? (found.edits?.list ?? []) : undefined
  return { kind: found.kind, edits, leftOut }
}

describe('a change that can not be made costs no other one, and is told in one line', () => {
  it.each<[string, unknown]>([
    ['a header field of 1 MB', 'x'.repeat(1e6)],
    ['NUL in a value', 'a\0b'],
    ['a line of 2000 octets', 'x'.repeat(2000)],
  ])('%s', async (_name, bad) => {
    const { kind, edits, leftOut } = await judged({ 'X-Good': 'yes', 'X-Bad': bad })
    expect(kind).toBe('judged')
    expect(edits).toEqual([{ do: 'add', name: 'X-Good', value: ' yes' }])
    expect(leftOut).toHaveLength(1)
    expect(leftOut[0]).toMatch(/^1 of 2 changes can't be made: /)
  })

  it('CR LF in a value stays in its field', async () => {
    const { edits, leftOut } = await judged({ 'X-Two': 'a\r\nBcc: victim@example.org\r\n\r\nbody' })
    expect(edits).toEqual([
      { do: 'add', name: 'X-Two', value: ' a\r\n\tBcc: victim@example.org\r\n\tbody' },
    ])
    expect(leftOut).toEqual([])
  })

  it('no name of a field', async () => {
    const { edits, leftOut } = await judged({ 'Bcc: x\r\nX': 'y' })
    expect(edits).toEqual([])
    expect(leftOut).toHaveLength(1)
  })

  it('a hundred thousand of them are one line, and no more than the limit is made', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `v${i}`)
    const { edits, leftOut } = await judged({ 'X-Many': many, 'X-Bad\0': many })
    expect(edits?.length).toBeLessThanOrEqual(mostEdits)
    expect(leftOut).toHaveLength(1)
  })
})
