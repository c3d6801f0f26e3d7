/**
 * What a message to many recipients costs, counted: the elements that functions of arrays look at.
 * Ten times as many recipients may cost little more than ten times as much.
 */
import { describe, expect, test } from 'vitest'
import type { Split } from '../../src/split/split.ts'
import { Machine, policies, knownSender, type MachineOptions } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

/** A recall looks at one recipient, as a look into an index does. */
class IndexedLedger extends MemoryLedger {
  readonly #members = new WeakMap<Split, ReadonlySet<string>>()

  override recall(_reversePath: string, recipient: string): Split[] {
    const found: Split[] = []
    for (const split of this.splits.values()) {
      if (split.status !== 'open') continue
      let members = this.#members.get(split)
      if (members === undefined) {
        members = new Set(split.recipients.map(({ address }) => address))
        this.#members.set(split, members)
      }
      if (members.has(recipient)) found.push(split)
    }
    return found
  }
}

const counted = ['find', 'filter', 'map', 'some', 'every', 'flatMap', 'findIndex'] as const
const plain = new Map(counted.map((name) => [name, Reflect.get(Array.prototype, name) as unknown]))

/** Elements looked at while `work` runs. */
function lookedAt(work: () => void): number {
  let looks = 0
  for (const [name, method] of plain) {
    Reflect.set(
      Array.prototype,
      name,
      function (this: unknown[], how: (...all: unknown[]) => unknown) {
        const look = (...all: unknown[]): unknown => {
          looks += 1
          return how(...all)
        }
        return Reflect.apply(method as typeof Array.prototype.map, this, [look])
      },
    )
  }
  const includes = Reflect.get(Array.prototype, 'includes') as (one: unknown) => boolean
  Reflect.set(Array.prototype, 'includes', function (this: unknown[], one: unknown) {
    looks += this.length
    return Reflect.apply(includes, this, [one])
  })
  try {
    work()
  } finally {
    for (const [name, method] of plain) Reflect.set(Array.prototype, name, method)
    Reflect.set(Array.prototype, 'includes', includes)
  }
  return looks
}

const addressesOf = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `user${n}@example.org`)

/** Every other one refuses what the others take. */
function machineFor(count: number, options: MachineOptions): Machine {
  const recipients = Object.fromEntries(
    addressesOf(count).map((address, n) => [
      address,
      n % 2 === 0 ? policies.strict : policies.tagOnly,
    ]),
  )
  return Machine.ready({ ...knownSender, ledger: new IndexedLedger(), recipients, ...options })
}

const text = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const

/** The whole way of a message, attempt by attempt, until everybody has an answer. */
function course(count: number, options: MachineOptions): { looks: number; attempts: number } {
  const machine = machineFor(count, options)
  let open = addressesOf(count)
  let attempts = 0
  const looks = lookedAt(() => {
    while (open.length > 0 && attempts < 8) {
      attempts += 1
      const { rcpts, text: answers } = machine.message(open, text)
      const answer = answers[0] ?? '4'
      const next: string[] = []
      for (const [n, address] of open.entries()) {
        const reply = rcpts[n] ?? '4'
        if ((reply.startsWith('2') ? answer : reply).startsWith('4')) next.push(address)
      }
      open = next
    }
  })
  expect(open).toEqual([])
  return { looks, attempts }
}

describe('a message to many recipients', () => {
  test.each([
    ['late', 20, { peer: { strategy: 'late' } }],
    ['late, whoever is offered first', 20, { peer: { strategy: 'late', first: 'offered' } }],
    ['group', 20, { peer: { strategy: 'group' } }],
    // Each one who is deferred alone is put behind those before.
    ['group, whoever is offered first', 30, { peer: { strategy: 'group', first: 'offered' } }],
    ['group, with deliver_deferred', 20, { peer: { strategy: 'group', deliverDeferred: true } }],
  ] as const)('split by %s, costs as much more as they are more', (_name, most, options) => {
    const [ten, hundred, thousand] = [10, 100, 1000].map((count) => course(count, options))
    expect(thousand?.attempts).toBe(ten?.attempts)
    expect(hundred?.looks).toBeLessThan(most * (ten?.looks ?? 0))
    expect(thousand?.looks).toBeLessThan(most * (hundred?.looks ?? 0))
  })
})
