/**
 * What a record of a few entries is counted as: each fault is seen, and each explanation holds for
 * its moment alone.
 */
import { describe, expect, test } from 'vitest'
import { type Fault, Record } from './count.ts'
import type { Blow, Entry, Refused, Taken, Transaction } from './journal.ts'

const [ann, cho] = ['ann@example.org', 'cho@example.org'] as const // tag-only, strict

const letter = (score: number): Entry => ({
  what: 'letter',
  at: 0,
  letter: 'm',
  sender: 'postfix',
  reversePath: 's@client.test',
  to: [ann, cho],
  score,
  octets: 100,
})

const taken = (at: number, to: readonly string[], number = String(at)): Taken => ({
  what: 'taken',
  at,
  came: at,
  number,
  letter: 'm',
  to,
})
const said = (at: number, number: string): Entry => ({ what: 'said', at, number })

/** Both accepted at RCPT, the dot at `at`, one reply for both. */
function transaction(at: number, reply: string, changed: Partial<Transaction> = {}): Transaction {
  return {
    what: 'transaction',
    letter: 'm',
    sender: 'postfix',
    attempt: 1,
    front: 0,
    from: at - 10,
    prdr: false,
    mail: '250 ok',
    rcpts: [
      [ann, '250 ok'],
      [cho, '250 ok'],
    ],
    data: '354 go on',
    dot: at,
    text: reply === '' ? [] : [reply],
    end: 'heard',
    to: at + 10,
    told:
      reply === ''
        ? []
        : [
            [ann, reply],
            [cho, reply],
          ],
    ...changed,
  }
}

const blow = (at: number, target: Blow['target'], how: Blow['how'], front?: number): Blow => ({
  what: 'blow',
  at,
  target,
  pid: 7,
  how,
  ...(front !== undefined && { front }),
})

const refused = (
  at: number,
  step: Refused['step'],
  why: Refused['why'],
  to: readonly string[],
): Refused => ({
  what: 'refused',
  at,
  step,
  code: 550,
  why,
  letter: 'm',
  to,
})

const both = [ann, cho]
/** Of another message, `n`: one recipient is deferred, and the sender goes. */
const brokenOff: Transaction = {
  what: 'transaction',
  sender: 'postfix',
  attempt: 1,
  front: 0,
  from: 990,
  prdr: false,
  mail: '250 ok',
  data: '',
  text: [],
  end: 'left',
  to: 1010,
  told: [[cho, '451 4.5.3 later']],
  letter: 'n',
  rcpts: [
    [ann, '250 ok'],
    [cho, '451 4.5.3 later'],
  ],
}
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

/** Somebody goes through, somebody waits, and nobody is answered. */
const waits: Partial<Transaction> = {
  rcpts: [
    [ann, '250 ok'],
    [cho, '451 4.5.3 later'],
  ],
  told: [
    [ann, '451 4.5.3 later'],
    [cho, '451 4.5.3 later'],
  ],
}

/**
 * Ann has it; who refuses was `refused` at the first attempt; after `returns` more all hear one
 * answer.
 */
const forgivenByText = (who: readonly string[], returns = 4, unheard = 0): Entry[] => [
  letter(9),
  transaction(1000, '451 4.5.3 later'),
  refused(1000, 'dot', 'spam', who),
  taken(1000, [ann]),
  said(1001, '1000'),
  ...Array.from({ length: unheard }, (_, i) => transaction(3000 + 1000 * i, '', { end: 'left' })),
  ...Array.from({ length: returns }, (_, i) => transaction(10_000 * (i + 1), '451 4.5.3 later')),
  transaction(
    99_000,
    '550 spam [behind] (only for <cho@example.org>; the other recipients have the message)',
  ),
]

type Row = [
  name: string,
  entries: readonly Entry[],
  unexplained: readonly Fault[],
  explained: readonly Fault[],
]

/** What nothing explains, then what the record explains. */
const rows = (
  [
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
      'refuses such mail and has it: the strategy was lenient',
      [
        letter(9),
        { what: 'switch', at: 500, to: 510, strategy: 'lenient' },
        transaction(1000, '250 taken'),
        taken(1000, both),
      ],
      [],
      ['wrong'],
    ],
    [
      'refuses such mail and has it: the strategy had been lenient before',
      [
        letter(9),
        { what: 'switch', at: 500, to: 510, strategy: 'lenient' },
        { what: 'switch', at: 2000, to: 2010, strategy: 'late' },
        transaction(9000, '250 taken'),
        taken(9000, both),
      ],
      ['wrong'],
    ],
    [
      'refuses such mail and has it: an attempt had made no progress',
      [
        letter(9),
        transaction(1000, '', {
          rcpts: [
            [ann, '250 ok'],
            [cho, '451 4.5.3 later'],
          ],
          end: 'left',
          told: [[cho, '451 4.5.3 later']],
        }),
        transaction(9000, '250 taken'),
        taken(9000, both),
      ],
      [],
      ['wrong'],
    ],
    [
      'refuses such mail and has it: an attempt had made no progress, for a mailbox that was full',
      [
        letter(9),
        transaction(1000, '', {
          rcpts: [
            [ann, '452 full [behind]'],
            [cho, '451 4.5.3 later'],
          ],
          told: [
            [ann, '452 full [behind]'],
            [cho, '451 4.5.3 later'],
          ],
        }),
        transaction(9000, '250 taken'),
        taken(9000, both),
      ],
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
      'refuses such mail and has it: another message to the same people had broken off before its text',
      [
        { ...letter(0), letter: 'n' } as Entry,
        brokenOff,
        letter(9),
        transaction(9000, '250 taken'),
        taken(9000, both),
      ],
      [],
      ['wrong'],
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
      'has it, and the words of one answer for all say for whom it is meant (decision 9)',
      [
        letter(9),
        { what: 'switch', at: 500, to: 510, strategy: 'lenient' },
        refused(1000, 'dot', 'spam', [cho]),
        taken(1000, [ann]),
        transaction(
          1000,
          '550 spam [behind] (only for <cho@example.org>; the other recipients have the message)',
        ),
      ],
      [],
      ['wrong'],
    ],
    [
      'the same, where the server behind had said so at RCPT, and it was concealed until the text',
      [
        letter(9),
        { what: 'switch', at: 500, to: 510, strategy: 'lenient' },
        { ...refused(995, 'RCPT', 'full', [cho]), letter: '' },
        taken(1000, [ann]),
        transaction(
          1000,
          '552 full [behind] (only for <cho@example.org>; the other recipients have the message)',
        ),
      ],
      [],
      ['wrong'],
    ],
    [
      'has it, and the words for whom it is meant tell of an attempt before; too many returns were known by their text alone',
      forgivenByText([cho]),
      [],
      ['wrong'],
    ],
    [
      'has it, and the words for whom it is meant tell of an attempt before; of one of the returns the sender did not hear the answer',
      forgivenByText([cho], 3, 1),
      [],
      ['wrong'],
    ],
    [
      'has it, and is told for whom it is meant, where a split was possible, although the sender had left once',
      forgivenByText([cho], 2, 1),
      ['wrong'],
    ],
    [
      'has it, and is told for whom it is meant, where a split was possible',
      forgivenByText([cho], 3),
      ['wrong'],
    ],
    [
      'has it, and is told that it is meant for somebody who was not refused',
      forgivenByText([]),
      ['wrong'],
    ],
    [
      'refuses such mail and has it: the attempt that seemed to make no progress gave it to somebody',
      [
        letter(9),
        transaction(1000, '451 4.5.3 later', waits),
        taken(1000, [ann]),
        said(1001, '1000'),
        transaction(9000, '250 taken'),
        taken(9000, [cho]),
      ],
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
  ] as [string, readonly Entry[], readonly Fault[], (readonly Fault[])?][]
).map(([name, entries, unexplained, explained = []]): Row => [
  name,
  entries,
  unexplained,
  explained,
])

describe('what the record of a chaos run is counted as', () => {
  test.each(rows)('%s', (_, entries, unexplained, explained) => {
    const findings = new Record(entries, 'late').findings()
    const faultsOf = (known: boolean): Fault[] =>
      findings.filter(({ because }) => (because !== undefined) === known).map(({ fault }) => fault)
    expect({ unexplained: faultsOf(false), explained: faultsOf(true) }).toEqual({
      unexplained,
      explained,
    })
  })

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

  test('clean mail that is told to come again is a guess, but for strategies that split everything', () => {
    const deferred = transaction(1000, '250 taken', { rcpts: [[ann, '451 4.5.3 later']] })
    expect(new Record([letter(0), deferred], 'late').heldByGuess()).toEqual(['m'])
    expect(new Record([letter(0), deferred], 'group').heldByGuess()).toEqual([])
    expect(new Record([letter(9), deferred], 'late').heldByGuess()).toEqual([])
  })
})
