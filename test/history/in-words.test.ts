/** What an administrator reads: one paragraph a message, the whole of it. */
import { expect, test } from 'vitest'
import type { Answer } from '../../src/history/question.ts'
import { inWords } from '../../src/cli/why.ts'
import type { Attempt, Closing } from '../../src/history/attempt.ts'
import { recipient } from '../metrics/sample-facts.ts'
import { attempt, historySample, start, to, waits } from './samples.ts'

const minute = 60_000

interface Case {
  readonly attempts: readonly Attempt[]
  readonly closings?: readonly Closing[]
  readonly awaited?: readonly string[]
  readonly answer?: Partial<Answer>
  readonly text: string
}

const bare = { split: 'ABCDEFGHIJKLMNOP', judges: [] } as const
const cases: Readonly<Record<string, Case>> = {
  'one who has it': {
    attempts: [
      attempt({ recipients: [to('a@example.org', { reply: '250 2.0.0 Ok: queued as QA' })] }),
    ],
    text: `
Message <1@example.net> from sender@example.net: 1 recipient, 1 attempt.
  Attempt 1, 2026-11-30 08:00:00 UTC, from 192.0.2.1 (mail.example.net):
    a@example.org got it (queue id QA), told "250 2.0.0 Ok: queued as QA". The score is below every threshold of the recipient's policy. Policy careful.
  Now:
    a@example.org has it since 2026-11-30 08:00:00 UTC (queue id QA).
  Ids: transaction S1.1; queue id QA.`,
  },
  'one who was deferred and got it later, beside one who refused it': {
    attempts: [
      attempt({
        ...bare,
        judges: [{ judge: 'rspamd', result: 'scored', score: 9.5, symbols: ['X'] }],
        recipients: [
          to('a@example.org', {
            final: false,
            verdict: 'tag',
            reply: '451 4.5.3 Later',
            reason: {
              because: 'shared reply',
              overrules: { because: 'tag_at', score: 9.5, threshold: 6 },
            },
          }),
          recipient('c@example.org', { ...waits, policy: 'strict' }),
        ],
      }),
      attempt({
        ...bare,
        transaction: 'S2.1',
        at: start + 62 * minute,
        recipients: [
          recipient('c@example.org', {
            policy: 'strict',
            verdict: 'reject',
            reply: '550 5.7.1 No',
            reason: { because: 'reject_at', score: 9.5, threshold: 8 },
          }),
        ],
      }),
    ],
    text: `
Message <1@example.net> from sender@example.net: 2 recipients, 2 attempts.
  Attempt 1, 2026-11-30 08:00:00 UTC, from 192.0.2.1 (mail.example.net), rspamd gave 9.5:
    a@example.org was deferred, told "451 4.5.3 Later". No one reply is true for all, so Rcptwise told the client to come again for everyone. Without that: The score reaches tag_at of the policy (score 9.5, threshold 6). Policy careful. The server behind took it all the same (queue id QA).
    c@example.org was deferred to split, told "451 4.5.3 Later". Rcptwise deferred the recipient: recipients with another policy go first. Policy strict.
  Attempt 2, 2026-11-30 09:02:00 UTC, 1h 02m after the first one, from 192.0.2.1 (mail.example.net):
    c@example.org refused it, told "550 5.7.1 No". The score reaches reject_at of the policy (score 9.5, threshold 8). Policy strict.
  Now:
    a@example.org has it since 2026-11-30 08:00:00 UTC (queue id QA).
    c@example.org has not got it: it was refused at 2026-11-30 09:02:00 UTC, and the sender knows.
  Ids: transaction S1.1, S2.1; split ABCDEFGHIJKLMNOP; queue id QA.`,
  },
}

test.each(Object.entries(cases))('%s', (_name, { attempts, closings = [], text, answer = {} }) => {
  const told = { ...historySample, attempts, closings, ...answer }
  const written = inWords([{ name: 'here', answer: told, awaited: [] }], start + 60 * minute)
  expect(`\n${written.split('\n\n')[0] ?? ''}`).toBe(text)
})

test('a client that was turned away before it named a recipient', () => {
  const told = {
    ...historySample,
    attempts: [attempt({ recipients: [], reply: '451 4.4.1 Server away' })],
  }
  const text = inWords([{ name: 'here', answer: told, awaited: [] }], start)
  expect(text).toContain('The client was told "451 4.4.1 Server away", before any recipient.')
  expect(text).toContain('Nobody has it')
})

test.each([
  ['A message whose text did not come, from', 0],
  ['A message without a Message-ID, from', 500],
])('“%s”: who was refused at RCPT may well have sent one', (words, sizeBytes) => {
  const { messageId, ...unnamed } = attempt({ recipients: [to('a@example.org')], sizeBytes })
  expect(messageId).toBeDefined()
  const told = { ...historySample, attempts: [unnamed] }
  expect(inWords([{ name: 'here', answer: told, awaited: [] }], start)).toContain(words)
})

const ends: readonly (readonly [string, Partial<Case>, string])[] = [
  [
    'nobody knows whether the sender comes again',
    { attempts: [attempt({ ...bare, recipients: [recipient('a@example.org', waits)] })] },
    'a@example.org has not got it: its sender has to come again, and was told so at 2026-11-30 08:00:00 UTC.',
  ],
  [
    'the ledger waits',
    {
      attempts: [attempt({ ...bare, recipients: [recipient('A@example.org', waits)] })],
      awaited: ['a@example.org'],
    },
    'A@example.org has not got it: Rcptwise waits for its sender to come again; the last attempt was at 2026-11-30 08:00:00 UTC.',
  ],
  [
    'the sender never came back',
    {
      attempts: [attempt({ ...bare, recipients: [recipient('a@example.org', waits)] })],
      closings: [
        {
          at: start + minute,
          split: bare.split,
          outcome: 'abandoned',
          recipients: ['a@example.org'],
        },
      ],
    },
    'a@example.org has not got it: its sender never came back, and Rcptwise gave it up at 2026-11-30 08:01:00 UTC.',
  ],
  [
    'it is missing',
    {
      attempts: [attempt({ ...bare, recipients: [recipient('a@example.org', waits)] })],
      closings: [
        {
          at: start + minute,
          split: bare.split,
          outcome: 'missing',
          recipients: ['a@example.org'],
        },
      ],
    },
    'a@example.org has not got it: its sender has not come back since 2026-11-30 08:00:00 UTC; the mail may be lost.',
  ],
  [
    'a judge had it thrown away',
    {
      attempts: [
        attempt({
          recipients: [
            recipient('a@example.org', {
              verdict: 'discard',
              reason: { because: 'forced by judge' },
            }),
          ],
        }),
      ],
    },
    'a@example.org has not got it: it was thrown away at 2026-11-30 08:00:00 UTC, and the sender was told yes.',
  ],
  [
    'the sender was told in a report',
    {
      attempts: [
        attempt({
          recipients: [
            recipient('a@example.org', { reported: true, reason: { because: 'reported' } }),
          ],
        }),
      ],
    },
    'a@example.org has not got it: it was refused at 2026-11-30 08:00:00 UTC, and the sender knows.',
  ],
  [
    'who has it has it, whatever comes later',
    {
      attempts: [
        attempt({ ...bare, recipients: [to('a@example.org')] }),
        attempt({
          ...bare,
          at: start + minute,
          transaction: 'S2.1',
          recipients: [
            recipient('a@example.org', { ...waits, reason: { because: 'no answer in time' } }),
          ],
        }),
      ],
    },
    'a@example.org has it since 2026-11-30 08:00:00 UTC (queue id QA).',
  ],
  [
    'it was late',
    {
      attempts: [
        attempt({ ...bare, recipients: [recipient('a@example.org', waits)] }),
        attempt({
          ...bare,
          at: start + 62 * minute,
          transaction: 'S2.1',
          recipients: [to('a@example.org')],
        }),
      ],
    },
    'a@example.org has it since 2026-11-30 09:02:00 UTC, 1h 02m after it was first offered (queue id QA).',
  ],
]

test.each(ends)(
  'what is true now: %s',
  (_name, { attempts = [], closings = [], awaited }, line) => {
    const told = { ...historySample, attempts, closings }
    const open = awaited === undefined ? [] : [{ split: bare.split, recipients: [...awaited] }]
    const text = inWords([{ name: 'here', answer: told, awaited: open }], start)
    expect(text.split('\n').map((each) => each.trim())).toContain(line)
  },
)

const notes: readonly (readonly [string, Partial<Answer>, string])[] = [
  [
    'killed',
    { gaps: [{ from: start, until: start + minute, why: 'killed' }] },
    'Rcptwise was killed between 2026-11-30 08:00:00 UTC and 2026-11-30 08:01:00 UTC: what it had answered in the last moment before may be missing.',
  ],
  [
    'disk full',
    { gaps: [{ from: start, until: start + minute, attempts: 3, why: 'not written' }] },
    '3 attempts between 2026-11-30 08:00:00 UTC and 2026-11-30 08:01:00 UTC are missing: Rcptwise could not write the history.',
  ],
  [
    'disk full now',
    { unwritten: 1 },
    '1 attempt is not in the history: Rcptwise can not write it now.',
  ],
  [
    'removed',
    { gaps: [{ from: start, until: start, why: 'removed' }] },
    'At 2026-11-30 08:00:00 UTC the file of the history was removed: what was in it is missing, and Rcptwise began a new one.',
  ],
  [
    'more',
    { more: true },
    'There are more attempts than are shown: --limit, --since and the other options narrow it.',
  ],
  ['domains', { addresses: 'domain' }, 'The history keeps domains alone.'],
  ['no such message', { attempts: [] }, 'The history knows no such message.'],
  ['how far back', {}, 'The history goes back to 2026-11-30 08:00:00 UTC (1m ago).'],
]

test.each(notes)('why.md: “It also says what is missing.” %s', (_name, answer, line) => {
  const told = { ...historySample, ...answer }
  const text = inWords([{ name: 'here', answer: told, awaited: [] }], start + minute)
  expect(text.split('\n')).toContain(line)
})

test('attempts at several front-ends are one message, and each front-end says what it has', () => {
  const one = attempt({ ...bare, recipients: [recipient('a@example.org', waits)] })
  const two = attempt({
    ...bare,
    at: start + minute,
    transaction: 'T1.1',
    recipients: [to('a@example.org')],
  })
  const told = [one, two].map((each, i) => ({
    name: `http://mx${i + 1}:9225`,
    answer: { ...historySample, attempts: [each] },
    awaited: [],
  }))
  const text = inWords(told, start)
  expect(text).toContain('1 recipient, 2 attempts.')
  expect(text).toContain('http://mx2:9225: The history goes back to')
})

test('of many recipients those who were asked about are shown, and how the others ended', () => {
  const recipients = Array.from({ length: 100 }, (_, i) => to(`r${i}@example.org`))
  const told = {
    ...historySample,
    attempts: [attempt({ recipients })],
    asked: ['r99@example.org'],
  }
  const text = inWords([{ name: 'here', answer: told, awaited: [] }], start)
  expect(text).toContain('r99@example.org got it')
  expect(text).toContain('… and 89 more recipients.')
  expect(text).toContain('Of 89 more recipients 89 have it.')
})

test('no octet that somebody has sent reaches the terminal', () => {
  const hostile = 'x\u001b[31m\u202e\nAttempt 9'
  const told = {
    ...historySample,
    attempts: [
      attempt({
        messageId: hostile,
        reply: hostile,
        recipients: [to('a@example.org', { reply: hostile })],
      }),
    ],
  }
  const text = inWords([{ name: 'here', answer: told, awaited: [] }], start)
  expect(text).not.toMatch(/[\u001b\u202e]/)
  expect(text.split('\n').some((line) => line.startsWith('Attempt 9'))).toBe(false)
})
