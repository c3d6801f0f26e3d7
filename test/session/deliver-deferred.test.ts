/**
 * `deliver_deferred`: who is deferred only to split has the text at once all the same, and the
 * retry is acknowledged.
 */
import { describe, expect, test } from 'vitest'
import { knownSender, Machine, type MachineOptions, policies } from '../support/machine.ts'

const recipients = {
  'tag@example.org': policies.tagOnly,
  'careful@example.org': policies.careful,
  'strict@example.org': policies.strict,
}
const all = Object.keys(recipients)
const [tag = '', careful = '', strict = ''] = all
const scored = (score: number) => ({ judgement: { kind: 'judged', score, symbols: [] } }) as const
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')
const taken = (machine: Machine): string[][] =>
  machine.parcels.map(({ result, recipients: to }) => [
    result,
    ...to.map(({ argument }) => argument.slice(1, -1)),
  ])

const machineOf = (strategy: 'group' | 'single', options: MachineOptions = {}): Machine =>
  Machine.ready({
    ...knownSender,
    recipients,
    ...options,
    peer: { strategy, deliverDeferred: true },
  })

describe.each(['group', 'single'] as const)('%s', (strategy) => {
  test('everyone accepts, one delivery to all: rules.md: “This happens with late, with deliver_deferred, and when a message went out in several parcels and one failed.”', () => {
    const machine = machineOf(strategy)
    const first = machine.message(all, scored(1))
    expect(codes([...first.rcpts, ...first.text])).toBe('250 451 451 250')
    expect(taken(machine)).toEqual([['plain', tag, careful, strict]])
    const second = machine.message([careful, strict], scored(1))
    expect(codes([...second.rcpts, ...second.text])).toBe('250 250 250')
    expect(taken(machine)).toHaveLength(1)
    expect(machine.ledger.open).toEqual([])
  })

  test('one refuses: the others have it, and it hears its 550 when it is alone', () => {
    const machine = machineOf(strategy)
    expect(codes(machine.message(all, scored(9)).text)).toBe('250')
    expect(taken(machine)).toEqual([['tagged', tag, careful]])
    const second = machine.message([careful, strict], scored(9))
    expect(codes([...second.rcpts, ...second.text])).toBe('250 451 250')
    const third = machine.message([strict], scored(9))
    expect(third.text[0]).toMatch(/^550 .*strict@example\.org/)
    expect(taken(machine)).toHaveLength(1)
    expect(machine.ledger.open).toEqual([])
  })

  test('who goes first refuses: nothing is refused beside others (rule 2), and the deferred have it all the same', () => {
    const machine = machineOf(strategy, { recipients: { ...recipients, [tag]: policies.strict } })
    expect(codes(machine.message(all, scored(9)).text)).toBe('451')
    expect(taken(machine)).toEqual([['tagged', careful]])
    let open = all
    for (let i = 0; i < 4 && open.length > 0; i++) {
      const { rcpts, text } = machine.message(open, scored(9))
      const final = /^[25]/.test(text[0] ?? '')
      open = open.filter((_, at) => !(final && rcpts[at]?.startsWith('250') === true))
    }
    expect(open).toEqual([])
    expect(taken(machine)).toHaveLength(1)
  })

  test('the backend does not take it for the deferred: they are judged and delivered to on their retry', () => {
    let parcels = 0
    const machine = machineOf(strategy, {
      recipients: { [tag]: policies.tagOnly, [careful]: policies.boxed },
      session: { quarantine: 'box@example.org' },
      world: {
        deliver: () =>
          ++parcels === 2
            ? { reply: { code: 451, lines: ['4.3.0 Not now'] } }
            : { reply: { code: 250, lines: ['2.0.0 Ok'] } },
      },
    })
    expect(codes(machine.message([tag, careful], scored(9)).text)).toBe('250')
    expect(machine.ledger.open[0]?.recipients.map(({ state }) => state)).toEqual([
      'answered',
      'waiting',
    ])
    expect(codes(machine.message([careful], scored(9)).text)).toBe('250')
    expect(machine.parcels).toHaveLength(3)
  })
})
