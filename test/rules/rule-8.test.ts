/**
 * No open relay: only relay_domains are accepted, and no route in front of the last @ where the
 * backend trusts us.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRouted } from '../../src/smtp/routed.ts'
import { matchesDomain, mayRelay } from '../../src/strategy/relay-domains.ts'
import { Machine } from '../support/machine.ts'
import { runs } from '../support/properties.ts'

const domains = ['example.org', '*.example.com', '[192.0.2.1]']

describe('rules.md: “No open relay.” “In front of a server that sees the address of Rcptwise and may trust it, Rcptwise accepts only relay_domains.”', () => {
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

  test('no list means that nobody behind could relay', () =>
    expect(mayRelay('anything.test', undefined)).toBe(true))
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
    // where the backend is told the client, it is its to judge, as is any local part
    ['<user%evil.test@example.org>', '250'],
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

describe('rules.md: “There it accepts no local part that holds a route (%, !, @).” For a backend that trusts us', () => {
  const trusting = () => Machine.ready({ session: { relayDomains: domains, refuseRoutes: true } })
  const answerTo = (machine: Machine, path: string): string => {
    machine.send('MAIL FROM:<sender@example.net>')
    return machine.send(`RCPT TO:${path}`)[0] ?? ''
  }

  /**
   * Each was followed by one of Postfix, Exim and sendmail where it stands in front of their own
   * domain (docs/relaying.md).
   */
  const routed = [
    'victim%evil.test',
    'evil.test!victim',
    'postmaster%evil.test',
    '%evil.test',
    'victim%40evil.test',
    'victim%evil.test%example.org',
    'example.org!evil.test!victim',
    'evil.test!victim%example.org',
    '"victim@evil.test"',
    '"victim%evil.test"',
    '"evil.test!victim"',
    String.raw`"victim\@evil.test"`,
    String.raw`"victim\%evil.test"`,
    '"victim@evil.test@example.org"',
    '"@example.org:victim@evil.test"',
    '"victim@evil.test%example.org"',
    '"<victim@evil.test>"',
    '"ann,victim@evil.test"',
    '"ann victim@evil.test"',
    '"victim(x)@evil.test"',
    '"victim%[192.0.2.9]"',
  ]
  test.each(
    routed.flatMap((local) => [
      `<${local}@example.org>`,
      `<${local}@[192.0.2.1]>`,
      `<@example.org:${local}@example.org>`,
    ]),
  )('RCPT TO:%s is refused, and never shown to the backend', (path) => {
    const machine = trusting()
    expect(answerTo(machine, path)).toMatch(/^550 5\.7\.1 An address with a route in it/)
    expect(machine.effects.some((effect) => effect.do === 'offer')).toBe(false)
  })

  test.each([
    'ann',
    'ann+list',
    'ann=evil.test',
    'ann&evil.test',
    'ann#x',
    '"ann b"',
    '"evil.test::ann"',
    '"ann\\"b"',
  ])('RCPT TO:<%s@example.org> holds no route', (local) =>
    expect(answerTo(trusting(), `<${local}@example.org>`)).toMatch(/^250 /),
  )

  test('no quoting hides a route: whatever is accepted has no %, ! or @ in front of its last @', () => {
    const octet = fc.constantFrom('%', '!', '@', '"', '\\', '.', ':', ',', '<', '>', ' ', 'a', 'é')
    fc.assert(
      fc.property(fc.string({ unit: octet, maxLength: 12 }), fc.boolean(), (text, quoted) => {
        const local = quoted ? `"${text}"` : text
        const said = answerTo(trusting(), `<${local}@example.org>`)
        // A source route in front is left out before the backend hears of it (RFC 5321 appendix C).
        const told = local.replace(/^@[^:<>"]+:/, '')
        if (said.startsWith('250')) expect(told).not.toMatch(/[%!@]/)
      }),
      { numRuns: runs(2000) },
    )
  })

  test.each([
    '<victim%evil.test>',
    '<evil.test!victim>',
    '<"victim@evil.test">',
    '<victim>',
    'victim%evil.test',
    '<@a:victim%evil.test>',
  ])('RCPT TO:%s has no domain that could be ours, and is never shown to the backend', (path) => {
    for (const machine of [
      trusting(),
      Machine.ready({ session: { relayDomains: domains } }),
      Machine.ready({}),
    ]) {
      expect(answerTo(machine, path)).toMatch(/^5/)
      expect(machine.effects.some((effect) => effect.do === 'offer')).toBe(false)
    }
  })

  test("who has authenticated is the backend's to judge", () => {
    const machine = trusting()
    machine.session.authenticated = true
    expect(answerTo(machine, '<user%evil.test@example.org>')).toMatch(/^250 /)
  })

  test('it is looked for in front of the last @ alone', () => {
    expect(isRouted('ann@example.org')).toBe(false)
    expect(isRouted('postmaster')).toBe(false)
    expect(isRouted('')).toBe(false)
    expect(isRouted('ann@exa%mple.org')).toBe(false)
    expect(isRouted('victim%evil.test')).toBe(true) // without a domain all of it is the local part
  })
})
