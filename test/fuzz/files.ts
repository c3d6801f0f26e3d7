/**
 * What an operator writes, with every mistake: recipients' files and configurations. Wrong is told,
 * with its place; nothing throws.
 */
import { parseConfig } from '../../src/config/load.ts'
import { PolicyEntries } from '../../src/policy/policy-entries.ts'
import type { Random } from '../support/random.ts'
import { policies } from '../support/machine.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, mailbox, perhapsSpoiled } from './octets.ts'

const known = new Map(Object.values(policies).map((policy) => [policy.name, policy]))

const entryLine = (random: Random): string =>
  random.pick([
    (): string => `${mailbox(random)}: ${random.pick([...known.keys()])}`,
    (): string => `"${mailbox(random)}": '${random.pick([...known.keys()])}'`,
    (): string => `"@example.org": strict # all of them`,
    (): string => `user+*@example.org: careful`,
    (): string => `# ${anything(random, 20)}`.replace(/\n/g, ''),
    (): string => '',
    (): string => '---',
  ])()

function recipients(random: Random): void {
  const text = perhapsSpoiled(
    random,
    Array.from({ length: random.between(0, 8) }, () => entryLine(random)).join('\n'),
    0.6,
  )
  const entries = new PolicyEntries([...known.keys()])
  const lines = text.split('\n')
  lines.forEach((line, i) => entries.add(line, i + 1))
  holds(
    entries.count + entries.mistakes.length <= lines.length,
    'each line is an entry, a mistake or nothing',
    text,
  )
  for (const { line, why } of entries.mistakes) {
    holds(line >= 1 && line <= lines.length, 'a mistake has a line', { text, line })
    holds(why.length > 0 && why.length < 4000 + 2 * text.length, 'and is told in bounded words', {
      text,
      why,
    })
  }
  for (const address of [mailbox(random), anything(random, 30)]) {
    const answer = entries.lookUp(address)
    same(entries.lookUp(address), answer, 'an address has one answer', { text, address })
  }
}

const sections = [
  'hostname: mx1.example.org',
  'listen: 0.0.0.0:25',
  'listen:\n  - address: "[::1]:25"\n    tls: implicit',
  'backend:\n  servers: [smtp://10.0.0.5:25]',
  'backend: { servers: ["lmtp+unix:///x"], client_address: xclient }',
  'relay_domains: [example.org, "*.example.net"]',
  'policies:\n  strict: { tag_at: 5, reject_at: 8 }',
  'recipients:\n  default: careful\n  sources: [{ file: r.yaml }]',
  'trusted: [10.0.0.0/8, "2001:db8::/32"]',
  'peers:\n  - name: news\n    match: { rdns: ["*.bulk.example"], address: [192.0.2.1] }\n    strategy: lenient\n  - name: default\n    retry_hint: 00:01:00',
  'limits: { message_size: 50MiB, sessions: 10 }',
  'timeouts: { command: 5m, text: 1h }',
  'ledger: redis://localhost:6379/0',
  'ledger: sqlite:x.db',
  'admin: off',
  'last_word: backend',
  'log: { level: debug }',
  'unknown_key: 1',
  'a: &x [*x]',
  'a: &a {<<: *a}',
  '"\\x00": 1',
  '? [a, b]\n: c',
  '- 1',
  '%YAML 1.2\n---',
  '!!binary x: y',
  '{',
  'listen: {address: {address: {}}}',
  'hostname: "\\u202e"',
] as const

function configuration(random: Random): void {
  const text = perhapsSpoiled(
    random,
    Array.from({ length: random.between(0, 6) }, () => random.pick(sections)).join('\n'),
    0.7,
  )
  const loaded = parseConfig(text, '/etc/rcptwise.yaml')
  const problems = loaded.ok ? loaded.warnings : loaded.problems
  holds(loaded.ok || problems.length > 0, 'what is refused is told', text)
  holds(problems.length <= 1000, 'there are not more problems than anybody reads', text)
  for (const { message } of problems)
    holds(message.length > 0 && message.length < 2000 + 2 * text.length, 'each in bounded words', {
      text,
      message,
    })
}

/** A configuration takes a hundred times as long as a file of recipients. */
const once = (random: Random): void =>
  random.chance(0.1) ? configuration(random) : recipients(random)

export const files: Fuzzer = { name: 'files', once }
