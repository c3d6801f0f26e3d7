/**
 * What a record of a few entries is counted as: each fault is seen, and each explanation holds for
 * its moment alone.
 */
import { describe, expect, test } from 'vitest'
import { type Fault, Record } from './count.ts'
import {
  ann,
  blow,
  both,
  cho,
  expectCounted,
  letter,
  refused,
  type Row,
  said,
  taken,
  transaction,
} from './few-entries.ts'
import type { Entry, Transaction } from './journal.ts'

const broken = { end: 'closed by Rcptwise', text: [], told: [] } as const
const left = (at: number): Partial<Transaction> => ({
  ...broken,
  end: 'left',
  left: { when: 'while the server thinks', how: 'FIN', at },
})
/** Delivered at 1000, 250 at 1001, and again at 9000. */
const twice = (first: Transaction, ...others: readonly Entry[]): Entry[] => [
  letter(0),
  first,
  taken(1000, [ann]),
  said(1001, '1000'),
  transaction(9000, '250 taken'),
  taken(9000, both),
  said(9001, '9000'),
  ...others,
]

const rows: readonly Row[] = [
  [
    'twice: the primary was killed while the connection was open, long before the copy',
    twice(transaction(1000, '', { ...broken, from: -4000 }), blow(-3500, 'primary', 'SIGKILL', 0)),
    [],
    ['doubled'],
  ],
  [
    'twice: the primary was killed before the connection was there',
    twice(transaction(1000, '', { ...broken, from: -4000 }), blow(-4500, 'primary', 'SIGKILL', 0)),
    ['doubled'],
  ],
  [
    'told 250 and delivered',
    [letter(0), transaction(1000, '250 taken'), taken(1000, both), said(1001, '1000')],
    [],
  ],
  [
    'told 250 and nobody has it',
    [letter(0), transaction(1000, '250 taken'), taken(1000, [ann])],
    ['lost'],
  ],
  [
    'told 250 in a line of a PRDR block, and nobody has it',
    [letter(0), transaction(1000, '', { told: [[cho, '250 ok']], prdr: true })],
    ['lost'],
  ],
  ['delivered twice without a reason', twice(transaction(1000, '451 later')), ['doubled']],
  [
    'delivered twice: a worker was killed in between',
    twice(transaction(1000, '', broken), blow(1005, 'worker', 'SIGKILL', 0)),
    [],
    ['doubled'],
  ],
  [
    'delivered twice: a worker of another front-end was killed in between',
    twice(transaction(1000, '', broken), blow(1005, 'worker', 'SIGKILL', 1)),
    ['doubled'],
  ],
  [
    'delivered twice: a worker was killed long after the server behind had answered',
    twice(transaction(1000, '', broken), blow(4000, 'worker', 'SIGKILL', 0)),
    ['doubled'],
  ],
  [
    'delivered twice: a worker was killed before the answer of a while ago had been passed on',
    twice(transaction(1000, '', { ...broken, to: 2500 }), blow(2400, 'worker', 'SIGKILL', 0)),
    [],
    ['doubled'],
  ],
  [
    'delivered twice: a worker was killed, but the sender had its answer',
    twice(transaction(1000, '451 later'), blow(1005, 'worker', 'SIGKILL', 0)),
    ['doubled'],
  ],
  [
    'delivered twice: the sender went when the answer was there',
    twice(transaction(1000, '', left(1002))),
    [],
    ['doubled'],
  ],
  [
    'delivered twice: the sender went while the server was thinking',
    [
      letter(0),
      transaction(1000, '', left(1150)),
      { ...taken(3000, [ann], 'n'), came: 1001 },
      said(3001, 'n'),
      transaction(9000, '250 taken'),
      taken(9000, both),
    ],
    ['doubled'],
  ],
  [
    'delivered twice: the server behind was killed before its reply had left',
    [
      letter(0),
      transaction(1000, '451 went away'),
      taken(1000, [ann]),
      blow(1002, 'behind', 'SIGKILL'),
      transaction(9000, '250 taken'),
      taken(9000, both),
    ],
    [],
    ['doubled'],
  ],
  [
    'delivered twice: the ledger was away in between',
    twice(
      transaction(1000, '451 later'),
      blow(5000, 'redis', 'SIGKILL'),
      blow(6000, 'redis', 'started'),
    ),
    [],
    ['doubled'],
  ],
  ...[0, 1].map((front): Row => {
    const counted: Fault[] = ['doubled']
    return [
      `delivered twice: front-end ${front} was cut off from the ledger in between`,
      twice(
        transaction(1000, '451 later'),
        blow(5000, 'redis', 'SIGSTOP', front),
        blow(6000, 'redis', 'SIGCONT', front),
      ),
      front === 0 ? [] : counted,
      front === 0 ? counted : [],
    ]
  }),
  [
    'delivered twice: the sender went when the answer of a later attempt was there',
    [
      letter(0),
      transaction(1000, '451 later'),
      taken(1000, [ann]),
      said(1001, '1000'),
      transaction(5000, '', {
        ...broken,
        end: 'left',
        left: { when: 'before reading the reply', how: 'FIN', at: 5010 },
      }),
      transaction(9000, '250 taken'),
      taken(9000, both),
    ],
    [],
    ['doubled'],
  ],
  [
    'delivered twice: the sender went by RST when the answer of a later attempt was there, which is not heard',
    [
      letter(0),
      transaction(1000, '451 later'),
      taken(1000, [ann]),
      said(1001, '1000'),
      transaction(5000, '', {
        ...broken,
        end: 'left',
        left: { when: 'before reading the reply', how: 'RST', at: 5010 },
      }),
      transaction(9000, '250 taken'),
      taken(9000, both),
    ],
    ['doubled'],
  ],
  ...(['primary', 'worker'] as const).map((target): Row => {
    const counted: Fault[] = ['doubled']
    return [
      `the same, where the ${target} was killed before it went`,
      [
        letter(0),
        transaction(1000, '451 later'),
        taken(1000, [ann]),
        said(1001, '1000'),
        blow(5005, target, 'SIGKILL', 0),
        transaction(5000, '', {
          ...broken,
          end: 'left',
          left: { when: 'while the server thinks', how: 'RST', at: 5010 },
        }),
        transaction(9000, '250 taken'),
        taken(9000, both),
      ],
      target === 'primary' ? [] : counted,
      target === 'primary' ? counted : [],
    ]
  }),
  [
    'delivered twice: the sender of a later attempt went before anything could be said',
    [
      letter(0),
      transaction(1000, '451 later'),
      transaction(1100, '', left(1250)),
      { ...taken(3000, [ann], 'n'), came: 1001 },
      said(3001, 'n'),
      transaction(9000, '250 taken'),
      taken(9000, both),
    ],
    ['doubled'],
  ],
  [
    'would take it and is refused in our words',
    [letter(0), transaction(1000, '550 5.7.1 no')],
    ['wrong', 'wrong'],
  ],
  [
    'would take it and is refused by the server behind, for a full mailbox',
    [letter(0), transaction(1000, '552 full [behind]'), refused(1000, 'dot', 'full', both)],
    [],
    ['wrong', 'wrong'],
  ],
  [
    'would take it and is refused by the server behind, beside somebody who refuses such mail',
    [
      letter(9),
      refused(1000, 'dot', 'full', [ann]),
      transaction(1000, '550 5.7.1 The recipients refuse this, each for a reason of their own'),
    ],
    [],
    ['wrong'],
  ],
  [
    'is refused in the words of the server behind, which has not refused',
    [letter(0), transaction(1000, '552 full [behind]')],
    ['wrong', 'wrong'],
  ],
  [
    'refuses such mail and has it',
    [letter(9), transaction(1000, '250 taken'), taken(1000, both), said(1001, '1000')],
    ['wrong'],
  ],
  [
    'has it and is refused afterwards',
    [
      letter(0),
      transaction(1000, '451 later'),
      taken(1000, [ann]),
      said(1001, '1000'),
      transaction(9000, '550 no'),
    ],
    ['wrong', 'wrong'],
  ],
  [
    'would take it and is told of a refusal at the dot that could not be told before (rule 2)',
    [
      letter(0),
      transaction(1000, '451 4.5.3 later'),
      refused(1000, 'dot', 'full', both),
      transaction(9000, '550 5.7.1 no'),
    ],
    [],
    ['wrong', 'wrong'],
  ],
  [
    'has it, and their mailbox is full when the sender comes again',
    [
      letter(9),
      transaction(1000, '451 4.5.3 later'),
      taken(1000, [ann]),
      said(1001, '1000'),
      refused(8995, 'RCPT', 'full', [ann]),
      transaction(9000, '', {
        rcpts: [[ann, '552 full [behind]']],
        told: [[ann, '552 full [behind]']],
      }),
    ],
    [],
    ['wrong'],
  ],
  [
    'the text is refused while somebody is deferred (rule 2)',
    [
      letter(20),
      transaction(1000, '550 no', {
        rcpts: [
          [ann, '451 4.5.3 later'],
          [cho, '250 ok'],
        ],
        told: [
          [ann, '451 4.5.3 later'],
          [cho, '550 no'],
        ],
      }),
    ],
    ['wrong'],
  ],
  [
    'a process ends by itself',
    [{ what: 'fall', at: 5, front: 0, process: 'worker 3', why: 'SIGSEGV' }],
    ['fell'],
  ],
]

describe('what the record of a chaos run is counted as', () => {
  expectCounted(rows)

  test('who is never let go, and for whom a split waits who was answered', () => {
    const record = new Record(
      [letter(0), transaction(1000, '250 taken'), taken(1000, both)],
      'late',
    )
    const split = { from: 's@client.test', messageId: '<m@client.test>', recipients: [ann] }
    expect(
      record
        .undone(new Map([['m', [cho]]]), [split])
        .map(({ fault, recipient }) => [fault, recipient]),
    ).toEqual([
      ['undone', cho],
      ['undone', ann],
    ])
  })

  test('what the ledger was told just before it went away may be open for ever', () => {
    const split = { from: 's@client.test', messageId: '<m@client.test>', recipients: [ann] }
    const because = (away: number): unknown =>
      new Record(
        [
          letter(0),
          transaction(1000, '250 taken'),
          taken(900, both),
          blow(away, 'redis', 'SIGKILL'),
          blow(away + 1000, 'redis', 'started'),
        ],
        'late',
      )
        .undone(new Map(), [split])
        .map((finding) => finding.because)
    expect(because(1300)).toEqual(['the ledger was away'])
    expect(because(9000)).toEqual([undefined])
  })

  test('of two copies, which are counted as doubled, one is acknowledged at the most', () => {
    const split = { from: 's@client.test', messageId: '<m@client.test>', recipients: [ann] }
    const because = (...copies: readonly Entry[]): readonly (string | undefined)[] =>
      new Record([letter(0), transaction(1000, '250 taken'), ...copies], 'late')
        .undone(new Map(), [split])
        .map((finding) => finding.because)
    expect(because(taken(900, both))).toEqual([undefined])
    expect(because(taken(900, both), taken(950, both))).toEqual([
      'of its two copies one was never acknowledged',
    ])
  })

  test('who was refused at RCPT is forgotten where the process is killed before the attempt is over', () => {
    const split = { from: 's@client.test', messageId: '<m@client.test>', recipients: [cho] }
    const full = [[cho, '552 full [behind]']] as const
    const atRcpt = { rcpts: full, told: full, end: 'left' } as const
    const because = (changed: Partial<Transaction>, killed: readonly Entry[]): unknown =>
      new Record([letter(0), transaction(1000, '', { ...atRcpt, ...changed }), ...killed], 'late')
        .undone(new Map(), [split])
        .map((finding) => finding.because)
    const kill = (at: number): Entry => blow(at, 'worker', 'SIGKILL', 0)
    expect(because({}, [])).toEqual([undefined])
    expect(because({}, [kill(2000)])).toEqual([
      'killed after it had refused them at RCPT, before the attempt was over',
    ])
    expect(because({}, [kill(9000)])).toEqual([undefined])
    expect(because({ end: 'heard' }, [kill(2000)])).toEqual([undefined])
  })

  test('who has it, and whose mailbox is full when the sender comes again, is waited for all the same', () => {
    const split = { from: 's@client.test', messageId: '<m@client.test>', recipients: [ann] }
    const full = [[ann, '552 full [behind]']] as const
    const because = (...entries: readonly Entry[]): unknown =>
      new Record(
        [
          letter(9),
          transaction(1000, '451 4.5.3 later'),
          transaction(9000, '', { rcpts: full, told: full, text: [] }),
          ...entries,
        ],
        'late',
      )
        .undone(new Map(), [split])
        .map((finding) => finding.because)
    const isFull = refused(8995, 'RCPT', 'full', [ann])
    const theirs = 'the mailbox was full when the sender came again'
    expect(because(taken(1000, [ann]), isFull)).toEqual([theirs])
    expect(because(isFull), 'nobody has it').toEqual([undefined])
    expect(because(taken(1000, [ann])), 'not full').toEqual([undefined])
  })

  test('clean mail that is told to come again is a guess, but for strategies that split everything', () => {
    const deferred = transaction(1000, '250 taken', { rcpts: [[ann, '451 4.5.3 later']] })
    expect(new Record([letter(0), deferred], 'late').heldByGuess()).toEqual(['m'])
    expect(new Record([letter(0), deferred], 'group').heldByGuess()).toEqual([])
    expect(new Record([letter(9), deferred], 'late').heldByGuess()).toEqual([])
  })
})
