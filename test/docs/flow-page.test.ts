/**
 * The picture of one split in docs/flow.md: the replies, the ledger and the count are those of the
 * machine.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isForcedRetry } from '../../src/facts/transaction.ts'
import { knownSender, Machine, policies } from '../support/machine.ts'

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'flow.md'), 'utf8')
const [, day = ''] = page.split('## A day in the life of one split')
const [, picture = ''] = /```\n([\s\S]*?)```/.exec(day) ?? []
/** What the picture's sender hears, line by line. */
const heard = [...picture.matchAll(/◀─+ ((?:\d{3} ?)+)/g)].map(([, codes = '']) => codes.trim())

const [ann, bob, cho] = ['ann@example.org', 'bob@example.org', 'cho@example.org'] as const
const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')

test('flow.md: “Ann and Bob had the message at 09:00.” “The sender learns at 09:15 that Cho refuses it” “has counted two forced retries, both for Cho.”', () => {
  const machine = Machine.ready({
    ...knownSender,
    peer: { strategy: 'late' },
    recipients: {
      [ann]: { name: 'patient', tagAt: 12, neverDefer: false },
      [bob]: policies.careful,
      [cho]: policies.strict,
    },
  })
  const said: string[] = []
  const states: (string | undefined)[][] = []
  for (const to of [[ann, bob, cho], [ann, bob, cho], [cho]]) {
    const { rcpts, text } = machine.message(to, spam)
    said.push(codes(rcpts), codes(text))
    states.push(
      [...machine.ledger.splits.values()].flatMap(({ recipients }) =>
        recipients.map(({ state }) => state),
      ),
    )
  }
  expect(said).toEqual(heard)
  expect(machine.parcels.map(({ result }) => result)).toEqual(['plain', 'tagged'])
  expect(states).toEqual([
    ['delivered', 'delivered', 'refused'],
    ['answered', 'answered', 'refused'],
    ['answered', 'answered', 'answered'],
  ])
  expect(machine.ledger.open).toEqual([])
  const deferred = machine.transactions.flatMap(({ recipients }) =>
    recipients.filter(isForcedRetry).map(({ address }) => address),
  )
  expect(deferred).toEqual([cho, cho])
})
