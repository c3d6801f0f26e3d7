/** What is kept of what was saved while a file was not known to be sound. */
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { migrate } from '../../../src/ledger/sqlite/schema.ts'
import { SplitStore } from '../../../src/ledger/sqlite/statements.ts'
import { Unproven } from '../../../src/ledger/sqlite/unproven.ts'
import { toRow } from '../../../src/ledger/stored-split.ts'
import {
  abandonSplit,
  deferRecipients,
  nextVersion,
  startSplit,
} from '../../../src/split/split-course.ts'
import type { Split } from '../../../src/split/split.ts'

function memory(): SplitStore {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  return new SplitStore(database, { remember: true })
}

const split = (id: string): Split => {
  const begun = startSplit({
    id,
    at: 1,
    transaction: 'x.1',
    reversePath: 's@x.test',
    peer: 'default',
    strategy: 'late',
  })
  return nextVersion(deferRecipients(begun, [`${id}@example.org`], 1))
}

test('what a damaged file did not give back is added in its last version, and nothing older or closed', async () => {
  const names = ['lost', 'old', 'newer', 'closed', 'ended'] as const
  const store = memory()
  for (const name of ['old', 'ended']) store.insert(toRow(split(name)))
  const ahead = nextVersion(nextVersion(split('newer')))
  store.insert(toRow(ahead))
  const unproven = new Unproven()
  for (const name of names) unproven.saved(toRow(split(name)))
  unproven.saved(toRow(nextVersion(split('old'))))
  for (const name of ['closed', 'ended'])
    unproven.saved(toRow(nextVersion(abandonSplit(split(name), 2))))
  await unproven.addTo(store, 2)
  expect(names.map((name) => [name, store.find(name)?.version])).toEqual([
    ['lost', 1],
    ['old', 2],
    ['newer', ahead.version],
    ['closed', undefined],
    ['ended', 2],
  ])
  const found = store.find('ended')
  expect(found?.split?.status).toBe('abandoned')
})

test('ledger.md: “Until it knows, Rcptwise also keeps what it saves in memory, up to 64 MiB.” More than there is room for is left to what can be read of the file, the oldest first', async () => {
  const store = memory()
  const unproven = new Unproven()
  const large = { bytes: 24 * 1024 * 1024 }
  for (const id of ['a', 'b', 'c', 'd']) unproven.saved({ ...toRow(split(id)), ...large })
  await unproven.addTo(store, 2)
  expect(['a', 'b', 'c', 'd'].map((id) => store.find(id) !== undefined)).toEqual([
    false,
    false,
    true,
    true,
  ])
})
