/** From alias to alias to the mailboxes behind an address. */
import { describe, expect, test } from 'vitest'
import type { Alias, AliasSource } from '../../../src/policy/aliases/alias.ts'
import { AliasEntries } from '../../../src/policy/aliases/alias-entries.ts'
import { mailboxesBehind } from '../../../src/policy/aliases/mailboxes.ts'
import type { Answer } from '../../../src/policy/policy-source.ts'

const limits = { mostSteps: 10, mostMailboxes: 100 }
const { signal } = new AbortController()

interface Counted extends AliasSource {
  readonly questions: (readonly string[])[]
}

function sourceOf(...lines: readonly string[]): Counted {
  const entries = new AliasEntries()
  for (const [i, line] of lines.entries()) entries.add(line, i + 1)
  expect(entries.mistakes).toEqual([])
  const questions: (readonly string[])[] = []
  return {
    name: 'lines',
    questions,
    policiesFor(recipients): readonly Answer<Alias>[] {
      questions.push(recipients)
      return recipients.map((recipient) => entries.lookUp(recipient))
    },
    close: async () => await Promise.resolve(),
  }
}

const down: AliasSource = {
  name: 'down',
  policiesFor: (all) => all.map(() => ({ kind: 'failed', source: 'down', why: 'is away' })),
  close: async () => await Promise.resolve(),
}

const behind = async (lines: readonly string[], recipient: string, bounds = limits) =>
  (await mailboxesBehind([{ source: sourceOf(...lines) }], bounds)([recipient], signal))[0]

describe('an address leads to', () => {
  test.each<[what: string, lines: readonly string[], recipient: string, mailboxes: string[]]>([
    ['itself where nothing is known of it', [], 'ann@a.test', ['ann@a.test']],
    ['a mailbox', ['info@a.test: ann@a.test'], 'info@a.test', ['ann@a.test']],
    [
      'several',
      ['info@a.test: ann@a.test, bob@b.test'],
      'info@a.test',
      ['ann@a.test', 'bob@b.test'],
    ],
    [
      'a mailbox in several steps',
      ['x@a.test: y@a.test', 'y@a.test: z@a.test'],
      'x@a.test',
      ['z@a.test'],
    ],
    [
      'its name in another domain',
      ['"@old.test": "@new.test"'],
      'ann+x@old.test',
      ['ann+x@new.test'],
    ],
    ['the mailbox of a catch-all', ['"@a.test": ann@b.test'], 'any+x@a.test', ['ann@b.test']],
    [
      'its own entry before the catch-all',
      ['@a.test: x@b.test', 'bob@a.test: bob@a.test'],
      'bob@a.test',
      ['bob@a.test'],
    ],
    [
      'what is behind it without its detail',
      ['info@a.test: ann@a.test'],
      'info+x@a.test',
      ['ann+x@a.test'],
    ],
    [
      'its detail before it without',
      ['i+x@a.test: bob@a.test', 'i@a.test: ann@a.test'],
      'i+x@a.test',
      ['bob@a.test'],
    ],
    ['the same in another case', ['Info@A.test: ann@a.test'], 'iNFO@a.test', ['ann@a.test']],
    [
      'a mailbox and itself',
      ['ann@a.test: ann@a.test, bob@a.test'],
      'ann@a.test',
      ['ann@a.test', 'bob@a.test'],
    ],
    [
      'each mailbox once',
      ['x@a.test: y@a.test, z@a.test', 'y@a.test: z@a.test'],
      'x@a.test',
      ['z@a.test'],
    ],
    [
      'what is beside a circle',
      ['x@a.test: y@a.test, ann@a.test', 'y@a.test: x@a.test'],
      'x@a.test',
      ['ann@a.test'],
    ],
    [
      'a domain in its ASCII spelling',
      ['x@a.test: ann@bücher.test'],
      'x@a.test',
      ['ann@xn--bcher-kva.test'],
    ],
  ])('%s', async (_, lines, recipient, of) =>
    expect(await behind(lines, recipient)).toEqual({ kind: 'mailboxes', of }),
  )
})

describe('recipients.md: “the address itself counts” where it', () => {
  const steps = ['a@a.test: b@a.test', 'b@a.test: c@a.test', 'c@a.test: d@a.test']
  const many = [`l@a.test: ${Array.from({ length: 4 }, (_, i) => `m${i}@a.test`).join(', ')}`]
  const circle = ['a@a.test: b@a.test', 'b@a.test: a@a.test']
  const growing = ['@a.test: @b.test', '@b.test: @c.test', '@c.test: @a.test']

  test.each<[what: string, lines: readonly string[], recipient: string, why: RegExp]>([
    ['leads on', steps, 'a@a.test', /after 2 steps/],
    ['leads round in a circle', circle, 'a@a.test', /circle/],
    ['leads round in a circle of domains', growing, 'a@a.test', /circle/],
    ['has more mailboxes', many, 'l@a.test', /more than 3 mailboxes/],
  ])('%s', async (_, lines, recipient, why) =>
    expect(await behind(lines, recipient, { mostSteps: 2, mostMailboxes: 3 })).toEqual({
      kind: 'mailboxes',
      of: [recipient],
      trouble: expect.stringMatching(why) as string,
    }),
  )

  test('and not at the bounds themselves', async () => {
    const [, ...fewer] = steps
    expect(await behind(fewer, 'b@a.test', { mostSteps: 2, mostMailboxes: 3 })).toEqual({
      kind: 'mailboxes',
      of: ['d@a.test'],
    })
    expect(await behind(many, 'l@a.test', { mostSteps: 2, mostMailboxes: 4 })).not.toHaveProperty(
      'trouble',
    )
  })
})

test('recipients.md: “Each step is one question a source, for all recipients that a client offers together.”', async () => {
  const source = sourceOf('@old.test: @new.test')
  const all = Array.from({ length: 1000 }, (_, i) => `u${i}@old.test`)
  await mailboxesBehind([{ source }], limits)(all, signal)
  expect(source.questions.map(({ length }) => length)).toEqual([1000, 1000])
})

test('the first source that knows the address counts, and only who is left is asked for', async () => {
  const [first, second] = [sourceOf('a@a.test: b@b.test'), sourceOf('@a.test: c@c.test')]
  const ask = mailboxesBehind([{ source: first }, { source: second }], limits)
  expect(await ask(['a@a.test', 'z@a.test'], signal)).toMatchObject([
    { of: ['b@b.test'] },
    { of: ['c@c.test'] },
  ])
  expect(second.questions[0]).toEqual(['z@a.test'])
})

test('a source that is down is a failure of those whom it was asked for', async () => {
  const ask = mailboxesBehind(
    [{ source: sourceOf('a@a.test: a@a.test') }, { source: down, onFailure: 'default' }],
    limits,
  )
  expect(await ask(['a@a.test', 'b@a.test'], signal)).toEqual([
    { kind: 'mailboxes', of: ['a@a.test'] },
    { kind: 'failed', source: 'down', why: 'is away', onFailure: 'default' },
  ])
})
