/**
 * What holds a million recipients grows without a pause. V8 makes a map of its own twice as large
 * with all its keys at once, so no single map may have very many of them.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { AliasEntries } from '../../src/policy/aliases/alias-entries.ts'
import { cached } from '../../src/policy/cached.ts'
import type { LineEntries } from '../../src/policy/line-entries.ts'
import { PolicyEntries } from '../../src/policy/policy-entries.ts'
import { aliasMapValues, policyMapValues } from '../../src/policy/postfix/map-values.ts'
import { TexthashEntries } from '../../src/policy/postfix/texthash-entries.ts'
import { ScriptedSource } from '../support/scripted-source.ts'

const many = 100_000
const names = ['strict']

interface LargeFile {
  readonly made: () => LineEntries<unknown>
  readonly line: string
}

const files: Readonly<Record<string, LargeFile>> = {
  'a file of policies': { made: () => new PolicyEntries(names), line: ': strict' },
  'a file of aliases': { made: () => new AliasEntries(), line: ': ann@example.net' },
  'a texthash of policies': {
    made: () => new TexthashEntries(policyMapValues(names)),
    line: ' strict',
  },
  'a texthash of aliases': {
    made: () => new TexthashEntries(aliasMapValues),
    line: ' ann@example.net',
  },
}

/** The size of the largest map that something is put into while this runs. */
async function largestMap(run: () => Promise<void> | void): Promise<number> {
  let largest = 0
  // The method without a map of its own: it is called on each.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { set } = Map.prototype
  vi.spyOn(Map.prototype, 'set').mockImplementation(function (this: Map<unknown, unknown>, ...of) {
    largest = Math.max(largest, this.size)
    return set.apply(this, of)
  })
  await run()
  return largest
}

afterEach(() => vi.restoreAllMocks())

test.each(Object.entries(files))('%s', async (_, { made, line }) => {
  const entries = made()
  const largest = await largestMap(() => {
    for (let i = 0; i < many; i++) entries.add(`user${i}@example.org${line}`, i + 1)
    entries.end?.()
  })
  expect(entries.count).toBe(many)
  expect(largest).toBeLessThan(many / 10)
})

test('answers that are kept', async () => {
  const source = cached(new ScriptedSource({}), {
    ...{ foundMs: 1000, unknownMs: 1000, staleMs: 0, mostRecipients: 1_000_000 },
  })
  const { signal } = new AbortController()
  const largest = await largestMap(async () => {
    for (let i = 0; i < many; i += 100) {
      const recipients = Array.from({ length: 100 }, (_, j) => `user${i + j}@example.org`)
      await source.policiesFor(recipients, signal)
    }
  })
  expect(largest).toBeLessThan(many / 10)
})
