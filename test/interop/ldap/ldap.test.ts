/** A real slapd as a source of policies and of aliases: what it is asked, held, killed and back. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { reportOn } from '../../../src/app/recipient-report.ts'
import { checkRecipients } from '../../../src/cli/check-recipients.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { aliasesRead, keyedSource, policiesRead } from '../../../src/policy/keyed/keyed-source.ts'
import { type LdapSettings, ldapStore } from '../../../src/policy/ldap/ldap-store.ts'
import type { Answer, RawPolicy, Source } from '../../../src/policy/policy-source.ts'
import { nameOfRaw } from '../../policy/breakable.ts'
import { describePolicySource } from '../../policy/source.contract.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { reader, type Slapd, startSlapd } from './slapd.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/recipients.md'), 'utf8')
const policies = `relay_domains: [example.org]
policies: { careful: { tag_at: 6, reject_at: 15 }, strict: { tag_at: 5, reject_at: 8 } }`
const listening = new AbortController().signal
const columns = {
  policy: 'wish',
  tag_at: 'tagAt',
  reject_at: 'rejectAt',
  accept_senders: 'friends',
}

describe.skipIf(interopObstacle() !== undefined)('slapd', () => {
  let server: Slapd
  const opened: Source<unknown>[] = []
  let entries = 0
  beforeAll(async () => {
    server = await startSlapd()
  }, 120_000)
  afterAll(async () => await server[Symbol.asyncDispose]())
  afterEach(async () => {
    for (const source of opened.splice(0)) await source.close()
  })

  const settingsOf = (base: string, change: Partial<LdapSettings> = {}): LdapSettings => ({
    url: server.url,
    startTls: false,
    bind: reader,
    base,
    scope: 'sub',
    filter: '(&(objectClass=recipient)(address={key}))',
    keyAttributes: ['address'],
    attributes: columns,
    limitMs: 1500,
    ...change,
  })
  const open = (base: string, change: Partial<LdapSettings> = {}): Source<RawPolicy> => {
    const source = keyedSource(ldapStore(settingsOf(base, change)), policiesRead)
    opened.push(source)
    return source
  }
  const put = async (
    base: string,
    attributes: Readonly<Record<string, string | string[]>>,
  ): Promise<void> => {
    const cn = `entry${++entries}`
    await server.add(`cn=${cn},${base}`, { objectClass: ['recipient'], cn, ...attributes })
  }
  const ask = async (source: Source<RawPolicy>, ...recipients: readonly string[]) =>
    (await source.policiesFor(recipients, listening)).map(nameOf)

  describePolicySource('slapd', {
    async open(wishes) {
      const base = await server.branch()
      // Many addresses of one wish are one entry.
      for (const name of new Set(Object.values(wishes))) {
        const address = Object.keys(wishes).filter((key) => wishes[key] === name)
        await put(base, { address, wish: name })
      }
      const source = open(base)
      return {
        source,
        breakIt: async () => await source.close(),
        end: async () => await source.close(),
      }
    },
    nameOf: nameOfRaw,
  })

  test('the address, without its detail, and the domain; column by column; lists', async () => {
    const base = await server.branch()
    await put(base, { address: ['Ann@example.org', 'info@example.org'], tagAt: '4' })
    await put(base, {
      address: '@example.org',
      rejectAt: '9',
      friends: ['@a.example', 'b@c.example'],
    })
    await put(base, { address: 'odd@example.org', tagAt: 'six' })
    const recipients = [
      'ANN+x@example.org',
      'bob@example.org',
      'odd@example.org',
      'eve@example.net',
    ]
    expect(await open(base).policiesFor(recipients, listening)).toMatchObject([
      { kind: 'values', tagAt: 4, behind: { rejectAt: 9 } },
      { kind: 'values', rejectAt: 9, acceptSenders: ['@a.example', 'b@c.example'] },
      { kind: 'wrong', why: expect.stringContaining('tag_at') as string },
      { kind: 'unknown' },
    ])
  })

  test('what stands in an address is never part of the filter', async () => {
    const base = await server.branch()
    await put(base, { address: 'ann@example.org', wish: 'strict' })
    await put(base, { address: 'a*)(uid=*@example.org', wish: 'careful' })
    const odd = [
      '*@example.org',
      'a*@example.org',
      'ann@example.org)(|(address=*',
      '*)(objectClass=*@example.net',
      'ann@example.org))(&(address=*@x.example',
      'back\\2a@example.net',
      'back\\slash@example.net',
      'nul\0@example.net',
      '(a)@example.net',
      '%s{key}$&@example.net',
      'ü💌@example.net',
      '\u0301@example.net',
    ]
    expect(await ask(open(base), ...odd, 'a*)(uid=*@example.org', 'ann@example.org')).toEqual([
      ...odd.map(() => 'unknown'),
      'careful',
      'strict',
    ])
  })

  test('an attribute that has no letters for an address does not fail for the others', async () => {
    const base = await server.branch()
    await put(base, { asciiAddress: 'ann@example.org', wish: 'strict' })
    const change = { filter: '(asciiAddress={key})', keyAttributes: ['asciiAddress'] }
    expect(await ask(open(base, change), 'ü@example.org', 'ann@example.org')).toEqual([
      'unknown',
      'strict',
    ])
  })

  test('several thousand keys are several searches', async () => {
    const base = await server.branch()
    await put(base, { address: 'u1499@example.net', wish: 'strict' })
    const many = Array.from({ length: 1500 }, (_, i) => `u${i}+x@example.net`)
    expect((await ask(open(base, { limitMs: 10_000 }), ...many)).at(-1)).toBe('strict')
  })

  test('mailboxes', async () => {
    const base = await server.branch()
    await put(base, { address: 'info@example.org', forward: ['a@b.example', 'c@d.example'] })
    const store = ldapStore(settingsOf(base, { attributes: { mailbox: 'forward' } }))
    const source = keyedSource(store, aliasesRead)
    opened.push(source)
    expect(await source.policiesFor(['info@example.org'], listening)).toEqual([
      { kind: 'alias', key: 'info@example.org', to: ['a@b.example', 'c@d.example'] },
    ])
  })

  test('over StartTLS and over ldaps, with an authority of its own, and with no other', async () => {
    const base = await server.branch()
    await put(base, { address: 'ann@example.org', wish: 'strict' })
    const secure = { url: server.secureUrl }
    const { ca } = server
    expect(await ask(open(base, { startTls: true, ca }), 'ann@example.org')).toEqual(['strict'])
    expect(await ask(open(base, { ...secure, ca }), 'ann@example.org')).toEqual(['strict'])
    for (const change of [{ startTls: true }, secure])
      expect(await ask(open(base, change), 'ann@example.org')).toEqual([
        expect.stringMatching(/^failed.*certificate/),
      ])
  })

  test('recipients.md: “If slapd is on the same host, Rcptwise can ask it at its Unix socket, without a password:” and slapd knows who asks', async () => {
    const base = await server.branch()
    await put(base, { address: 'ann@example.org', wish: 'strict' })
    const path = decodeURIComponent(server.socketUrl.slice('ldapi://'.length))
    for (const url of [server.socketUrl, `ldapi://${path}`]) {
      const source = open(base, { url, bind: 'external' })
      expect(source.name).toBe(`ldap:${path}`)
      expect(await ask(source, 'ann@example.org')).toEqual(['strict'])
      // Only those may read who are somebody.
      expect(await ask(open(base, { url, bind: undefined }), 'ann@example.org')).toEqual([
        expect.stringMatching(/unknown|failed/),
      ])
    }
    const source = open(base, { url: server.socketUrl, bind: 'external' })
    await server.kill()
    expect(await ask(source, 'ann@example.org')).toEqual([expect.stringMatching(/^failed .{4}/)])
    await server.startAgain()
    expect(await ask(source, 'ann@example.org')).toEqual(['strict'])
  })

  test('a certificate for another name is none', async () => {
    await using other = await startSlapd('other.example')
    const { ca } = other
    for (const change of [
      { url: other.url, startTls: true, ca },
      { url: other.secureUrl, ca },
    ])
      expect(await ask(open('cn=test', change), 'ann@example.org')).toEqual([
        expect.stringMatching(/^failed.*altnames/),
      ])
  })

  test('killed, it fails; back, it answers', async () => {
    const base = await server.branch()
    await put(base, { address: 'ann@example.org', wish: 'strict' })
    const source = open(base)
    expect(await ask(source, 'ann@example.org')).toEqual(['strict'])
    await server.kill()
    expect(await ask(source, 'ann@example.org')).toEqual([expect.stringMatching(/^failed .{4}/)])
    await server.startAgain()
    expect(await ask(source, 'ann@example.org')).toEqual(['strict'])
  })

  test('held, it fails in time; going on, it answers', async () => {
    const base = await server.branch()
    await put(base, { address: 'ann@example.org', wish: 'strict' })
    const source = open(base)
    expect(await ask(source, 'ann@example.org')).toEqual(['strict'])
    await server.hold()
    try {
      expect(await ask(source, 'ann@example.org')).toEqual([expect.stringMatching(/^failed/)])
    } finally {
      server.goOn()
    }
    expect(await ask(source, 'ann@example.org')).toEqual(['strict'])
  })

  test('the recipe of docs/recipients.md, as it is written there', async () => {
    const base = await server.branch()
    const person = { objectClass: ['inetOrgPerson'], cn: 'ann' }
    await server.add(`cn=ann,${base}`, { ...person, mail: 'ann@example.org', spamTagLevel: '4' })
    await server.add(`cn=all,${base}`, {
      ...person,
      cn: 'all',
      mail: '@example.org',
      mailPolicy: 'strict',
    })
    const directory = mkdtempSync(join(tmpdir(), 'rcptwise-ldap-'))
    try {
      writeFileSync(join(directory, 'ca.pem'), server.ca)
      writeFileSync(join(directory, 'password'), reader.password)
      const [, section = ''] = page.split('\n## LDAP\n')
      const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(section) ?? []
      const here = yaml
        .replace('ldap://10.0.0.8', server.url)
        .replace('/etc/rcptwise/directory-ca.pem', join(directory, 'ca.pem'))
        .replace('/etc/rcptwise/directory.password', join(directory, 'password'))
        .replace('cn=rcptwise,dc=example,dc=org', reader.dn)
        .replace('ou=people,dc=example,dc=org', base)
      const loaded = parseConfig(`${policies}\n${here}`, join(directory, 'config.yaml'))
      if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
      const name = `ldap:${new URL(server.url).host}`
      const text = `${name} answers: postmaster@example.org has the policy strict`
      expect(await checkRecipients(loaded.config)).toEqual([
        { level: 'ok', what: 'recipients', where: name, text },
      ])
      const addresses = ['ann+x@example.org', 'bob@example.org', 'eve@example.net']
      const reports = await reportOn({ addresses, sender: '' }, loaded.config)
      expect(reports.map(({ policy }) => [policy?.tagAt, policy?.rejectAt])).toEqual([
        [4, 8],
        [5, 8],
        [6, 15],
      ])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test.each<[string, Partial<LdapSettings>]>([
    ['a wrong password', { bind: { ...reader, password: 'wrong' } }],
    ['no such user', { bind: { ...reader, dn: 'cn=none,cn=test' } }],
    ['a base that is none', { base: 'nonsense' }],
    ['no such base', { base: 'cn=nowhere,cn=test' }],
    ['nobody listens', { url: 'ldap://127.0.0.1:1' }],
    ['no such socket', { url: 'ldapi:///nowhere/ldapi' }],
    ['a connection that says nothing of who asks', { bind: 'external' }],
  ])('%s is a failure with the reason, which has no password', async (_, change) => {
    const [said] = await ask(open('cn=test', change), 'ann@example.org')
    expect(said).toMatch(/^failed .{4}/)
    expect(said).not.toContain('p4ss')
  })
})

const nameOf = (answer: Answer<RawPolicy>): string => {
  if (answer.kind === 'failed') return `failed ${answer.why}`
  return answer.kind === 'unknown' ? 'unknown' : nameOfRaw(answer)
}
