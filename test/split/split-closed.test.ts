/** What is told of a split that has ended, whoever ends it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Fact, FactListener } from '../../src/facts/fact.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { reconcilingLedger } from '../../src/ledger/reconcile.ts'
import { splitClosed } from '../../src/split/split-closed.ts'
import { answerRecipients, closeIfDone, nextVersion } from '../../src/split/split-course.ts'
import type { RecipientState, Split } from '../../src/split/split.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import { sweep } from '../../src/ledger/sweep.ts'
import { minute, recipientOf, splitOf, start } from '../ledger/splits.ts'

const states: readonly RecipientState[] = [
  'waiting',
  'refused',
  'delivering',
  'delivered',
  'answered',
]
const ofAllStates = states.map((state) => ({ ...recipientOf(`${state}@example.org`), state }))

test.each([
  ['abandoned', ['waiting@example.org', 'refused@example.org', 'delivering@example.org']],
  ['completed', []],
  ['forgiven', []],
] as const)('one that is %s: as abandoned count %j', (status, abandonedRecipients) => {
  const split = splitOf('it', { status, recipients: ofAllStates })
  const told = {
    kind: 'splitClosed',
    split: 'it',
    outcome: status,
    durationMs: minute,
    abandonedRecipients,
  }
  expect(splitClosed(split, start + minute)).toMatchObject(told)
})

test('an open one has not ended', () => {
  expect(splitClosed(splitOf('it'), start)).toBeUndefined()
})

interface Ending {
  readonly ledger: Ledger
  readonly split: Split
  readonly onFact: FactListener
}

const ways: Readonly<Record<string, (ending: Ending) => Promise<void>>> = {
  'nobody comes back to it': async ({ ledger, onFact }) => {
    await sweep({
      ledger,
      patienceMs: minute,
      keepMs: minute,
      onFact,
      now: () => start + 2 * minute,
    })
  },
  'the ledger is full': async ({ ledger }) => {
    for (const n of [1, 2]) await ledger.save(splitOf(`new${n}`, { startedAt: start + n * minute }))
  },
  'two transactions end it together': async ({ ledger, split, onFact }) => {
    const both = reconcilingLedger(ledger, onFact)
    for (const { address } of split.recipients)
      await both.save(nextVersion(closeIfDone(answerRecipients(split, [address]), start)))
  },
}

describe.each(Object.entries(ways))('%s', (_way, end) => {
  const toldOf = async (change: Partial<Split>): Promise<readonly Fact[]> => {
    const facts: Fact[] = []
    const onFact = (fact: Fact): void => void facts.push(fact)
    const ledger = await openSqliteLedger({
      path: ':memory:',
      onFact,
      clock: () => start,
      maxSplits: 2,
    })
    const split = splitOf('it', change)
    await ledger.save(split)
    await end({ ledger, split, onFact })
    expect((await ledger.find('it'))?.status).not.toBe('open')
    await ledger.close()
    return facts
  }

  test('a split is told of, once', async () => {
    expect(await toldOf({})).toMatchObject([{ kind: 'splitClosed', split: 'it' }])
  })

  test('decision 13: “It counts in no metric of splits”: a record that is only of deliveries is not told of', async () => {
    expect(await toldOf({ deliveriesOnly: true })).toEqual([])
  })
})

test('it is made in one place', () => {
  const src = join(import.meta.dirname, '..', '..', 'src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const makers = files.filter((file) =>
    /kind: 'splitClosed',/.test(readFileSync(join(src, file), 'utf8')),
  )
  expect(makers).toEqual(['split/split-closed.ts'])
})
