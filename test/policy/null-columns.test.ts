/** Each column that there is: where a source has NULL in it, the next source is asked for it. */
import { describe, expect, test } from 'vitest'
import { saidOf } from '../../src/cli/policy-in-words.ts'
import { chainPolicySources } from '../../src/policy/chain.ts'
import { FoundEntries } from '../../src/policy/keyed/found-entries.ts'
import { originsOf } from '../../src/policy/origins.ts'
import { columnNames } from '../../src/policy/policy-columns.ts'
import type { RawPolicy } from '../../src/policy/policy-source.ts'
import { resolved } from '../../src/policy/resolved.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { ScriptedSource } from '../support/scripted-source.ts'
import { resolving } from './policies.ts'

const user = 'ann@example.org'
/** A value of it that the default policy does not have. */
const valueOf = (column: string): unknown => {
  if (column.endsWith('_at')) return 42
  if (column.endsWith('_symbols')) return ['SYMBOL']
  if (column.endsWith('_senders')) return ['@example.net']
  const others: Readonly<Record<string, unknown>> = {
    never_defer: true,
    never_reject: true,
    no_greylisting: true,
    known_senders_only: true,
    max_size: 42,
    reject_text: 'Call us',
    group: 'own',
  }
  return others[column]
}

const row = (values: Readonly<Record<string, unknown>>): RawPolicy => {
  const said = new FoundEntries([[user, values]]).sayOf([user])
  if (said.kind === 'unknown') throw new Error('the row says nothing')
  return said
}

async function policyFrom(...rows: readonly RawPolicy[]): Promise<Policy> {
  const sources = rows.map((each) => resolved(new ScriptedSource({ [user]: each }), resolving))
  const [answer] = await chainPolicySources(sources).policiesFor(
    [user],
    new AbortController().signal,
  )
  if (answer?.kind !== 'found') throw new Error('no policy')
  return answer.policy
}

const valueIn = (policy: Policy, column: string): unknown =>
  saidOf(policy).find((said) => said.column === column)?.value

describe.each(columnNames)('%s', (column) => {
  const value = valueOf(column)
  const other = column === 'reject_text' ? 'group' : 'reject_text'
  const silent = row({ [column]: null, [other]: valueOf(other) })
  const speaking = row({ [column]: value })

  test('recipients.md: “If all rows have NULL in a column, Rcptwise asks the next source for that column.”', async () => {
    expect(valueIn(await policyFrom(silent), column)).not.toEqual(value)
    expect(valueIn(await policyFrom(silent, speaking), column)).toEqual(value)
    expect(valueIn(await policyFrom(silent, silent, speaking), column)).toEqual(value)
  })

  test('what the next source says of anything else does not count', async () => {
    const more = row({ [column]: value, [other]: other === 'group' ? 'shared' : 'Write to us' })
    expect(valueIn(await policyFrom(silent, more), other)).toEqual(valueOf(other))
  })

  test('where the first source says it, the next one is not heard', async () => {
    expect(valueIn(await policyFrom(speaking, row({ [other]: valueOf(other) })), column)).toEqual(
      value,
    )
    expect(valueIn(await policyFrom(speaking, silent), other)).not.toEqual(valueOf(other))
  })

  test('`recipients test` tells whose value it is', () => {
    const { of } = originsOf([
      { source: 'first', answer: silent },
      { source: 'second', answer: speaking },
    ])
    const said = speaking.kind === 'values' ? saidOf(speaking) : []
    const field = said.find((one) => one.column === column)?.field
    expect(field !== undefined && of.get(field)).toBe('second')
  })
})
