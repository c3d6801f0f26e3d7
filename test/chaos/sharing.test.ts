/**
 * Where the record of a chaos run explains that recipients who differ shared one answer, and where
 * it does not.
 */
import { describe } from 'vitest'
import {
  ann,
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

/**
 * The first attempt shows the text and what is refused; another message is offered, and its sender
 * leaves; then all hear one answer.
 */
const guessedAt = (
  other: Partial<Transaction>,
  { octets = 100, reversePath = 's@client.test' } = {},
): Entry[] => [
  letter(9),
  transaction(1000, '451 4.5.3 later'),
  refused(1000, 'dot', 'spam', [cho]),
  taken(1000, [ann]),
  said(1001, '1000'),
  { ...letter(0), letter: 'n', octets, reversePath } as Entry,
  { ...brokenOff, from: 2000, to: 2010, ...other },
  transaction(5000, '250 taken', { letter: 'n' }),
  { ...taken(5000, both, 'n'), letter: 'n' },
  transaction(
    9000,
    '550 spam [behind] (only for <cho@example.org>; the other recipients have the message)',
  ),
]

/**
 * Ann's mailbox is full at three returns; at the last one the sender leaves without the answer, and
 * soon comes again.
 */
const leftAtLast = (
  meanwhile: readonly Entry[],
  last: Transaction = transaction(40_000, '', { end: 'left' }),
): Entry[] => [
  letter(9),
  ...[1, 10, 20, 30].flatMap((second): Entry[] => [
    transaction(1000 * second, '451 4.5.3 later'),
    refused(1000 * second, 'dot', 'full', [ann]),
  ]),
  last,
  ...meanwhile,
  transaction(40_600, '250 taken'),
  taken(40_600, both),
]

const dan = 'dan@example.org'

/** Ann's mailbox is full; Cho, who refuses it, is told to come again, or has left without an answer. */
const beside = (unread: number): Entry[] => {
  const rcpts = [
    [ann, '452 full [behind]'],
    [cho, '250 ok'],
  ] as const
  const told = [
    [ann, '452 full [behind]'],
    [cho, '451 4.5.3 later'],
  ] as const
  return [
    letter(9),
    ...Array.from({ length: 16 - unread }, (_, i) =>
      transaction(1000 * (i + 1), '451 4.5.3 later', { rcpts, told }),
    ),
    ...Array.from({ length: unread }, (_, i) =>
      transaction(20_000 + 1000 * i, '', { rcpts, told: [], end: 'left' }),
    ),
    transaction(40_000, '250 taken', {
      rcpts,
      told: [
        [ann, '452 full [behind]'],
        [cho, '250 taken'],
      ],
    }),
    taken(40_000, [cho]),
    said(40_001, '40000'),
  ]
}

/** Another message broke off at Dan, who waits; this one is for Ann, then Cho. */
const leftAlone = (meanwhile: readonly Entry[]): Entry[] => [
  { ...letter(9), letter: 'n' } as Entry,
  {
    ...brokenOff,
    rcpts: [
      [ann, '250 ok'],
      [dan, '451 4.5.3 later'],
    ],
    told: [[dan, '451 4.5.3 later']],
  },
  ...meanwhile,
  { ...letter(9), at: 8000 } as Entry,
  transaction(9000, '250 taken'),
  taken(9000, both),
  said(9001, '9000'),
]

/** Another message's text was seen; the sender breaks off a third one, to people of that one. */
const spokenForBy = (third: Partial<Transaction>): Entry[] => [
  { ...letter(9), letter: 'n' } as Entry,
  transaction(500, '451 4.5.3 later', { letter: 'n' }),
  { ...letter(9), letter: 'o' } as Entry,
  // It does not begin as this one does, which would be a reason of its own.
  { ...brokenOff, letter: 'o', rcpts: [[cho, '451 4.5.3 later']], ...third },
  { ...letter(9), at: 8000 } as Entry,
  transaction(9000, '250 taken'),
  taken(9000, both),
  said(9001, '9000'),
]

/** The sender leaves before the text, when Dan is refused and Cho has to wait. */
const refusedBeside: Entry[] = [
  letter(9),
  transaction(2000, '', {
    rcpts: [
      [dan, '550 unknown [behind]'],
      [ann, '250 ok'],
      [cho, '451 4.5.3 later'],
    ],
    end: 'left',
    told: [
      [dan, '550 unknown [behind]'],
      [cho, '451 4.5.3 later'],
    ],
  }),
  transaction(9000, '250 taken'),
  taken(9000, both),
]

/**
 * Of one message the sender leaves before its text; another one to more people goes through for its
 * sake and is told `reply`; then comes one to some of those.
 */
const handedOn = (reply: string): Entry[] => [
  { ...letter(0), letter: 'n', to: [dan, cho] } as Entry,
  {
    ...brokenOff,
    rcpts: [
      [dan, '250 ok'],
      [cho, '451 4.5.3 later'],
    ],
  },
  { ...letter(0), letter: 'o', to: [dan, cho, ann] } as Entry,
  transaction(2000, reply, {
    letter: 'o',
    rcpts: [dan, cho, ann].map((each) => [each, '250 ok'] as const),
    told: [dan, cho, ann].map((each) => [each, reply] as const),
  }),
  { ...taken(2000, [dan, cho, ann]), letter: 'o' },
  letter(9),
  transaction(9000, '250 taken'),
  taken(9000, both),
]

/**
 * Of a message its sender leaves before the text, where `waits` were told to wait; one told alike
 * goes through for its sake, and must come again, and the other has its answer meanwhile.
 */
const onceGivenUp = (waits: readonly string[]): Entry[] => {
  const full =
    '552 full [behind] (only for <cho@example.org>; the other recipients have the message)'
  return [
    { ...letter(0), letter: 'n' } as Entry,
    {
      ...brokenOff,
      rcpts: both.map((each) => [each, waits.includes(each) ? '451 4.5.3 later' : '250 ok']),
      told: waits.map((each) => [each, '451 4.5.3 later']),
    },
    letter(0),
    transaction(2000, '451 4.5.3 later'),
    taken(2000, [ann]),
    transaction(3000, '250 taken', { letter: 'n' }),
    { ...taken(3000, both), letter: 'n' },
    refused(9000, 'dot', 'full', [cho]),
    transaction(9000, full),
  ]
}

/** Refused for all at the first attempt, which is told at the second one. */
const keptForAll = (...switches: readonly Entry[]): Entry[] => [
  letter(9),
  ...switches,
  transaction(1000, '451 4.5.3 later'),
  refused(1000, 'dot', 'spam', both),
  transaction(9000, '550 5.7.1 spam [behind]'),
]

const rows: readonly Row[] = [
  [
    'would take it, and was refused with the others while the strategy was off, which is told when it is late again',
    keptForAll(
      { what: 'switch', at: 500, to: 510, strategy: 'off' },
      { what: 'switch', at: 2000, to: 2010, strategy: 'late' },
    ),
    [],
    ['wrong'],
  ],
  ['the same, where the strategy was late all the time', keptForAll(), ['wrong']],
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
    'refuses such mail and has it: an attempt had made no progress, in which an unknown address was refused at RCPT',
    refusedBeside,
    [],
    ['wrong'],
  ],
  [
    'the same, where the refused one had waited for the answer: that is progress',
    [
      ...refusedBeside,
      transaction(1000, '451 4.5.3 later', { rcpts: [[dan, '250 ok']], told: [] }),
      refused(1000, 'dot', 'spam', [dan]),
    ].toSorted(
      (one, other) =>
        ('from' in one ? one.from : one.at) - ('from' in other ? other.from : other.at),
    ),
    ['wrong'],
  ],
  [
    'refuses such mail and has it: a message had gone through for the sake of one that was given up, and had no answer yet',
    handedOn('451 4.4.2 went away'),
    [],
    ['wrong'],
  ],
  ['the same, where that message had its answer', handedOn('250 taken'), ['wrong']],
  [
    'has it, and hears the one answer for all of a message whose first attempt had gone through for another one',
    onceGivenUp([cho]),
    [],
    ['wrong', 'wrong'],
  ],
  ['the same, where that other one had made nobody wait', onceGivenUp([]), ['wrong'], ['wrong']],
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
    'has it, and is told for whom it is meant: another message was taken for its return before, and its sender left',
    guessedAt({}),
    [],
    ['wrong'],
  ],
  [
    'the same, where the other message was offered before the text of this one was seen',
    guessedAt({ from: 500, to: 510 }),
    ['wrong'],
  ],
  [
    'the same, where the other message was offered afterwards',
    guessedAt({ from: 9100, to: 9110 }),
    ['wrong'],
  ],
  [
    'the same, where the other message showed its text',
    guessedAt({ dot: 2005, end: 'heard' }),
    ['wrong'],
  ],
  [
    'the same, where nobody had to wait for the other message',
    guessedAt({ rcpts: [[ann, '250 ok']], told: [] }),
    ['wrong'],
  ],
  [
    'the same, where the other message was offered to somebody who has no part in this one',
    guessedAt({
      rcpts: [
        [ann, '250 ok'],
        ['dan@example.org', '451 4.5.3 later'],
      ],
    }),
    ['wrong'],
  ],
  [
    'the same, where the other message declared another size',
    guessedAt({}, { octets: 101 }),
    ['wrong'],
  ],
  [
    'the same, where the other message came from another sender',
    guessedAt({}, { reversePath: 't@client.test' }),
    ['wrong'],
  ],
  [
    'the same, where one of the returns known by their text alone had made progress',
    [
      ...forgivenByText([cho]).filter(
        (entry) => !(entry.what === 'transaction' && entry.from > 40_000 && entry.from < 90_000),
      ),
      transaction(15_000, '451 4.5.3 later'),
      { ...refused(15_000, 'dot', 'spam', [cho]) },
    ],
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
    'refuses such mail and has it, after sixteen attempts, of which its sender has left two',
    beside(2),
    [],
    ['wrong'],
  ],
  [
    'refuses such mail and has it: too many returns were known by their text alone, and its sender did not hear that the last one was in vain',
    leftAtLast([]),
    [],
    ['wrong'],
  ],
  [
    'the same, where the server behind still had no room in the last one',
    leftAtLast([refused(40_001, 'dot', 'full', [ann])]),
    ['wrong'],
  ],
  [
    'the same, where the server behind had taken the last one for somebody',
    leftAtLast([{ ...taken(40_005, [ann]), at: 40_300 }]),
    ['doubled', 'wrong'],
  ],
  [
    'refuses such mail and has it, since a third message broke off, which may have been that of another',
    spokenForBy({}),
    [],
    ['wrong'],
  ],
  [
    'the same, where the third message broke off before the text of the other one',
    spokenForBy({ from: 100, to: 110 }),
    ['wrong'],
  ],
  [
    'the same, where the third message went to somebody else, too',
    spokenForBy({
      rcpts: [
        [dan, '250 ok'],
        [cho, '451 4.5.3 later'],
      ],
    }),
    ['wrong'],
  ],
  [
    'refuses such mail and has it: of another message that broke off one was refused since then',
    leftAlone([refused(2000, 'RCPT', 'full', [dan])]),
    [],
    ['wrong'],
  ],
  ['the same, where nobody was refused since then', leftAlone([]), ['wrong']],
]

describe('one answer for recipients who differ, as the record of a chaos run is counted', () => {
  expectCounted(rows)
})
