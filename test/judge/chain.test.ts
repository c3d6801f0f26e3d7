/** Several judges of one message: side by side, one after the other, and what comes of it. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { JudgeChain } from '../../src/judge/chain.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import type { Judge, JudgeTold, MessageJudging } from '../../src/judge/judge.ts'
import { silentJudge } from '../../src/judge/silent.ts'
import { checkEdits, type Edit, type Edits } from '../../src/message/edits.ts'
import type { Findings, Judgement, Opinion, Said } from '../../src/verdict/judgement.ts'
import { wantedOf } from '../../src/verdict/wanted.ts'
import { octet } from '../smtp/splits.ts'
import { envelope } from './envelope.ts'
import { type Script, scripted } from './scripted.ts'
import { ComingText } from './texts.ts'

const message = 'Subject: x\r\n\r\nhello\r\n'

function edits(...list: readonly Edit[]): Edits {
  const checked = checkEdits(list)
  if ('failed' in checked) throw new Error(checked.failed)
  return checked
}

const scores = (name: string, score: number, more: Partial<Script> = {}) =>
  scripted({ name, judge: () => ({ kind: 'judged', score, symbols: [name] }), ...more })

const thinks = (name: string, opinion: Opinion, more: Partial<Script> = {}) =>
  scripted({ name, judge: () => ({ kind: 'judged', symbols: [], opinion }), ...more })

const marks = (name: string, value: string) =>
  scripted({
    name,
    edits: true,
    judge: () => ({
      kind: 'judged',
      symbols: [],
      edits: edits({ do: 'insert', at: 0, name: 'X-Mark', value: ` ${value}` }),
    }),
  })

interface Run {
  readonly text: ComingText
  readonly judging: MessageJudging
  readonly told: JudgeTold[]
}

function begin(judges: readonly Judge[], limitMs?: number, recipients = envelope.recipients): Run {
  const told: JudgeTold[] = []
  const text = new ComingText()
  const chain = new JudgeChain({
    judges: judges.map((judge) => ({
      judge,
      onFailure: 'accept',
      ...(limitMs === undefined ? {} : { limitMs }),
    })),
    now: () => Date.now(),
  })
  const judging = chain.message({
    envelope: { ...envelope, recipients },
    text,
    onJudged: (one) => told.push(one),
    onForeignRemoved: () => undefined,
  })
  return { text, judging, told }
}

async function judge(
  judges: readonly Judge[],
  limitMs?: number,
  recipients = envelope.recipients,
): Promise<Run & { found: Findings }> {
  const run = begin(judges, limitMs, recipients)
  run.text.push(octet(message))
  run.judging.push(octet(message))
  run.text.end()
  return { ...run, found: await run.judging.end() }
}

const judgements = ({ all }: Findings): [string, Judgement['kind']][] =>
  all.map(({ judge: name, judgement }) => [name, judgement.kind])

describe('side by side', () => {
  test('all are asked at once about one text, and told in the order of the configuration', async () => {
    const slow = scores('slow', 3, { slow: 20 })
    const { found, told } = await judge([slow, scores('fast', 4), silentJudge('silent')])
    expect(judgements(found)).toEqual([
      ['slow', 'judged'],
      ['fast', 'judged'],
      ['silent', 'silent'],
    ])
    expect(told.map(({ judge: name }) => name).at(-1)).toBe('slow')
    expect(slow.read).toEqual([message])
  })

  test('thresholds are about the first that scores, also when it has failed', async () => {
    const failing = scripted({ name: 'failing', judge: () => ({ kind: 'failed', why: 'gone' }) })
    const { found } = await judge([
      scores('unweighed', 9, { scores: false }),
      failing,
      scores('second', 4),
    ])
    expect(found.all.map(({ judge: name, weighs }) => [name, weighs])).toEqual([
      ['unweighed', false],
      ['failing', true],
      ['second', false],
    ])
  })

  test('whoever only looks on is waited for by nobody: what is found is there with the last octet', () => {
    const { judging, told } = begin([
      headersJudge({ field: 'X-Spam-Score', believes: () => true }),
      silentJudge('silent'),
    ])
    judging.push(octet('X-Spam-Score: 7\r\n\r\n'))
    expect(judging.settled()).toBeUndefined()
    judging.push(Buffer.alloc(64 * 1024))
    const settled = judging.settled()
    expect(settled?.all.map(({ judgement }) => judgement)).toEqual([
      { kind: 'judged', score: 7, symbols: ['X-Spam-Score'] },
      { kind: 'silent' },
    ])
    expect(judging.end()).toEqual(settled)
    expect(told.map(({ ms }) => ms < 1000)).toEqual([true, true])
  })

  test('while somebody reads by itself nothing is settled, and the text is not given away', () => {
    const { judging } = begin([silentJudge('silent'), scores('reader', 1)])
    judging.push(Buffer.alloc(100_000))
    expect(judging.settled()).toBeUndefined()
    judging.abandon()
  })

  test('without judges nothing is found, at once', () => {
    const { judging } = begin([])
    expect(judging.settled()).toEqual({ all: [], revision: [] })
    expect(judging.end()).toEqual({ all: [], revision: [] })
  })
})

describe('one that has decided', () => {
  test('in the middle of the text ends the others', async () => {
    const other = scores('other', 3, { hangs: true })
    const early = thinks('early', { verdict: 'reject' }, { octets: 5 })
    const { text, judging } = begin([other, early])
    text.push(octet('Subject: x\r\n'))
    while (other.ended === 0) await setImmediate()
    expect(text.readers).toBe(1) // it notices with the next octets
    text.push(octet('\r\nhello\r\n'))
    text.end()
    expect(judgements(await judging.end())).toEqual([['early', 'judged']])
    while (text.readers > 0) await setImmediate()
  })

  test.each(['reject', 'defer', 'discard'] as const)(
    'by %s spares those of later stages',
    async (verdict) => {
      const later = scores('later', 1)
      const first = thinks('first', { verdict }, { edits: true })
      const { found } = await judge([first, later])
      expect(judgements(found)).toEqual([['first', 'judged']])
      expect(later.read).toEqual([])
    },
  )

  test.each(['reject', 'defer', 'discard'] as const)(
    'by %s spares nobody where somebody gets the text all the same',
    async (verdict) => {
      const later = scores('later', 1)
      const beside = scores('beside', 2, { slow: 3 })
      const despite = envelope.recipients.map((one) => ({ ...one, despite: [verdict] }))
      const first = thinks('first', { verdict }, { edits: true })
      const { found } = await judge([beside, first, later], undefined, despite)
      expect(judgements(found)).toEqual([
        ['beside', 'judged'],
        ['first', 'judged'],
        ['later', 'judged'],
      ])
    },
  )

  test.each(['accept', 'tag', 'quarantine'] as const)('by %s does not', async (verdict) => {
    const { found } = await judge([
      thinks('first', { verdict }, { edits: true }),
      scores('later', 1),
    ])
    expect(judgements(found)).toHaveLength(2)
  })
})

describe('one after the other', () => {
  test('whoever comes behind one that edits sees what it has left, and the revision has all steps', async () => {
    const before = scores('before', 1)
    const after = scores('after', 2)
    const { found } = await judge([before, marks('one', '1'), marks('two', '2'), after])
    expect(before.read).toEqual([message])
    expect(after.read).toEqual([`X-Mark: 2\r\nX-Mark: 1\r\n${message}`])
    expect(found.revision.map((step) => step.length)).toEqual([1, 1])
  })

  test('who is refused, put off or left out by one is not shown to those behind it', async () => {
    const recipients = ['ann', 'bob', 'cid', 'dan'].map((name, index) => ({
      index,
      address: `${name}@example.org`,
      group: 'a',
      ...(name === 'dan' ? { despite: ['reject' as const] } : {}),
    }))
    const own = new Map<number, Said>([
      [0, { opinion: { verdict: 'reject' } }],
      [1, { opinion: { verdict: 'tag' } }],
      [2, { opinion: { verdict: 'discard' } }],
      [3, { opinion: { verdict: 'reject' } }],
    ])
    const shown: string[] = []
    const first = scripted({
      edits: true,
      judge: () => ({ kind: 'judged', symbols: [], own }),
    })
    const second = scripted({
      judge: (_, about) => {
        shown.push(...about.recipients.map(({ address }) => address))
        return { kind: 'silent' }
      },
    })
    await judge([first, second], undefined, recipients)
    expect(shown).toEqual(['bob@example.org', 'dan@example.org'])
  })

  test.each<Opinion>([{ verdict: 'reject' }, { verdict: 'defer' }, { verdict: 'tag' }])(
    'what one behind it says for all is not said of who was not shown to it: %j',
    async (opinion) => {
      const recipients = ['ann', 'bob', 'cid'].map((name, index) => ({
        index,
        address: `${name}@example.org`,
        group: 'a',
      }))
      const own = new Map<number, Said>([
        [0, { opinion: { verdict: 'defer' } }],
        [2, { opinion: { verdict: 'discard' } }],
      ])
      const first = scripted({ edits: true, judge: () => ({ kind: 'judged', symbols: [], own }) })
      const { found } = await judge([first, thinks('second', opinion)], undefined, recipients)
      const verdicts = recipients.map((one) => wantedOf(found, one, { sender: '' }).verdict)
      expect(verdicts).toEqual(['defer', opinion.verdict, 'discard'])
    },
  )

  test('where nobody is left those behind it are not asked', async () => {
    const own = new Map<number, Said>([[0, { opinion: { verdict: 'reject' } }]])
    const first = scripted({ edits: true, judge: () => ({ kind: 'judged', symbols: [], own }) })
    const second = scores('second', 1)
    await judge([first, second])
    expect(second.read).toEqual([])
  })

  test('one that only looks on reads what was left, too', async () => {
    const headers = headersJudge({ field: 'X-Spam-Score', believes: () => true })
    const scorer = scripted({
      edits: true,
      scores: false,
      judge: () => ({
        kind: 'judged',
        symbols: [],
        edits: edits({ do: 'insert', at: 0, name: 'X-Spam-Score', value: ' 12' }),
      }),
    })
    const { found } = await judge([scorer, headers])
    expect(found.all[1]?.judgement).toMatchObject({ kind: 'judged', score: 12 })
  })
})

describe('bad days', () => {
  test('one that hangs has failed when its time is over, and the others count', async () => {
    const hanging = scores('hanging', 1, { hangs: true })
    const { found, told } = await judge([hanging, scores('well', 4)], 20)
    expect(found.all[0]?.judgement).toEqual({ kind: 'failed', why: 'no answer in 20 ms' })
    expect(found.all[1]?.judgement).toMatchObject({ kind: 'judged', score: 4 })
    expect(hanging.ended).toBe(1)
    expect(told).toHaveLength(2)
  })

  test('the time of one begins when it could have the whole text', async () => {
    const { text, judging } = begin([scores('well', 4)], 50)
    text.push(octet('Subject: x\r\n'))
    await new Promise((resolve) => setTimeout(resolve, 120))
    text.push(octet('\r\n'))
    text.end()
    expect(judgements(await judging.end())).toEqual([['well', 'judged']])
  })

  test('one that throws has failed', async () => {
    const broken = scripted({
      name: 'broken',
      judge: () => {
        throw new Error('nonsense')
      },
    })
    const { found } = await judge([broken, scores('well', 4)])
    expect(found.all[0]?.judgement).toEqual({ kind: 'failed', why: 'nonsense' })
    expect(judgements(found)[1]).toEqual(['well', 'judged'])
  })

  test('a message whose client has gone is judged by nobody any more, and nothing is told', async () => {
    const judges = [scores('one', 1, { hangs: true }), scores('two', 2, { slow: 5 })]
    const { text, judging, told } = begin(judges)
    text.push(octet('Subject: x\r\n'))
    await setImmediate()
    judging.abandon()
    text.breakOff()
    while (text.readers > 0) await setImmediate()
    expect(judges.map(({ ended }) => ended)).toEqual([1, 1])
    expect(told).toEqual([])
  })

  test('who is asked when the time for the answer is over has failed for that reason', async () => {
    const { text, judging, told } = begin([scores('slow', 1, { hangs: true })])
    text.push(octet(message))
    text.end()
    const found = judging.end()
    await setImmediate()
    judging.abandon('no answer in time (timeouts.reply)')
    expect(judgements(await found)).toEqual([['slow', 'failed']])
    expect(told.map(({ judgement }) => judgement)).toEqual([
      { kind: 'failed', why: 'no answer in time (timeouts.reply)' },
    ])
  })
})
