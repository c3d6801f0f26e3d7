import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import fc from 'fast-check'
import type { Fact } from '../../src/facts/fact.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { visibleJson } from '../../src/log/visible.ts'
import { everyKind, recipient, transaction } from '../metrics/sample-facts.ts'

interface Options {
  readonly level?: 'debug' | 'info' | 'warn' | 'error'
  readonly format?: 'json' | 'pretty' | 'line'
}

/** What the log writes for the facts, whole, as it would stand on stdout. */
function written(
  facts: readonly Fact[],
  { level = 'debug', format = 'json' }: Options = {},
): string {
  let text = ''
  const listen = logFromFacts(createLog({ level, format, write: (line) => (text += line) }))
  for (const fact of facts) listen(fact)
  return text
}

const parsed = (facts: readonly Fact[], options: Options = {}): Record<string, unknown>[] =>
  written(facts, options)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

const hostile = 'x"\r\n{"level":"error"}\u001b[2J\u007f\u009b31m\u2028\u202etxt\0\\\t\\n'
const unfit = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

describe('a transaction', () => {
  it('is one info line that tells the whole story', () => {
    const [line, ...more] = parsed([
      transaction({
        mode: 'split',
        split: 'ABCDEFGHIJKLMNOP',
        recipients: [
          recipient('a@example.org'),
          recipient('b@example.org', {
            policy: 'strict',
            group: 2,
            fate: 'deferred',
            final: false,
            reply: '451 4.5.3 later',
          }),
        ],
      }),
    ])
    expect(more).toEqual([])
    expect(line).toMatchObject({
      level: 'info',
      event: 'transactionEnded',
      msg: 'accepted: 2 recipients, 1 answered for good, 1 deferred to split',
      session: 'S1',
      peer: 'default',
      client: { address: '192.0.2.1', port: 40_000, helo: 'mail.example.net', tls: true },
      from: 'sender@example.net',
      recipients: [
        {
          to: 'a@example.org',
          policy: 'careful',
          group: 1,
          fate: 'through',
          verdict: 'accept',
          reply: '250 2.1.5 Ok',
        },
        {
          to: 'b@example.org',
          policy: 'strict',
          group: 2,
          fate: 'deferred',
          reply: '451 4.5.3 later',
        },
      ],
      recipientCount: 2,
      groups: 2,
      mode: 'split',
      strategy: 'group',
      outcome: 'accepted',
      split: 'ABCDEFGHIJKLMNOP',
      score: 1.5,
      deliveries: [{ queueId: '4F1', reply: '250 2.0.0 Ok: queued as 4F1', ms: 12 }],
      reply: '250 2.0.0 Ok',
      textMs: 20,
      judgedMs: 25,
      ms: 40,
    })
    expect(Date.parse(String(line?.['time']))).not.toBeNaN()
  })

  it('shows the first hundred recipients and how many were left out', () => {
    const recipients = Array.from({ length: 1000 }, (_, i) => recipient(`r${i}@example.org`))
    const [line] = parsed([transaction({ recipients })])
    expect(line?.['recipients']).toHaveLength(100)
    expect(line).toMatchObject({ recipientCount: 1000, recipientsLeftOut: 900 })
  })

  it('cuts a text that somebody made long', () => {
    const [line] = parsed([
      transaction({ messageId: 'm'.repeat(1_000_000), reply: 'r'.repeat(1_000_000) }),
    ])
    expect(JSON.stringify(line).length).toBeLessThan(5000)
    expect(line?.['messageId']).toContain('(1000000 characters)')
  })
})

describe('the line of a transaction, octet for octet', () => {
  const head = '{"level":"info","time":"2027-01-15T08:00:00.000Z","event":"transactionEnded"'

  it('of one recipient', () => {
    expect(written([transaction()])).toBe(
      `${head},"session":"S1","transaction":"S1.1","peer":"default",` +
        '"client":{"address":"192.0.2.1","port":40000,"helo":"mail.example.net","tls":true},' +
        '"from":"sender@example.net","recipients":[{"to":"a@example.org","policy":"careful",' +
        '"group":1,"fate":"through","verdict":"accept","reason":"below limits","final":true,' +
        '"reply":"250 2.1.5 Ok"}],"recipientCount":1,"groups":1,"mode":"plain",' +
        '"strategy":"group","outcome":"accepted","size":2000,"messageId":"<1@example.net>",' +
        '"score":1.5,"symbols":["ONE","TWO"],"deliveries":[{"recipients":1,"result":"plain",' +
        '"reply":"250 2.0.0 Ok: queued as 4F1","queueId":"4F1","ms":12}],' +
        '"reply":"250 2.0.0 Ok","textMs":20,"judgedMs":25,"ms":40,' +
        '"msg":"accepted: 1 recipient, 1 answered for good"}\n',
    )
  })

  it('of a return, with all that there may be', () => {
    const reason = {
      because: 'rule 2',
      overrules: { because: 'reject_at', score: 9, threshold: 8, judge: 'rspamd' },
    } as const
    const limit = { because: 'limit', limit: 'message_size' } as const
    const through = { policy: 'a', group: 2, duplicate: true, reported: true, reason } as const
    const fact = transaction({
      recipients: [
        recipient('a@example.org', { ...through, returnedAfterMs: 1500 }),
        recipient('b@example.org', { fate: 'deferred', final: false, reason: limit }),
        { address: 'c@example.org', fate: 'refused', reason: { because: 'single' }, final: true },
      ],
      ...({
        mode: 'split',
        observed: true,
        chosen: { sender: 'example.net', why: 'it returns' },
        vouched: false,
      } as const),
      cameBack: { sameConnection: true, elsewhere: false, otherHost: true },
      ...({ guess: 'wrong', shadow: { strategy: 'single', forcedRetries: 2 } } as const),
      ...({ outcome: 'mixed', unsplit: 'crowded', split: 'ABC' } as const),
    })
    expect(written([fact])).toBe(
      `${head},"session":"S1","transaction":"S1.1","peer":"default",` +
        '"client":{"address":"192.0.2.1","port":40000,"helo":"mail.example.net","tls":true},' +
        '"from":"sender@example.net","recipients":[{"to":"a@example.org","policy":"a",' +
        '"group":2,"fate":"through","verdict":"accept","reason":"rule 2",' +
        '"overrules":"reject_at","score":9,"threshold":8,"judge":"rspamd","duplicate":true,' +
        '"reported":true,"returnedAfterMs":1500,"final":true,"reply":"250 2.1.5 Ok"},' +
        '{"to":"b@example.org","policy":"careful","group":1,"fate":"deferred",' +
        '"verdict":"accept","reason":"limit","limit":"message_size","final":false,' +
        '"reply":"250 2.1.5 Ok"},{"to":"c@example.org","fate":"refused","reason":"single",' +
        '"final":true}],"recipientCount":3,"groups":2,"mode":"split","strategy":"group",' +
        '"observed":true,"chosen":{"sender":"example.net","why":"it returns"},"vouched":false,"cameBack":{"sameConnection":true,' +
        '"elsewhere":false,"otherHost":true},"guess":"wrong","shadow":{"strategy":"single",' +
        '"forcedRetries":2},"outcome":"mixed","unsplit":"crowded","split":"ABC","size":2000,' +
        '"messageId":"<1@example.net>","score":1.5,"symbols":["ONE","TWO"],"deliveries":' +
        '[{"recipients":1,"result":"plain","reply":"250 2.0.0 Ok: queued as 4F1",' +
        '"queueId":"4F1","ms":12}],"reply":"250 2.0.0 Ok","textMs":20,"judgedMs":25,"ms":40,' +
        '"msg":"mixed: 3 recipients, 2 answered for good, 1 deferred to split, 1 had it already' +
        ', not split: crowded"}\n',
    )
  })

  it('of more recipients than a line has', () => {
    const recipients = Array.from({ length: 101 }, (_, i) => recipient(`u${i}@example.org`))
    expect(written([transaction({ recipients })])).toContain(
      '],"recipientCount":101,"recipientsLeftOut":1,"groups":1,',
    )
  })
})

describe('missing recipients', () => {
  it('are a warning with all that is needed to find the mail; a message that nobody has is none', () => {
    const lines = parsed(everyKind).filter((line) => line['event'] === 'recipientsMissing')
    expect(lines).toMatchObject([
      {
        level: 'warn',
        msg: '2 deferred recipients were not offered again: their mail may be lost',
        split: 'CBCDEFGHIJKLMNOP',
        from: 'news@sender.example',
        messageId: '<2@sender.example>',
        client: { address: '192.0.2.9', rdns: 'mx.sender.example' },
        recipients: [
          { to: 'e@example.org', state: 'waiting' },
          { to: 'f@example.org', state: 'refused' },
        ],
        lastAttempt: '1970-01-01T00:00:00.001Z',
      },
      { level: 'info', split: 'DBCDEFGHIJKLMNOP' },
    ])
  })
})

describe('the levels', () => {
  it.each([
    ['transactionEnded', 'info'],
    ['sessionClosed', 'debug'],
    ['connectionRefused', 'warn'],
    ['splitOpened', 'debug'],
    ['strategyChanged', 'info'],
    ['senderLearned', 'info'],
    ['senderChanged', 'info'],
    ['judgeFailed', 'warn'],
    ['bounce', 'warn'],
    ['messageObserved', 'info'],
    ['drainChanged', 'info'],
    ['messageNotObserved', 'warn'],
    ['policyFailed', 'warn'],
    ['policyWrong', 'error'],
    ['aliasesWrong', 'error'],
    ['policiesLoaded', 'info'],
    ['policiesKept', 'warn'],
    ['backendConnected', 'debug'],
    ['backendFailed', 'warn'],
    ['backendRefusesUs', 'error'],
    ['backendEjected', 'warn'],
    ['backendFull', 'warn'],
    ['backendReturned', 'info'],
    ['clientCertificate', 'info'],
    ['tlsFailed', 'info'],
    ['certificateLoaded', 'info'],
    ['certificateKept', 'warn'],
    ['certificateExpires', 'warn'],
    ['ledgerTrouble', 'warn'],
    ['ledgerRecovered', 'info'],
  ])('%s is %s', (event, level) => {
    const levels = parsed(everyKind).flatMap((line) =>
      line['event'] === event ? [line['level']] : [],
    )
    expect(levels.length).toBeGreaterThan(0)
    expect(new Set(levels)).toEqual(new Set([level]))
  })

  it('an abandoned split is a warning with its recipients, a completed one is not', () => {
    const lines = parsed(everyKind).filter((line) => line['event'] === 'splitClosed')
    expect(lines).toMatchObject([
      { level: 'info', outcome: 'completed' },
      { level: 'warn', outcome: 'abandoned', recipients: ['c@example.org', 'd@example.org'] },
    ])
  })

  it('writes nothing below the level', () => {
    expect(new Set(parsed(everyKind, { level: 'warn' }).map((line) => line['level']))).toEqual(
      new Set(['warn', 'error']),
    )
  })

  it('says who set a strategy, and until when', () => {
    const set: Fact = {
      kind: 'strategyChanged',
      at: 1,
      peer: 'partners',
      strategy: 'off',
      until: 0,
      by: 'admin',
      reset: false,
    }
    expect(parsed([set])).toMatchObject([
      { msg: 'strategy of partners set to off', by: 'admin', until: '1970-01-01T00:00:00.000Z' },
    ])
  })
})

describe('a flood of refused connections', () => {
  it("limits.md: “The log has a warning with the client's address (limitReached, connectionRefused), once a minute for each limit.” “The warning gives the number of those that the log leaves out.”", () => {
    const refusedAt = (at: number): Fact => ({
      kind: 'connectionRefused',
      at,
      address: '192.0.2.3',
      limit: 'sessions',
    })
    const lines = parsed([refusedAt(0), refusedAt(10), refusedAt(59_999), refusedAt(60_000)])
    expect(lines).toHaveLength(2)
    expect(lines[1]).toMatchObject({ moreSinceLastLine: 2 })
  })
})

describe('log injection', () => {
  const told = transaction({
    reversePath: hostile,
    client: { address: '192.0.2.1', port: 1, helo: hostile, tls: false },
    recipients: [recipient(hostile, { reply: `250 ${hostile}` })],
    messageId: hostile,
    symbols: [hostile],
    reply: hostile,
  })

  it('is impossible in JSON: one line, no control characters, and the values are kept', () => {
    const text = written([told])
    expect(text.split('\n')).toHaveLength(2)
    expect(text).not.toMatch(unfit)
    expect(JSON.parse(text)).toMatchObject({ from: hostile, messageId: hostile })
  })

  it('is impossible in the pretty log', () => {
    const text = written([told], { format: 'pretty' })
    expect(text.split('\n')).toHaveLength(2)
    expect(text).not.toMatch(unfit)
    expect(text).toContain(': accepted')
  })

  it.each([0, 0x1f, 0x7f, 0x80, 0x9f, 0xad, 0x61c, 0x200b, 0x2028, 0xfeff, 0xfffb])(
    'is impossible by one character alone, %i',
    (code) => {
      const told = String.fromCharCode(code)
      const escaped = `\\u${code.toString(16).padStart(4, '0')}`
      const [line, next] = written([
        transaction({ messageId: told }),
        transaction({ messageId: 'usual' }),
      ]).split('\n')
      expect(line).toContain(`"messageId":"${escaped}"`)
      expect(next).toContain('"messageId":"usual"')
    },
  )

  it.each(['json', 'pretty', 'line'] as const)(
    'property: whatever a client says stays on one line, %s',
    (format) => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (said) => {
          const fact: Fact = {
            kind: 'backendFailed',
            at: 1,
            transaction: 'x.1',
            server: 's',
            step: 'mail',
            why: said,
          }
          const text = written([fact], { format })
          expect(text.split('\n')).toHaveLength(2)
          expect(text).not.toMatch(unfit)
        }),
      )
    },
  )

  it('is impossible through the message of an error, too', () => {
    for (const format of ['json', 'pretty', 'line'] as const) {
      let text = ''
      createLog({ level: 'info', format, write: (line) => (text += line) }).error(
        new Error(hostile),
        hostile,
      )
      expect(text.split('\n')).toHaveLength(2)
      expect(text).not.toMatch(unfit)
    }
  })
})

describe('a deferred line', () => {
  afterEach(() => vi.useRealTimers())
  const at = Date.parse('2026-11-23T20:15:00.123Z')
  const tell = (message: string) => () => ({ fields: { event: 'e', left: undefined }, message })
  const messages = (text: string): unknown[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { msg: unknown }).msg)

  it('is a line like any other, with the time at which it happened', () => {
    let text = ''
    createLog({ level: 'info', format: 'json', pid: 7, write: (line) => (text += line) }).deferred(
      at,
      tell('done'),
    )
    expect(text).toBe(
      '{"level":"info","time":"2026-11-23T20:15:00.123Z","pid":7,"event":"e","msg":"done"}\n',
    )
  })

  it('is what JSON makes of all of its fields, whatever they are', () => {
    const keys = fc.string({ unit: 'binary' }).map((name) => `x${name}`)
    const values = fc.oneof(fc.jsonValue(), fc.constant(undefined))
    const pids = fc.option(fc.nat(), { nil: undefined })
    const words = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(fc.dictionary(keys, values), words, pids, (fields, message, pid) => {
        let text = ''
        const write = (line: string): string => (text += line)
        const ofAll = pid === undefined ? {} : { pid }
        const log = createLog({ level: 'info', format: 'json', ...ofAll, write })
        log.deferred(at, () => ({ fields, message }))
        const time = new Date(at).toISOString()
        const json = JSON.stringify({ level: 'info', time, ...ofAll, ...fields, msg: message })
        expect(text).toBe(`${visibleJson(json)}\n`)
      }),
    )
  })

  it('is not told where info lines are not wanted', () => {
    let text = ''
    const log = createLog({ level: 'warn', format: 'json', write: (line) => (text += line) })
    log.deferred(at, () => expect.fail('told'))
    expect(text).toBe('')
  })

  it('waits for others, and all leave in one write', () => {
    vi.useFakeTimers()
    const writes: string[] = []
    const log = createLog({
      level: 'info',
      format: 'json',
      flushMs: 10,
      write: (lines) => writes.push(lines),
    })
    log.deferred(at, tell('one'))
    vi.advanceTimersByTime(5)
    log.deferred(at, tell('two'))
    expect(writes).toEqual([])
    vi.advanceTimersByTime(5)
    expect(writes.map(messages)).toEqual([['one', 'two']])
    log.deferred(at, tell('three'))
    vi.advanceTimersByTime(10)
    expect(writes.map(messages)).toEqual([['one', 'two'], ['three']])
  })

  it('stands before lines that come after it', () => {
    let text = ''
    const log = createLog({
      level: 'info',
      format: 'json',
      flushMs: 10,
      write: (lines) => (text += lines),
    })
    log.deferred(at, tell('one'))
    log.warn('two')
    expect(messages(text)).toEqual(['one', 'two'])
  })

  it('does not wait where there are many', () => {
    const writes: string[] = []
    const log = createLog({
      level: 'info',
      format: 'json',
      flushMs: 10,
      write: (lines) => writes.push(lines),
    })
    for (let i = 0; i < 130; i++) log.deferred(at, tell(String(i)))
    expect(writes.map((text) => messages(text).length)).toEqual([64, 64])
  })

  it.each(['process.exit(0)', 'throw new Error("bug")', ''])(
    'is written before the process ends: %s',
    (end) => {
      const module = fileURLToPath(new URL('../../src/log/log.ts', import.meta.url))
      const script = `
      import { createLog } from ${JSON.stringify(module)}
      createLog({ level: 'info', format: 'json', flushMs: 60_000 }).deferred(0, () => ({ fields: {}, message: 'told' }))
      ${end}`
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
      })
      expect(messages(stdout)).toEqual(['told'])
    },
  )
})
