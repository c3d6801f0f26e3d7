/** No open relay: only relay_domains are accepted. */
import { describe, expect, test } from 'vitest'
import { matchesDomain, mayRelay } from '../../src/strategy/rules.ts'
import { Machine } from '../support/machine.ts'

const domains = ['example.org', '*.example.com', '[192.0.2.1]']

describe('rule 8: no open relay', () => {
  const table: [string, boolean][] = [
    ['example.org', true],
    ['sub.example.org', false],
    ['notexample.org', false],
    ['example.org.evil.test', false],
    ['mail.example.com', true],
    ['a.b.example.com', true],
    ['example.com', false],
    ['notexample.com', false],
    ['.example.com', false],
    ['[192.0.2.1]', true],
    ['[192.0.2.2]', false],
    ['', true], // postmaster alone
  ]
  test.each(table)('%s: %s', (domain, accepted) => expect(mayRelay(domain, domains)).toBe(accepted))

  test('no list means that nobody behind could relay', () => expect(mayRelay('anything.test', undefined)).toBe(true))
  test('an empty list accepts nobody but postmaster', () => {
    expect(mayRelay('example.org', [])).toBe(false)
    expect(mayRelay('', [])).toBe(true)
  })
  test('patterns', () => expect(matchesDomain('example.org', '*.example.org')).toBe(false))

  test.each([
    ['<user@example.org>', '250'],
    ['<USER@EXAMPLE.ORG>', '250'],
    ['<user@example.org.>', '250'],
    ['<postmaster>', '250'],
    ['<PostMaster>', '250'],
    ['<@example.org:user@evil.test>', '550 5.7.1 Mail for evil.test'],
    ['<user%evil.test@example.org>', '250'], // the backend's to judge, as is any local part
    ['<"user@evil.test"@example.org>', '250'],
    ['<user@evil.test>', '550 5.7.1 Mail for evil.test'],
    ['<user@[192.0.2.9]>', '550 5.7.1'],
    ['<user@example.org@evil.test>', '501 5.1.3'],
    ['<user@example.org\u0000.evil.test>', '501 5.1.3'],
    ['<user@evil.test,user@example.org>', '501 5.1.3'],
    ['user@evil.test', '550 5.7.1'],
  ])('RCPT TO:%s', (path, reply) => {
    const machine = Machine.ready({ session: { relayDomains: domains } })
    machine.send('MAIL FROM:<sender@example.net>')
    const [said = ''] = machine.send(`RCPT TO:${path}`)
    expect(said.startsWith(reply), said).toBe(true)
    // What is refused here is never shown to the backend.
    expect(machine.effects.some((effect) => effect.do === 'offer')).toBe(reply === '250')
  })
})
