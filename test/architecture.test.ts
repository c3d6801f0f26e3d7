/**
 * Which folder may import which, as data (CONTRIBUTING: Layout). A folder that is not named here
 * fails, so that it gets its line.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const src = join(import.meta.dirname, '..', 'src')

interface Rule {
  /** Folders and files of src/ whose values it may import. */
  readonly values: readonly string[]
  /** Whose types it may import besides. */
  readonly types?: readonly string[]
  /** Outside libraries and node: modules. `node:*` stands for all of Node. */
  readonly outside?: readonly string[]
}

const everything = ['*']
const interfaces = [
  'bounce/bounce.ts',
  'sender-auth/sender-auth.ts',
  'backend/backend.ts',
  'judge/judge.ts',
  'ledger/ledger.ts',
  'split/split.ts',
  'policy/policy-source.ts',
  'facts',
]

/** The longest name that a file's path begins with is its rule. */
const table: Readonly<Record<string, Rule>> = {
  // Pure: no node:, no library, no clock.
  // domainToASCII computes, it opens nothing.
  smtp: { values: ['smtp'], outside: ['node:url'] },
  verdict: { values: ['verdict', 'smtp', 'message'] },
  strategy: { values: ['strategy', 'verdict'] },
  // The header section of a text, its fields, and what is changed in it.
  message: { values: ['message', 'smtp/octets.ts', 'smtp/text-receiver.ts'] },
  // A hash computes, it opens nothing.
  split: {
    values: ['known.ts', 'split', 'smtp', 'message'],
    types: ['strategy', 'facts', 'verdict/reason.ts'],
    outside: ['node:crypto'],
  },
  session: {
    values: ['known.ts', 'session', 'dsn', 'smtp', 'message', 'verdict', 'strategy', 'split'],
    types: interfaces.filter((one) => one !== 'backend/backend.ts'),
  },
  // A message's attempts, played on the machine, with nobody at the other end.
  rehearsal: {
    values: ['rehearsal', 'session', 'smtp', 'facts', 'verdict'],
    types: ['bounce/bounce.ts', 'judge/judge.ts', 'policy/policy-source.ts', 'split'],
  },
  // What each strategy would have cost past mail.
  past: {
    values: [
      'known.ts',
      'past',
      'facts/transaction.ts',
      'peers/observations.ts',
      'peers/sender-name.ts',
      'rehearsal',
      'session/would-be.ts',
      'smtp/path.ts',
      'strategy',
      'verdict/vouched-symbols.ts',
    ],
    types: ['maillog/sighting.ts', 'policy/policy-source.ts', 'session', 'smtp', 'verdict'],
  },
  // What logs of others and our own tell of past mail.
  maillog: {
    values: ['known.ts', 'maillog', 'exchange/json.ts', 'history', 'smtp/octets.ts'],
    outside: ['node:*'],
  },
  // Fields that have a value.
  'known.ts': { values: [] },
  // What happened, subject by subject, and all of it as one type (fact.ts).
  facts: { values: [], types: ['facts', 'split/split.ts', 'strategy', 'verdict/reason.ts'] },
  // The tools of the event loop.
  loop: { values: ['loop'] },
  dns: { values: [], outside: ['node:dns', 'node:dns/promises', 'node:net'] },
  'version.ts': { values: [], outside: ['node:fs'] },
  'config/config.ts': { values: [], types: ['verdict', 'strategy'] },
  'backend/backend.ts': { values: [], types: ['smtp', 'message'] },
  'judge/judge.ts': { values: [], types: ['message', 'verdict'] },
  'policy/policy-source.ts': { values: [], types: ['verdict'] },
  'ledger/senders.ts': { values: ['known.ts'], types: ['strategy'] },
  'ledger/ledger.ts': { values: [], types: ['split/split.ts', 'ledger/senders.ts', 'strategy'] },
  dsn: { values: ['dsn', 'smtp'], types: ['message'] },
  // The shells: what they do I/O with, and the language on the wire.
  bounce: {
    values: ['known.ts', 'bounce', 'dsn', 'smtp', 'message'],
    types: ['backend/backend.ts', 'sender-auth/sender-auth.ts', 'facts'],
  },
  'sender-auth': {
    values: [
      'sender-auth',
      'message',
      'smtp/domain.ts',
      'smtp/octets.ts',
      'verdict/vouched-symbols.ts',
    ],
    outside: ['node:*', 'tldts', 'mailauth/lib/spf/index.js', 'mailauth/lib/dkim/verify.js'],
  },
  listen: {
    values: [
      'known.ts',
      'listen',
      'loop',
      'message',
      'peers/network.ts',
      'session',
      'smtp',
      'split',
      'tls/handshake-failure.ts',
      'verdict/judgement.ts',
    ],
    types: interfaces,
    outside: ['node:*'],
  },
  // What is said on one connection; which servers there are, and how they are; connections to them,
  // lent and given back; a transaction on what was lent.
  'backend/wire': {
    values: ['backend/wire', 'smtp', 'loop', 'tls/authorities.ts'],
    types: ['message'],
    outside: ['node:*'],
  },
  'backend/endpoints': {
    values: ['backend/endpoints', 'backend/wire', 'smtp', 'dns'],
    types: ['backend/backend.ts', 'facts'],
    outside: ['node:*'],
  },
  'backend/pool': {
    values: ['backend/pool', 'backend/endpoints', 'backend/wire', 'smtp', 'loop'],
    types: ['backend/backend.ts', 'facts'],
  },
  'backend/transaction': {
    values: ['backend/transaction', 'backend/wire', 'message', 'smtp', 'loop'],
    types: ['backend/backend.ts', 'backend/pool', 'backend/endpoints', 'facts'],
  },
  'backend/sink': {
    values: ['backend/sink', 'message', 'smtp'],
    types: ['backend/backend.ts', 'facts'],
    outside: ['node:*'],
  },
  backend: {
    values: ['backend', 'smtp'],
    types: ['facts'],
  },
  files: { values: [], outside: ['node:fs', 'node:path'] },
  // A question to another program over a stream, and its answer within bounds.
  exchange: { values: ['exchange', 'smtp/octets.ts'], outside: ['node:*'] },
  policy: {
    values: ['known.ts', 'policy', 'files', 'smtp/domain.ts'],
    types: ['verdict', 'facts'],
    outside: ['node:*'],
  },
  'policy/sql': {
    values: ['policy/sql', 'policy'],
    outside: ['node:*', 'pg', 'mysql2', 'mysql2/promise'],
  },
  'policy/postfix': { values: ['policy/postfix', 'policy'], outside: ['re2js'] },
  'policy/redis': { values: ['policy', 'redis'] },
  'policy/ldap': { values: ['policy/ldap', 'policy'], outside: ['node:net', 'node:tls', 'ldapts'] },
  'policy/http': { values: ['policy', 'exchange'], outside: ['node:http', 'node:https'] },
  judge: {
    values: ['judge', 'exchange', 'message', 'verdict/judgement.ts', 'smtp/octets.ts'],
    types: ['smtp/reply.ts'],
    outside: ['node:*'],
  },
  // Who a peer is, and what was seen of it.
  peers: {
    values: ['known.ts', 'peers', 'smtp', 'strategy', 'facts'],
    types: ['session', 'ledger/ledger.ts', 'ledger/senders.ts'],
    outside: ['node:*', 'tldts'],
  },
  ledger: {
    values: ['known.ts', 'ledger', 'split', 'strategy/names.ts', 'redis'],
    types: ['facts'],
    outside: ['node:*'],
  },
  // Connections to a Redis server, for the ledger and for policies, and where it is.
  redis: { values: ['redis', 'dns'], outside: ['node:crypto', '@redis/client'] },
  history: {
    values: ['known.ts', 'history'],
    types: ['facts'],
    outside: ['node:*'],
  },
  tls: { values: ['tls', 'files'], types: ['facts'], outside: ['node:*', 'node-forge'] },
  metrics: {
    values: ['metrics', 'facts', 'strategy/names.ts'],
    types: ['ledger/ledger.ts', 'strategy'],
    outside: ['prom-client', 'prom-client/lib/registry.js', 'prom-client/lib/defaultMetrics.js'],
  },
  admin: {
    values: ['admin', 'strategy/names.ts', 'smtp/reply.ts', 'verdict/reason.ts'],
    types: ['split/split.ts', 'strategy'],
    outside: ['node:*', 'zod'],
  },
  // In a browser: nothing of Node, and nothing that others could not have there.
  console: {
    values: [
      'console',
      'history/in-words.ts',
      'history/messages-of.ts',
      'log/visible.ts',
      'strategy/names.ts',
      'verdict/reason-in-words.ts',
    ],
    types: ['admin', 'verdict/reason.ts'],
    outside: ['uplot'],
  },
  log: {
    values: ['known.ts', 'log', 'verdict/reason.ts'],
    types: ['facts'],
    // Styling a text computes, it opens nothing.
    outside: ['node:util', 'pino'],
  },
  config: {
    values: [
      'config',
      'strategy/names.ts',
      'smtp',
      'policy/policy-values.ts',
      'policy/policy-notation.ts',
      'policy/sql/query.ts',
      'policy/ldap/filter.ts',
      'policy/keyed/found-aliases.ts',
      'policy/keyed/found-entries.ts',
      'known.ts',
    ],
    types: ['verdict', 'strategy', 'smtp', 'policy/policy-source.ts'],
    outside: ['node:*', 'zod', 'yaml'],
  },
  service: { values: ['service'], outside: ['node:*'] },
  // Here the parts meet.
  app: { values: everything, outside: ['node:*'] },
  'app.ts': { values: everything },
  demo: { values: everything, outside: ['node:*'] },
  cli: { values: everything, outside: ['node:*', 'commander', 'zod'] },
}

interface Import {
  readonly from: string
  readonly to: string
  readonly typesOnly: boolean
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)
const statement =
  /^(?:import|export)\s+(type\s)?[^'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(statement)].map((match): Import => {
    const target = match[2] ?? match[3] ?? match[4] ?? ''
    const to = target.startsWith('.') ? normalize(join(dirname(file), target)) : target
    const named = /^import\s+\{([^}]*)\}/.exec(match[0])?.[1]
    const allTypes =
      named?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) ===
      true
    return { from: file, to, typesOnly: match[1] !== undefined || allTypes }
  })
}

const imports = files.flatMap(importsOf)
const under = (path: string, folder: string): boolean =>
  folder === '*' || path === folder || path.startsWith(`${folder}/`)

function ruleOf(file: string): Rule | undefined {
  const names = Object.keys(table).filter((name) => under(file, name))
  const longest = names.sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? undefined : table[longest]
}

function allowed({ from, to, typesOnly }: Import): boolean {
  const rule = ruleOf(from)
  if (rule === undefined) return false
  if (!files.includes(to)) {
    const outside = rule.outside ?? []
    return outside.includes(to) || (to.startsWith('node:') && outside.includes('node:*'))
  }
  return [...rule.values, ...(typesOnly ? (rule.types ?? []) : [])].some((folder) =>
    under(to, folder),
  )
}

describe('the import table', () => {
  test('every file has its line', () =>
    expect(files.filter((file) => ruleOf(file) === undefined)).toEqual([]))

  test('nothing imports what it may not', () => {
    const edges = imports.filter((edge) => !allowed(edge))
    expect(
      edges.map(
        ({ from, to, typesOnly }) => `${from} imports ${typesOnly ? 'types of ' : ''}${to}`,
      ),
    ).toEqual([])
  })

  /**
   * `everything` and `node:*` are for the rooms where the parts meet: what they need changes from
   * day to day.
   */
  test('nobody has a permission that they do not use', () => {
    const unused = Object.entries(table).flatMap(([room, rule]) => {
      const own = imports.filter(({ from }) => ruleOf(from) === rule)
      const used = (permission: string): boolean =>
        own.some(
          ({ to }) => under(to, permission) || (permission === 'node:*' && to.startsWith('node:')),
        )
      return [...rule.values, ...(rule.types ?? []), ...(rule.outside ?? [])]
        .filter((permission) => permission !== room && !used(permission))
        .map((permission) => `${room}: ${permission}`)
    })
    expect(unused).toEqual([])
  })

  test('the table would notice', () => {
    const edge = (from: string, to: string): boolean => allowed({ from, to, typesOnly: false })
    expect(edge('smtp/path.ts', 'node:net')).toBe(false)
    expect(edge('session/step.ts', 'ledger/sqlite/sqlite.ts')).toBe(false)
    expect(edge('verdict/answer.ts', 'strategy/choose.ts')).toBe(false)
    expect(edge('backend/pool/pool.ts', 'policy/chain.ts')).toBe(false)
    expect(edge('smtp/path.ts', 'smtp/reply.ts')).toBe(true)
    expect(imports.length).toBeGreaterThan(200)
  })
})

test('no import cycles', () => {
  const next = new Map(
    files.map((file) => [file, imports.filter(({ from }) => from === file).map(({ to }) => to)]),
  )
  const done = new Set<string>()
  const cycles: string[] = []
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const to of next.get(file) ?? []) walk(to, [...path, file])
    done.add(file)
  }
  for (const file of files) walk(file, [])
  expect(cycles).toEqual([])
})

test('the pure folders read no clock, no chance and no environment', () => {
  const impure =
    /\b(?:Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.|performance\.)/
  const pure = [
    ...[
      'smtp',
      'verdict',
      'strategy',
      'session',
      'dsn',
      'message',
      'facts',
      'split',
      'rehearsal',
      'past',
    ],
  ]
  const guilty = files
    .filter((file) => pure.some((folder) => under(file, folder)))
    .filter((file) =>
      impure.test(readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')),
    )
  expect(guilty).toEqual([])
})
