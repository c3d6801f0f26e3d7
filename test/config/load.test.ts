import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { loadConfig, parseConfig } from '../../src/config/load.ts'
import type { ConfigOverrides } from '../../src/config/overrides.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { runs } from '../support/properties.ts'

const file = '/etc/rcptwise/config.yaml'

function configOf(text: string, overrides?: ConfigOverrides): Config {
  const loaded = parseConfig(text, file, overrides)
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return loaded.config
}

function warningsOf(text: string): readonly string[] {
  const loaded = parseConfig(text, 'config.yaml')
  return loaded.ok ? loaded.warnings.map(describeProblem) : loaded.problems.map(describeProblem)
}

describe('no configuration at all', () => {
  test('serves on loopback and keeps everything in ./rcptwise-data', () => {
    const loaded = loadConfig(undefined)
    if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
    const { config, warnings } = loaded
    const directory = resolve('rcptwise-data')
    expect(warnings).toEqual([])
    expect(config.file).toBeUndefined()
    expect(config.listen).toEqual([
      {
        host: '127.0.0.1',
        port: 2525,
        tls: 'starttls',
        auth: 'off',
        proxyProtocolFrom: [],
        xclientFrom: [],
      },
    ])
    expect(config.backend.servers).toEqual([
      { kind: 'sink', directory: join(directory, 'mail'), url: `sink:${join(directory, 'mail')}` },
    ])
    expect(config.ledger).toMatchObject({ kind: 'sqlite', path: join(directory, 'ledger.db') })
    expect(config.admin).toMatchObject({ listen: { host: '127.0.0.1', port: 9225 } })
    expect(config.recipients.defaultPolicy).toEqual({
      name: 'careful',
      tagAt: 6,
      rejectAt: 15,
      neverDefer: false,
    })
    expect([...config.policies.keys()]).toEqual(['careful', 'tag-only', 'strict'])
    expect(config.judges).toEqual([
      {
        kind: 'headers',
        from: ['127.0.0.0/8', '::1'],
        field: 'X-Spam-Score',
        onFailure: 'accept',
      },
    ])
    expect(config.lastWord).toBe('judges')
    expect(config.peers.map(({ name, strategy }) => [name, strategy])).toEqual([
      ['default', 'auto'],
    ])
    expect(config.trusted).toEqual([])
    expect(config.tls).toMatchObject({
      certificates: [],
      minimumVersion: 'TLSv1.2',
      requestClientCertificate: false,
    })
    expect(config.tls.ciphers).not.toMatch(/SHA:|CBC|RC4|DES|NULL/)
    expect(config.backend.tls).toEqual({ mode: 'opportunistic', fingerprints: [] })
  })

  test('the defaults hold for an empty file and for empty sections, too', () => {
    const plain = configOf('')
    expect(configOf('# nothing yet\n')).toEqual(plain)
    expect(
      configOf(
        'limits:\ntls:\nbackend: {}\nrecipients:\njudges:\nledger:\nadmin:\nehlo:\nspool:\nlog:\n',
      ),
    ).toEqual(plain)
  })
})

test.for([
  [
    'redis://127.0.0.1:6379',
    { place: { kind: 'server', url: 'redis://127.0.0.1:6379' }, prefix: 'rcptwise:' },
  ],
  [
    '{ url: "rediss://mx:p%40ss@[::1]/3", prefix: "mx/" }',
    { place: { kind: 'server', url: 'rediss://mx:p%40ss@[::1]/3' }, prefix: 'mx/' },
  ],
  [
    '{ cluster: [redis://one.example.org, redis://two.example.org:7000/0] }',
    {
      place: {
        kind: 'cluster',
        urls: ['redis://one.example.org', 'redis://two.example.org:7000/0'],
      },
      prefix: 'rcptwise:',
    },
  ],
  [
    '{ url: "redis://mx:secret@mymaster/2", sentinels: [redis://one.example.org, "redis://:pw@two.example.org:26380"] }',
    {
      place: {
        kind: 'sentinel',
        url: 'redis://mx:secret@mymaster/2',
        sentinels: ['redis://one.example.org', 'redis://:pw@two.example.org:26380'],
      },
      prefix: 'rcptwise:',
    },
  ],
] as const)('the ledger on Redis: %s', ([written, ledger]) => {
  expect(configOf(`ledger: ${written}\n`).ledger).toMatchObject({ kind: 'redis', ...ledger })
})

test('the file of the reference', () => {
  const config = configOf(`
hostname: mx1.example.org
listen:
  - address: 0.0.0.0:25
  - "[::]:25"
  - { address: 0.0.0.0:465, tls: implicit }
  - { address: 127.0.0.1:2525, tls: off }
tls:
  certificates: [{ cert: mx1.pem, key: /etc/ssl/mx1.key }]
  minimum_version: TLSv1.3
  ciphers: TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256
  request_client_certificate: true
backend:
  servers: [smtp://10.0.0.5:25, smtp://10.0.0.6]
  tls: { mode: require, ca: ca.pem, server_name: mail.example.org }
  pool: { idle_timeout: 20s }
relay_domains: [Example.ORG, '*.example.net']
received_header: false
policies:
  tag-only: { tag_at: 6, never_defer: true }
  strict: { tag_at: 5, quarantine_at: 7.5, reject_at: 8 }
recipients:
  default: tag-only
  sources: [{ file: recipients.yaml }]
  on_failure: default
unknown_recipients: conceal
quarantine: { address: spam@example.org }
judges:
  - rspamd: { url: 'http://10.0.0.9:11333', scan: per_group, time_limit: 3s, on_failure: defer }
  - spamd: { url: ['spamd://[::1]:783', 'spamd+unix:///run/spamd.sock'], user: mail }
  - hook: { name: mta, url: ['https://filter.example.org/mta?a=b', 'http+unix:///run/f.sock:/mta'], protocol: stalwart, text: raw, user: mx, password_file: hook.password }
  - headers: { field: X-Spam-Status }
last_word: backend
trusted: [10.0.0.0/8, '::1']
ledger: { path: splits.db, patience: 3d, keep: 00:30:00 }
admin: { listen: 0.0.0.0:9225, tokens: [{ name: ann, role: operate, token_file: admin.token }] }
bare_newlines: normalize
greet_delay: 2s
ehlo: { chunking: true, greylist: false, limits_rcpt_max: 100 }
limits: { message_size: 10MB, command_line: 4KiB }
spool: { memory: 64KiB, directory: /var/spool/rcptwise }
timeouts: { reply: 4m, shutdown: 5s }
log: { level: debug, format: json, priorities: true }
data_directory: /var/lib/rcptwise
`)
  expect(config).toMatchObject({
    file,
    hostname: 'mx1.example.org',
    listen: [
      { host: '0.0.0.0', port: 25, tls: 'starttls' },
      { host: '::', port: 25, tls: 'starttls' },
      { host: '0.0.0.0', port: 465, tls: 'implicit' },
      { host: '127.0.0.1', port: 2525, tls: 'off' },
    ],
    tls: {
      certificates: [{ cert: '/etc/rcptwise/mx1.pem', key: '/etc/ssl/mx1.key' }],
      minimumVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256',
      requestClientCertificate: true,
    },
    backend: {
      servers: [{ host: '10.0.0.5' }, { host: '10.0.0.6', port: 25 }],
      tls: {
        mode: 'require',
        ca: '/etc/rcptwise/ca.pem',
        fingerprints: [],
        serverName: 'mail.example.org',
      },
      // Never over timeouts.reply.
      deliveryTimeoutMs: 240_000,
      pool: {
        idleTimeoutMs: 20_000,
        maxConnections: 100,
        authenticated: 50,
        maxTransactions: 200,
        maxErrors: 8,
      },
    },
    relayDomains: ['example.org', '*.example.net'],
    receivedHeader: false,
    recipients: {
      defaultPolicy: { name: 'tag-only', tagAt: 6, neverDefer: true },
      sources: [{ kind: 'file', path: '/etc/rcptwise/recipients.yaml' }],
      onFailure: 'default',
    },
    unknownRecipients: 'conceal',
    quarantine: { address: 'spam@example.org' },
    judges: [
      {
        kind: 'rspamd',
        servers: [{ url: 'http://10.0.0.9:11333' }],
        scan: 'perGroup',
        timeLimitMs: 3000,
        connectTimeoutMs: 2000,
        onFailure: 'defer',
        maxSizeBytes: 20 * 1024 * 1024,
        atATime: 100,
        answerSizeBytes: 4 * 1024 * 1024,
      },
      {
        kind: 'spamd',
        servers: [
          { host: '::1', port: 783 },
          { host: 'localhost', port: 0, socketPath: '/run/spamd.sock' },
        ],
        scan: 'once',
        user: 'mail',
        timeLimitMs: 8000,
        connectTimeoutMs: 2000,
        onFailure: 'accept',
      },
      {
        kind: 'hook',
        name: 'mta',
        servers: [
          { url: 'https://filter.example.org/mta?a=b' },
          { url: 'http://localhost/mta', socketPath: '/run/f.sock' },
        ],
        text: 'raw',
        user: 'mx',
        passwordFile: '/etc/rcptwise/hook.password',
        maxSizeBytes: 20 * 1024 * 1024,
      },
      { kind: 'headers', from: ['10.0.0.0/8', '::1/128'], field: 'X-Spam-Status' },
    ],
    lastWord: 'backend',
    trusted: ['10.0.0.0/8', '::1/128'],
    foreignFields: 'remove',
    ledger: {
      kind: 'sqlite',
      path: '/etc/rcptwise/splits.db',
      patienceMs: 259_200_000,
      keepMs: 1_800_000,
    },
    admin: {
      listen: { host: '0.0.0.0', port: 9225 },
      tokens: [{ name: 'ann', role: 'operate', file: '/etc/rcptwise/admin.token' }],
    },
    bareNewlines: 'normalize',
    greetDelayMs: 2000,
    ehlo: { chunking: true, greylist: false, limitsRcptMax: 100 },
    limits: { messageSizeBytes: 10_000_000, commandLineBytes: 4096, recipients: 1000 },
    spool: { memoryBytes: 65_536, directory: '/var/spool/rcptwise' },
    timeouts: { replyMs: 240_000, shutdownMs: 5000, commandMs: 300_000 },
    log: { level: 'debug', format: 'json', priorities: true },
    dataDirectory: '/var/lib/rcptwise',
  })
  expect(config.policies.get('strict')).toEqual({
    name: 'strict',
    tagAt: 5,
    quarantineAt: 7.5,
    rejectAt: 8,
    neverDefer: false,
  })
})

describe('short forms', () => {
  test.each([
    ['backend: { tls: require }', { backend: { tls: { mode: 'require' } } }],
    ['backend: { tls: false }', { backend: { tls: { mode: 'off' } } }],
    ['backend: { tls: }', { backend: { tls: { mode: 'opportunistic' } } }],
    [
      `backend: { tls: { mode: require, fingerprint: "${'AB:'.repeat(31)}cd" } }`,
      { backend: { tls: { fingerprints: [`${'ab'.repeat(31)}cd`] } } },
    ],
    [
      `backend: { tls: { mode: require, fingerprint: [${'a1'.repeat(32)}, ${'b2'.repeat(32)}] } }`,
      { backend: { tls: { fingerprints: ['a1'.repeat(32), 'b2'.repeat(32)] } } },
    ],
    ['listen: 127.0.0.1:0', { listen: [{ host: '127.0.0.1', port: 0 }] }],
    ['listen: [127.0.0.1:0]', { listen: [{ host: '127.0.0.1', port: 0 }] }],
    [
      'ledger: sqlite:l.db',
      { ledger: { path: '/etc/rcptwise/l.db', patienceMs: 432_000_000, keepMs: 86_400_000 } },
    ],
    ['ledger: { path: "sqlite::memory:" }', { ledger: { path: ':memory:' } }],
    ['admin: off', { admin: undefined }],
    ['admin: false', { admin: undefined }],
    ['admin: 127.0.0.1:0', { admin: { listen: { host: '127.0.0.1', port: 0 } } }],
    [
      'backend: { servers: [sink:mail] }',
      { backend: { servers: [{ directory: '/etc/rcptwise/mail' }] } },
    ],
    ['received_header: auto', { receivedHeader: true }],
    ['last_word: backend', { judges: [], lastWord: 'backend' }],
    ['judges: []', { judges: [], lastWord: 'judges' }],
    [
      'judges: [{ headers: { from: [10.0.0.7], field: X-Spamd-Result } }]',
      { judges: [{ kind: 'headers', from: ['10.0.0.7/32'], field: 'X-Spamd-Result' }] },
    ],
    ['relay_domains: [example.org]\nbackend: { servers: ["smtp://10.0.0.5"] }', { judges: [] }],
  ])('%s', (text, expected) => {
    expect(configOf(text)).toMatchObject(expected)
  })
})

describe('peer classes', () => {
  test('default is added at the end, and anchors may be used', () => {
    const { peers } = configOf(`
peers:
  - &partners { name: partners, match: { address: [192.0.2.0/24] }, strategy: single, defer_code: 452 }
  - <<: *partners
    name: others
    first: offered
`)
    expect(
      peers.map(({ name, strategy, deferCode, first }) => [name, strategy, deferCode, first]),
    ).toEqual([
      ['partners', 'single', 452, 'largest'],
      ['others', 'single', 452, 'offered'],
      ['default', 'auto', 451, 'largest'],
    ])
    expect(peers.at(-1)).toEqual({
      name: 'default',
      match: { address: [], rdns: [], helo: [], senderDomain: [] },
      strategy: 'auto',
      deferCode: 451,
      retryHintSeconds: 60,
      first: 'largest',
      deliverDeferred: false,
      forgiveAs: 'lenient',
      forgiveAfter: 1,
      maxForcedRetries: 16,
      lenientAs: 'tag',
      limits: { rates: {} },
    })
  })

  test('limits of a class are its own: what is left out is as in `limits`, and `off` is none', () => {
    const { peers, limits } = configOf(`
limits: { messages_per_minute: 30, errors_per_minute: off }
peers:
  - name: partners
    match: { address: [192.0.2.0/24] }
    limits: { sessions: 200, sessions_per_address: 100, messages_per_minute: off, recipients_per_minute: 500 }
`)
    expect(limits.rates).toEqual({
      connectionsPerMinute: Infinity,
      messagesPerMinute: 30,
      recipientsPerMinute: Infinity,
      errorsPerMinute: Infinity,
    })
    expect(peers.map((peer) => peer.limits)).toEqual([
      {
        sessions: 200,
        sessionsPerAddress: 100,
        rates: { messagesPerMinute: Infinity, recipientsPerMinute: 500 },
      },
      { rates: {} },
    ])
  })

  test('a class is like default in what it leaves out', () => {
    const { peers } = configOf(`
peers:
  - name: bulk
    match: { rdns: ['*.Bulk.example'], sender_domain: [news.example], helo: [a.example] }
    retry_hint: 5m
  - { name: default, strategy: lenient, retry_hint: 00:10:00, forgive_after: 3, forgive_as: off, lenient_as: tag }
`)
    expect(peers[0]).toMatchObject({
      match: {
        address: [],
        rdns: ['*.bulk.example'],
        helo: ['a.example'],
        senderDomain: ['news.example'],
      },
      strategy: 'lenient',
      retryHintSeconds: 300,
      forgiveAfter: 3,
      forgiveAs: 'off',
    })
    expect(peers[1]).toMatchObject({ name: 'default', retryHintSeconds: 600 })
  })
})

describe('the command line', () => {
  test('stands over the file, and its paths are the shell’s', () => {
    const config = configOf(
      'listen: 0.0.0.0:25\nbackend: { servers: [sink:mail], reply_timeout: 1m }\nlog: { level: warn }\n',
      {
        listen: '127.0.0.1:0',
        backend: 'sink:here',
        dataDirectory: 'data',
        admin: 'off',
        logLevel: 'debug',
      },
    )
    expect(config.listen).toEqual([
      {
        host: '127.0.0.1',
        port: 0,
        tls: 'starttls',
        auth: 'off',
        proxyProtocolFrom: [],
        xclientFrom: [],
      },
    ])
    expect(config.backend.servers[0]).toMatchObject({ directory: resolve('here') })
    expect(config.backend.replyTimeoutMs).toBe(60_000)
    expect(config.dataDirectory).toBe(resolve('data'))
    expect(config.admin).toBeUndefined()
    expect(config.log.level).toBe('debug')
  })

  test('a server and its domains need no file', () => {
    const loaded = loadConfig(undefined, {
      backend: 'smtp://127.0.0.1:10025',
      relayDomains: 'example.org, *.example.net',
    })
    expect(loaded).toMatchObject({
      ok: true,
      config: { relayDomains: ['example.org', '*.example.net'] },
    })
  })

  test.each<[ConfigOverrides, string]>([
    [
      { listen: 'x' },
      '--listen: got "x", expected an address and a port such as 0.0.0.0:25, [::1]:25 or localhost:2525; add the port: "x:25"',
    ],
    [
      { backend: 'imap://127.0.0.1:24' },
      '--backend: got "imap://127.0.0.1:24", expected smtp://host:port, smtps://host:port, mx://domain, lmtp://host:port, lmtp+unix:///path or sink:DIRECTORY',
    ],
    [{ logLevel: 'loud' }, '--log-level: got "loud", expected one of debug, info, warn, error'],
    [
      { admin: '0.0.0.0:1' },
      '--admin: 0.0.0.0 can be reached by other hosts, expected tokens beside it; or listen on 127.0.0.1',
    ],
  ])('%j is refused by the option’s name', (overrides, expected) => {
    const loaded = loadConfig(undefined, overrides)
    expect(loaded.ok ? [] : loaded.problems.map(describeProblem)).toEqual([expected])
  })
})

describe('warnings', () => {
  test.each([
    ['listen: 127.0.0.1:25', []],
    [
      'hostname: mx1.example.org\nlisten: 0.0.0.0:25\n',
      [/^config.yaml:1:1: backend: is missing: mail is kept in sink:/],
    ],
    [
      'policies:\n  careful: { quarantine_at: 5 }\n',
      [/^config.yaml:2:14: policies.careful.quarantine_at: messages will be tagged/],
    ],
    [
      'peers:\n  - { name: default, lenient_as: quarantine }\n',
      [/^config.yaml:2:22: peers\[0\].lenient_as: messages will be tagged/],
    ],
    [
      'judges: [{ hook: { url: "http://127.0.0.1:8025", protocol: stalwart } }]\n',
      [/judges: has none that gives a score: nothing is compared with the thresholds of careful/],
    ],
    ['judges: []\n', []],
    [
      'judges: [{ hook: { url: "http://127.0.0.1:8025", protocol: stalwart } }]\nlast_word: backend\n',
      [],
    ],
    [
      'relay_domains: [example.org]\nbackend: { servers: ["smtp://10.0.0.5"] }',
      [
        /judges: is missing: nothing is compared with the thresholds of careful, tag-only, strict, and all mail is accepted/,
      ],
    ],
    [
      'relay_domains: [example.org]\nbackend: { servers: ["smtp://10.0.0.5"] }\nlast_word: backend',
      [],
    ],
    ['limits: { recipients: 10 }', [/^config.yaml:1:11: limits.recipients: RFC 5321/]],
    ['timeouts:\n  reply: 10m\n', [/^config.yaml:2:3: timeouts.reply: clients give up/]],
  ])('%j', (text, expected) => {
    const warnings = warningsOf(text)
    expect(warnings).toHaveLength(expected.length)
    for (const [i, pattern] of expected.entries()) expect(warnings[i]).toMatch(pattern)
  })
})

describe('files', () => {
  test('paths in a file start where the file is', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rcptwise-config-'))
    try {
      writeFileSync(
        join(directory, 'config.yaml'),
        'recipients: { sources: [{ file: recipients.yaml }] }\n',
      )
      const loaded = loadConfig(join(directory, 'config.yaml'))
      expect(loaded).toMatchObject({
        ok: true,
        config: {
          dataDirectory: join(directory, 'rcptwise-data'),
          recipients: { sources: [{ path: join(directory, 'recipients.yaml') }] },
        },
      })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('a file that can’t be read is a problem, not an exception', () => {
    const loaded = loadConfig('/nonexistent/config.yaml')
    expect(loaded.ok ? [] : loaded.problems.map(describeProblem)).toEqual([
      "/nonexistent/config.yaml: can't be read: ENOENT: no such file or directory, open '/nonexistent/config.yaml'",
    ])
  })
})

test('any text gives a configuration or problems with a place', () => {
  const words = fc.constantFrom(
    'peers',
    'listen',
    ': ',
    '- ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    '*a',
    '&a ',
    '"',
    'name',
    '1',
    '~',
    '!!x ',
    '<<',
    '#',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(words, { maxLength: 30 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (written) => {
      const loaded = parseConfig(written, 'config.yaml')
      if (loaded.ok) return
      expect(loaded.problems.length).toBeGreaterThan(0)
      for (const problem of loaded.problems)
        expect(describeProblem(problem)).toMatch(/^config\.yaml:\d+:\d+: /)
    }),
    { numRuns: runs(500) },
  )
})

test.each(['accept_senders', 'refuse_senders', 'reject_symbols', 'tag_symbols', 'accept_symbols'])(
  'policies.md: “A list of senders or symbols has at most 1,000 entries.”: %s',
  (key) => {
    const of = (entries: number): string => {
      const list = Array.from({ length: entries }, (_, i) =>
        key.endsWith('senders') ? `@d${i}.example` : `S${i}`,
      )
      return `policies: { careful: { ${key}: ${JSON.stringify(list)} } }\n`
    }
    expect(warningsOf(of(1000)).join()).not.toContain(key)
    expect(warningsOf(of(1001)).join()).toContain(`policies.careful.${key}: got`)
    expect(warningsOf(of(1001)).join()).toContain('expected a list of at most 1000, each')
  },
)
