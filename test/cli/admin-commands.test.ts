import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { Tokens } from '../../src/admin/tokens.ts'
import { register as registerPeers } from '../../src/cli/peers.ts'
import { register as registerSplits } from '../../src/cli/splits.ts'
import { register as registerStrategy } from '../../src/cli/strategy.ts'
import { register as registerWhy } from '../../src/cli/why.ts'
import { elapsed } from '../../src/cli/table.ts'
import { type SampleContext, sampleContext } from '../admin/sample-context.ts'

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command line as main.ts does, and keeps what it says instead of ending the process. */
async function rcptwise(...args: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const program = new Command('rcptwise')
    .exitOverride()
    .configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (err += text) })
  for (const register of [registerPeers, registerStrategy, registerSplits, registerWhy])
    register(program)
  try {
    await program.parseAsync(args, { from: 'user' })
    return { code: 0, out, err }
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { code: error.exitCode, out, err }
  }
}

let context: SampleContext
let admin: Admin
let url: string
const environment = process.env['RCPTWISE_ADMIN']

beforeEach(async () => {
  context = sampleContext()
  admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
  url = `http://127.0.0.1:${admin.port}`
  process.env['RCPTWISE_ADMIN'] = url
})
afterEach(async () => {
  if (environment === undefined) delete process.env['RCPTWISE_ADMIN']
  else process.env['RCPTWISE_ADMIN'] = environment
  await admin.close()
})

describe('peers', () => {
  it('is a table of the classes in order', async () => {
    const { code, out } = await rcptwise('peers')
    expect(code).toBe(0)
    expect(out).toBe(
      [
        'PEER      STRATEGY  SET FOR  CONFIGURED  SHADOW  DEFERS WITH  MATCHES',
        'partners  single    -        single      -       451, 60 s    address',
        '                                                              192.0.2.0/24',
        'default   group     -        group       -       451, 60 s    everyone else',
        '',
      ].join('\n'),
    )
  })

  it('shows for how long a strategy is set', async () => {
    await rcptwise('strategy', 'set', 'partners', 'off', '--for', '2h')
    expect((await rcptwise('peers')).out).toMatch(/^partners {2}off +(?:2h|1h 59m) +single/m)
  })

  it('--json is the answer of the API', async () => {
    const { out } = await rcptwise('peers', '--json')
    expect(JSON.parse(out)).toMatchObject({
      peers: [{ name: 'partners', inForce: 'single' }, { name: 'default' }],
    })
  })
})

describe('why', () => {
  it('asks each front-end that is named, and tells of all of them together', async () => {
    const { code, out } = await rcptwise(
      'why',
      'a@example.org',
      '--since',
      '2h',
      '--server',
      url,
      url,
    )
    expect(code).toBe(0)
    expect(out).toContain('Message <1@example.net> from sender@example.net: 1 recipient')
    expect(out).toContain('a@example.org has it since 2026-11-30 08:00:00 UTC (queue id QA).')
    expect(context.asked).toEqual(
      [1, 2].map(() => 'history {"address":"a@example.org","limit":100,"sinceMs":7200000}'),
    )
  })

  it('--json is what each front-end has answered', async () => {
    const { out } = await rcptwise('why', '--queue-id', 'QA', '--json', '--server', url)
    expect(JSON.parse(out)).toMatchObject([
      { name: url, attempts: [{ transaction: 'S1.1' }], awaited: [], addresses: 'full' },
    ])
  })

  it.each([
    ['nothing is asked about', [], 2, 'say an address'],
    ['no such duration', ['a@b', '--since', 'long'], 2, '--since'],
    ['no such number', ['a@b', '--limit', '0'], 2, '--limit'],
    ['no such file', ['a@b', '--history', '/nonexistent/history.db'], 1, 'there is no history at'],
    ['a front-end without one', ['--split', 'NOHISTORY', '--server', 'URL'], 4, 'keeps no history'],
  ])('%s', async (_name, args, exit, said) => {
    const { code, err } = await rcptwise('why', ...args.map((arg) => (arg === 'URL' ? url : arg)))
    expect({ code, err }).toEqual({ code: exit, err: expect.stringContaining(said) as string })
  })
})

describe('strategy', () => {
  it('set and reset say what is in force then', async () => {
    expect(await rcptwise('strategy', 'set', 'partners', 'lenient')).toEqual({
      code: 0,
      out: 'partners: lenient (set by 127.0.0.1, until reset; configured: single)\nnobody is told to come again\n',
      err: '',
    })
    expect((await rcptwise('strategy', 'reset', 'partners')).out).toBe(
      'partners: single (as configured)\none group goes through\n',
    )
    expect(context.asked).toEqual([
      'set partners lenient by 127.0.0.1',
      'reset partners by 127.0.0.1',
    ])
  })

  it('strategies.md: “With --dry-run the command only says what the strategy would do to each recipient.”', async () => {
    const { out } = await rcptwise('strategy', 'set', 'partners', 'lenient', '--dry-run')
    expect(out).toBe('lenient: nobody is told to come again\n')
    expect(context.asked).toEqual([])
    expect((await rcptwise('strategy', 'set', 'nobody', 'lenient', '--dry-run')).code).toBe(4)
  })

  it('--json after either word', async () => {
    expect(
      JSON.parse((await rcptwise('strategy', 'set', 'partners', 'off', '--json')).out),
    ).toMatchObject({
      inForce: 'off',
    })
    expect(
      JSON.parse((await rcptwise('strategy', 'reset', 'partners', '--json')).out),
    ).toMatchObject({
      inForce: 'single',
    })
  })

  it('an unknown peer is 4, with the names there are', async () => {
    expect(await rcptwise('strategy', 'set', 'nobody', 'off')).toMatchObject({
      code: 4,
      out: '',
      err: 'error: there is no such peer class; expected: one of partners, default\n',
    })
    expect((await rcptwise('strategy', 'reset', 'a/../b?c')).err).toContain(
      'one of partners, default',
    )
  })

  it.each([
    [
      ['strategy', 'set', 'partners', 'fast'],
      /expected: one of single, group, late, bounce, lenient, off, auto/,
    ],
    [
      ['strategy', 'set', 'partners', 'off', '--for', 'soon'],
      /"for" can't be "soon"; expected: .*2h/,
    ],
    [['splits', '--limit', 'x'], /"limit" can't be "x"/],
    [['peers', '--admin', 'http://'], /--admin: "http:\/\/" is no address/],
    [['peers', '--token-file', '/nonexistent/token'], /--token-file: ENOENT/],
  ])('%j is 2: the command line is wrong', async (args, err) => {
    const ran = await rcptwise(...args)
    expect(ran.code).toBe(2)
    expect(ran.err).toMatch(err)
  })
})

describe('peers learned, pin and forget', () => {
  it('is a table of what was learned, and why a strategy is in force', async () => {
    const { code, out } = await rcptwise('peers', 'learned')
    expect(code).toBe(0)
    expect(out).toMatch(/^SENDER +SERVED +MAIL +CAME BACK +WITHIN +LAST +WHY$/m)
    expect(out).toMatch(
      /^example\.net +lenient +9 +2 of 3 +5m +\d+d +did not come back for[\s\S]* 4 forced[\s\S]* 1 missing$/m,
    )
    expect((await rcptwise('peers', 'learned', '--strategy', 'late')).out).toBe(
      'nothing was learned of any sender yet\n',
    )
  })

  it('pins a sender, and lets it be as learned again', async () => {
    expect(await rcptwise('peers', 'pin', '192.0.2.0/24', 'late')).toMatchObject({
      code: 0,
      out: '192.0.2.0/24: late (pinned by 127.0.0.1)\n',
    })
    expect((await rcptwise('peers', 'learned')).out).toMatch(
      /^192\.0\.2\.0\/24 +late .* pinned by 127\.0\.0\.1/m,
    )
    await rcptwise('peers', 'pin', '192.0.2.0/24', 'auto')
    expect(context.asked).toEqual([
      'pin 192.0.2.0/24 late by 127.0.0.1',
      'pin 192.0.2.0/24 auto by 127.0.0.1',
    ])
  })

  it('--for takes the pin away after that time, and the answer says how long it is', async () => {
    const { out } = await rcptwise('peers', 'pin', '192.0.2.0/24', 'late', '--for', '2h')
    expect(out).toMatch(
      /^192\.0\.2\.0\/24: late \(pinned by 127\.0\.0\.1, for (?:1h 59m|2h) more\)$/m,
    )
    expect(await rcptwise('peers', 'pin', '192.0.2.0/24', 'auto', '--for', '2h')).toMatchObject({
      code: 2,
    })
  })

  it('forgets a sender; one that is not known is 4', async () => {
    expect(await rcptwise('peers', 'forget', 'example.net')).toMatchObject({
      code: 0,
      out: 'example.net is forgotten\n',
    })
    expect(await rcptwise('peers', 'forget', 'example.net')).toMatchObject({ code: 4 })
  })

  it.each([
    [
      ['peers', 'pin', 'example.net', 'fast'],
      /one of single, group, late, bounce, lenient, off, auto/,
    ],
    [['peers', 'pin', 'a b', 'late'], /"name" can't be "a b"; expected: a domain, or a network/],
    [['peers', 'learned', '--strategy', 'fast'], /"strategy" can't be "fast"/],
  ])('%j is 2: the command line is wrong', async (args, err) => {
    const ran = await rcptwise(...args)
    expect(ran.code).toBe(2)
    expect(ran.err).toMatch(err)
  })
})

describe('splits', () => {
  it('strategies.md: “This command lists them:” “"Mail may be lost" is a recipient whom Rcptwise told to wait and whose mail was never judged for them.” “"Refusal not told" is a recipient who would have refused the mail”', async () => {
    const { code, out } = await rcptwise('splits', '--missing')
    expect(code).toBe(0)
    expect(out).toMatch(
      /^RECIPIENT +b@example\.org\nWHAT +mail may be lost\nFROM +<>\nCLIENT +mx\.example\.net\nPEER +default\nSTRATEGY +group\n.*\nSPLIT +EEEEFFFFGGGGHHHH\nMESSAGE ID /m,
    )
    expect(out).toMatch(/^RECIPIENT +c@example\.org\nWHAT +refusal not told/m)
  })

  it('is a table of the open ones', async () => {
    const { out } = await rcptwise('splits')
    const lines = out.split('\n')
    expect(lines[0]).toMatch(/^ID +AGE +LAST +PEER +STRATEGY +FROM +WAITING$/)
    expect(lines[1]).toMatch(
      /^AAAABBBBCCCCDDDD +\d+d +\d+d +partners +group +se.*net +b@example\.org/,
    )
    expect(out).toMatch(/^EEEEFFFFGGGGHHHH +\d+d +\d+d +default .* <> /m)
  })

  it('says when there are more than it shows, and when there are none', async () => {
    expect((await rcptwise('splits', '--limit', '1')).out).toContain('... and more: --limit')
    context.splits = async () => await Promise.resolve([])
    expect((await rcptwise('splits')).out).toBe('no open splits\n')
  })

  it('ID shows all of one', async () => {
    const { out } = await rcptwise('splits', 'AAAABBBBCCCCDDDD')
    for (const text of [
      /^status +open$/m,
      /^message id +<1@example\.net>$/m,
      /^began +2026-01-01T00:00:00\.000Z \(.* ago\)$/m,
      /^opened by +S1\.1$/m,
      /^RECIPIENT +a@example\.org\nSTATE +answered\nDEFERRALS +0\nLAST +-\nWHY +below limits\nTRANSACTION +S1\.1\nREPLY +250 2\.0\.0 Ok: queued as 4F1 \(2026-01-01T00:00:00\.000Z\)$/m,
      /^RECIPIENT +b@example\.org\nSTATE +waiting\nDEFERRALS +2\nLAST +\d+d.* ago\nWHY +other group\n/m,
      /^WHY +rule 2, not reject_at \(score 9, threshold 8\)\nTRANSACTION +S1\.2\nREPLY +550 5\.7\.1 c@example\.org does not want this message \(not told yet\)$/m,
    ])
      expect(out).toMatch(text)
  })

  it('forgive ID ends one, and only an open one; strategies.md: “rcptwise splits forgive ID --dry-run says the same for each recipient of an open split.”', async () => {
    const before = await rcptwise('splits', 'forgive', 'AAAABBBBCCCCDDDD', '--dry-run')
    expect(before.out).toMatch(/^RECIPIENT +AT THE NEXT ATTEMPT\n\S+@\S+ +gets it tagged\n/)
    expect((await rcptwise('splits', 'AAAABBBBCCCCDDDD')).out).not.toContain('open, forgiven')
    expect(await rcptwise('splits', 'forgive', 'AAAABBBBCCCCDDDD')).toEqual({
      code: 0,
      out: `AAAABBBBCCCCDDDD is forgiven: its next attempt goes through unsplit\n\n${before.out}`,
      err: '',
    })
    expect((await rcptwise('splits', 'AAAABBBBCCCCDDDD')).out).toContain('open, forgiven')
    expect(await rcptwise('splits', 'forgive', 'IIIIJJJJKKKKLLLL')).toMatchObject({
      code: 6,
      err: expect.stringContaining('completed already') as unknown,
    })
    expect((await rcptwise('splits', 'forgive', 'NOBODY')).code).toBe(4)
    expect((await rcptwise('splits', 'NOBODY')).err).toMatch(/there is no such split/)
  })

  it('--json works on each', async () => {
    expect(JSON.parse((await rcptwise('splits', '--json')).out)).toHaveProperty('splits')
    expect(JSON.parse((await rcptwise('splits', 'AAAABBBBCCCCDDDD', '--json')).out)).toHaveProperty(
      'recipients',
    )
    expect(
      JSON.parse((await rcptwise('splits', 'forgive', 'AAAABBBBCCCCDDDD', '--json')).out),
    ).toHaveProperty('forgiven', true)
  })

  it('what a sender wrote does not reach the terminal as it is', async () => {
    const [first] = await context.splits(1)
    if (first === undefined) throw new Error('the sample has no split')
    const hostile = { ...first, reversePath: '\u001b[2J\u009b1m\r\n@example.net' }
    context.splits = async () => await Promise.resolve([hostile])
    context.split = async () => await Promise.resolve(hostile)
    for (const args of [['splits'], ['splits', first.id]]) {
      const { out } = await rcptwise(...args)
      expect(out).toContain('\\u001')
      expect(out).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/)
    }
  })
})

describe('finding the admin API', () => {
  it('--admin goes before RCPTWISE_ADMIN, with or without http://', async () => {
    process.env['RCPTWISE_ADMIN'] = 'http://127.0.0.1:1'
    expect((await rcptwise('peers', '--admin', url)).code).toBe(0)
    expect((await rcptwise('peers', '--admin', `127.0.0.1:${admin.port}`)).code).toBe(0)
  })

  it('says which address was tried and what to do when nobody answers', async () => {
    await admin.close()
    const { code, err } = await rcptwise('peers')
    expect(code).toBe(5)
    expect(err).toContain(`does not answer at ${url} (ECONNREFUSED)`)
    expect(err).toContain('Is "rcptwise serve" running?')
    expect(err).toContain('--admin URL or RCPTWISE_ADMIN')
  })

  it.each([
    [200, 'text/html', '<h1>Welcome</h1>'],
    [404, 'text/plain', 'no such page'],
    [302, 'text/plain', ''],
    [500, 'application/json', '{"message":"no"}'],
  ])('says so when another program answers (%d %s)', async (status, type, body) => {
    const other = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': type, connection: 'close' }).end(body)
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    try {
      const { code, err } = await rcptwise('peers', '--admin', `http://127.0.0.1:${port}`)
      expect(code).toBe(5)
      expect(err).toContain("is it another program's address?")
    } finally {
      await new Promise((resolve) => other.close(resolve))
    }
  })
})

describe('the token', () => {
  let directory: string
  let file: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rcptwise-cli-'))
    file = join(directory, 'token')
    await writeFile(file, 's3cret-and-long-enough\n')
    await admin.close()
    admin = await startAdmin({
      host: '127.0.0.1',
      port: 0,
      context,
      tokens: await Tokens.open([{ name: 'admin', role: 'operate', file }]),
    })
    process.env['RCPTWISE_ADMIN'] = `http://127.0.0.1:${admin.port}`
  })
  afterEach(async () => {
    await rm(directory, { recursive: true })
  })

  it('comes from --token-file', async () => {
    expect((await rcptwise('peers', '--token-file', file)).code).toBe(0)
    expect((await rcptwise('strategy', 'reset', 'partners', '--token-file', file)).code).toBe(0)
    expect(
      (await rcptwise('splits', 'forgive', 'AAAABBBBCCCCDDDD', '--token-file', file)).code,
    ).toBe(0)
    expect(
      (await rcptwise('splits', '--token-file', file, 'forgive', 'AAAABBBBCCCCDDDD')).code,
    ).toBe(0)
  })

  it('is asked for when it is missing or wrong', async () => {
    expect(await rcptwise('peers')).toMatchObject({
      code: 6,
      err: expect.stringContaining('--token-file FILE') as unknown,
    })
    const wrong = join(directory, 'wrong')
    await writeFile(wrong, 'guess')
    expect((await rcptwise('peers', '--token-file', wrong)).err).toContain(
      'wants its token, or another one',
    )
  })
})

describe('times', () => {
  it.each([
    [0, '0s'],
    [-5000, '0s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [61_000, '1m 01s'],
    [7_500_000, '2h 05m'],
    [86_400_000, '1d'],
    [400 * 86_400_000 + 3_600_000, '400d 01h'],
  ])('elapsed %d ms is %s', (ms, words) => {
    expect(elapsed(1_000_000_000, 1_000_000_000 + ms)).toBe(words)
  })
})
