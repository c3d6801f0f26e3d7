/**
 * What src/policy/policy-source.ts promises, for every source: each one's test calls this with a
 * way to open it with these entries in it. So does the test of each decorator, over a source that
 * keeps the contract.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Answer, Source } from '../../src/policy/policy-source.ts'

/** Addresses and domains, and the name of the policy of each. */
export type Entries = Readonly<Record<string, string>>

export interface ContractSource<Found> {
  readonly source: Source<Found>
  /** Takes away what the source reads, where that makes it fail. */
  readonly breakIt?: () => void | Promise<void>
  /** Closes the source and removes what it reads. */
  readonly end: () => Promise<void>
}

export interface ContractOptions<Found> {
  readonly open: (entries: Entries) => Promise<ContractSource<Found>> | ContractSource<Found>
  /** The name of the policy that was found. */
  readonly nameOf: (found: Found) => string
}

const entries: Entries = {
  'ann@example.org': 'strict',
  'bob@example.org': 'careful',
  'ü@example.org': 'tag-only',
  ...Object.fromEntries(
    Array.from({ length: 1000 }, (_, i) => [`user${i}@example.net`, i % 2 ? 'strict' : 'careful']),
  ),
}

/** Nobody's: each is unknown, whatever stands in it. */
const odd = [
  '',
  '@',
  'postmaster',
  'nobody@example.org',
  '"a b"@example.org',
  '"a@b"@example.org',
  `o'brien@example.org`,
  `x' OR '1'='1@example.org`,
  'a*)(uid=*@example.org',
  '%s@example.org',
  '*@example.org',
  'back\\slash@example.org',
  'a:b@[192.0.2.1]',
  'x@[IPv6:2001:db8::1]',
  '__proto__',
  '__proto__@example.org',
  'constructor@example.org',
  'nul\0@example.org',
  'line\r\nbreak@example.org',
  'tab\t@example.org',
  'ÿþ@example.org',
  '\ud800@example.org',
  '💌@xn--bcher-kva.example',
  `${'x'.repeat(100_000)}@example.org`,
  `x@${'y.'.repeat(1000)}example`,
]

const forever = new AbortController().signal

export function describePolicySource<Found extends { readonly kind: string }>(
  name: string,
  { open, nameOf }: ContractOptions<Found>,
): void {
  describe(`${name} keeps the contract of sources`, () => {
    let opened: ContractSource<Found>
    let source: Source<Found>

    beforeEach(async () => {
      opened = await open(entries)
      source = opened.source
    })
    afterEach(async () => {
      await opened.end()
    })

    const ask = async (
      recipients: readonly string[],
      signal: AbortSignal = forever,
    ): Promise<readonly Answer<Found>[]> => await source.policiesFor(recipients, signal)
    const said = (answer: Answer<Found>): string =>
      answer.kind === 'unknown' || answer.kind === 'failed' ? answer.kind : nameOf(answer as Found)

    test('it has a name', () => expect(source.name).not.toBe(''))

    test('many recipients are one question, and each has their own answer, in their order', async () => {
      const answers = await ask(['bob@example.org', 'nobody@example.org', 'ann@example.org'])
      expect(answers.map(said)).toEqual(['careful', 'unknown', 'strict'])
    })

    test('one, and none', async () => {
      expect((await ask(['ann@example.org'])).map(said)).toEqual(['strict'])
      expect(await ask([])).toEqual([])
    })

    test('an address that is there twice has its answer twice', async () => {
      const twice = ['ann@example.org', 'x@example.org', 'ann@example.org', 'x@example.org']
      expect((await ask(twice)).map(said)).toEqual(['strict', 'unknown', 'strict', 'unknown'])
    })

    test('a thousand recipients', async () => {
      const recipients = Array.from({ length: 1000 }, (_, i) => `user${999 - i}@example.net`)
      const answers = await ask(recipients)
      expect(answers.map(said)).toEqual(recipients.map((each) => entries[each]))
    })

    test('odd addresses and octets are unknown, and change no other answer', async () => {
      const recipients = odd.flatMap((each) => [each, 'ann@example.org'])
      const answers = await ask(recipients)
      expect(answers.map(said)).toEqual(odd.flatMap(() => ['unknown', 'strict']))
    })

    test('beyond ASCII', async () =>
      expect((await ask(['ü@example.org'])).map(said)).toEqual(['tag-only']))

    test('questions side by side have each their own answers', async () => {
      const [first, second] = await Promise.all([
        ask(['ann@example.org']),
        ask(['bob@example.org']),
      ])
      expect([...first, ...second].map(said)).toEqual(['strict', 'careful'])
    })

    test('a question that nobody waits for any more ends, and the next one is answered', async () => {
      const asked = new AbortController()
      const answers = ask(['ann@example.org'], asked.signal)
      asked.abort()
      expect(await answers).toHaveLength(1)
      expect(await ask(['ann@example.org', 'bob@example.org'], asked.signal)).toHaveLength(2)
      expect((await ask(['ann@example.org'])).map(said)).toEqual(['strict'])
    })

    test('closed while it is asked: the question ends, and so does closing', async () => {
      const answers = ask(['ann@example.org', 'bob@example.org'])
      await source.close()
      expect(await answers).toHaveLength(2)
    })

    test('a failure is an answer for each, and says which source and why', async (context) => {
      if (opened.breakIt === undefined) return context.skip('nothing makes it fail')
      await opened.breakIt()
      const answers = await ask(['new@example.org', 'new@example.org'])
      expect(answers).toHaveLength(2)
      for (const answer of answers)
        expect(answer).toMatchObject({
          kind: 'failed',
          source: expect.stringMatching(/./) as string,
          why: expect.stringMatching(/./) as string,
        })
    })
  })
}
