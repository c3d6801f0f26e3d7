/**
 * docs/leniency.md, against the machine: each line of its tables is taken or refused as the page
 * says.
 */
import { describe, expect, test } from 'vitest'
import { Machine } from '../support/machine.ts'
import { linesOf, type Section } from './leniency-lines.ts'

/** The first digit of the reply to `line`, where it belongs. */
function classOf(line: string): string | undefined {
  const machine = Machine.ready({ session: { relayDomains: ['example.org'], refuseRoutes: true } })
  if (line.startsWith('RCPT')) machine.send('MAIL FROM:<s@client.test>')
  return machine.send(line).at(-1)?.[0]
}

describe.each<[Section, string]>([
  ['Taken, as Postfix takes it', '2'],
  ['Refused, although Postfix takes it', '5'],
  ['Refused by both', '5'],
])('%s', (section, answer) => {
  test.each(linesOf(section))('%j', (line) => {
    expect(classOf(line)).toBe(answer)
  })
})

test('what is taken reaches the server behind in the octets in which it came', () => {
  const machine = Machine.ready({ session: { relayDomains: ['example.org'] } })
  const told = (line: string): string => {
    machine.send('RSET')
    const before = machine.effects.length
    if (line.startsWith('RCPT')) machine.send('MAIL FROM:<s@client.test>')
    machine.send(line)
    return machine.effects
      .slice(before)
      .map((effect) =>
        effect.do === 'begin' ? effect.mail : effect.do === 'offer' ? effect.argument : '',
      )
      .join(' ')
  }
  for (const line of linesOf('Taken, as Postfix takes it').filter((taken) =>
    /^(?:MAIL|RCPT) (?!.*AUTH=)/i.test(taken),
  )) {
    const words = line
      .replace(/^[^:]*:/, '')
      .replace(/<@[^:]*:/, '')
      .split(/[ \t<>]+/)
    for (const word of words) expect(told(line), line).toContain(word)
  }
})
