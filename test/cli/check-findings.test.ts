/** All that `check` says about one configuration, taken together. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAdmin } from '../../src/admin/server.ts'
import { findingsOn } from '../../src/cli/check.ts'
import {
  type Finding,
  levels,
  ok,
  bad,
  note,
  warning,
  summary,
  worstLast,
} from '../../src/cli/finding.ts'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { sampleContext } from '../admin/sample-context.ts'
import { startFakeBackend, type Rule } from '../support/fake-backend.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-findings-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true })
})

async function findingsOf(yaml: string): Promise<readonly Finding[]> {
  const file = join(directory, 'config.yaml')
  const domains = yaml.includes('relay_domains') ? '' : 'relay_domains: ["*.example.org"]\n'
  const listen = yaml.includes('listen:') ? '' : 'listen: ["127.0.0.1:0"]\n'
  const admin = yaml.includes('admin:') ? '' : 'admin: off\n'
  await writeFile(file, `${domains}${listen}${admin}${yaml}\n`)
  const loaded = loadConfig(file)
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return await findingsOn(loaded.config)
}

const offers = ['PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO']
const reset: Rule = { on: 'other', having: 'XCLIENT', say: '220 backend.test again' }
const refuses: Rule = { on: 'RCPT', say: '554 5.7.1 no' }
const takesRoute: Rule = { on: 'RCPT', having: '%', say: '250 2.1.5 Ok' }
const away: Rule = { on: 'connect', say: '554 5.3.2 no', then: 'close' }

/** Of one thing, something is good and something bad. */
function contradictions(findings: readonly Finding[]): readonly string[] {
  const subjects = Map.groupBy(findings, ({ what }) => what)
  return [...subjects].flatMap(([what, all]) => {
    const isAmbiguous = all.some(({ where }) => where === undefined)
    const groups = isAmbiguous ? [all] : [...Map.groupBy(all, ({ where }) => where).values()]
    return groups
      .filter((group) => new Set(group.map(({ level }) => level === 'bad')).size > 1)
      .map((group) => `${what}: ${group.map(({ level, text }) => `${level}: ${text}`).join(' | ')}`)
  })
}

const everyBackend: Readonly<Record<string, readonly (readonly Rule[])[]>> = {
  'a server that relays for anyone': [[reset]],
  'one of two relays for anyone': [[reset], [reset, refuses]],
  'all that can be asked relay': [[reset], [away]],
  'the one that does not relay is away': [[reset], [away], [reset]],
  'a server that follows routes': [[takesRoute, reset, refuses]],
  'a server that is away': [[away]],
  'one of two is away': [[reset, refuses], [away]],
  'a server that is well': [[reset, refuses]],
}
const settings: Readonly<Record<string, string>> = {
  'told the client': 'client_address: xclient',
  'not told the client': 'client_address: none',
  'said to follow no routes': 'client_address: none, follows_routes: false',
}

describe('cli.md: “No line of `check` contradicts another one.”', () => {
  for (const [behind, servers] of Object.entries(everyBackend))
    test.each(Object.entries(settings))(`${behind}, %s`, async (_name, setting) => {
      await using stack = new AsyncDisposableStack()
      const urls: string[] = []
      for (const rules of servers)
        urls.push(stack.use(await startFakeBackend({ offers, rules })).url)
      const findings = await findingsOf(
        `backend: { servers: ${JSON.stringify(urls)}, ${setting} }\njudges: [{ rspamd: { url: "http://127.0.0.1:1" } }, { headers: { from: [127.0.0.1] } }]\nrecipients: { sources: [{ http: { url: "http://127.0.0.1:1/{recipient}" } }] }\npeers: [{ name: default, strategy: bounce }]`,
      )
      expect(contradictions(findings)).toEqual([])
    })

  test('the test would notice', () => {
    const both = [ok('relay', 'only ours'), bad('relay', 'an open relay', 'smtp://a')]
    expect(contradictions(both)).toHaveLength(1)
    expect(contradictions([ok('backend', 'a', 'a'), bad('backend', 'b', 'b')])).toEqual([])
  })
})

describe('cli.md: “It tries the ports that `serve` would listen on.”', () => {
  test('one that another program has is a fault, with what to do', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    try {
      const yaml = `backend: { servers: ["sink:mail"] }\nlisten: ["127.0.0.1:${port}", "127.0.0.1:0"]`
      const asked = await findingsOf(`${yaml}\nadmin: { listen: "127.0.0.1:1" }`)
      const found = asked.filter(({ what }) => what === 'listen')
      expect(found).toMatchObject([
        { level: 'bad', where: `127.0.0.1:${port}` },
        { level: 'ok', where: '127.0.0.1:0' },
      ])
      expect(found[0]?.text).toContain(`127.0.0.1:${port} is in use by another program`)
      // Without an admin API nobody says who it is.
      expect((await findingsOf(yaml)).find(({ what }) => what === 'listen')?.level).toBe('warning')
    } finally {
      other.close()
    }
  })

  test('one that the Rcptwise that runs has is none', async () => {
    const admin = await startAdmin({ host: '127.0.0.1', port: 0, context: sampleContext() })
    try {
      const yaml = `backend: { servers: ["sink:mail"] }\nadmin: { listen: "127.0.0.1:${admin.port}" }`
      const found = (await findingsOf(yaml)).filter(({ what }) => what === 'admin.listen')
      expect(found).toMatchObject([{ level: 'ok', text: /a Rcptwise runs here already/ }])
    } finally {
      await admin.close()
    }
  })

  test('an address that this machine does not have, and two entries for one port', async () => {
    const backend = 'backend: { servers: ["sink:mail"] }'
    const port = 20_000 + (process.pid % 10_000)
    const twice = await findingsOf(
      `${backend}\nlisten: ["192.0.2.1:25", "127.0.0.1:${port}"]\nadmin: { listen: "127.0.0.1:${port}" }`,
    )
    expect(
      twice.filter(({ what }) => what.includes('listen')).map(({ level, what }) => [what, level]),
    ).toEqual([
      ['listen', 'bad'],
      ['listen', 'ok'],
      ['admin.listen', 'bad'],
    ])
  })
})

test('cli.md: “The worst comes last, and one line at the end sums up.”', () => {
  const all = [
    bad('a', 'broken'),
    ok('b', 'fine'),
    warning('c', 'odd'),
    note('d', 'advice'),
    ok('e', 'fine'),
  ]
  expect(worstLast(all).map(({ level }) => level)).toEqual(['ok', 'ok', 'note', 'warning', 'bad'])
  expect(worstLast(all).map(({ what }) => what)).toEqual(['b', 'e', 'd', 'c', 'a'])
  expect(summary(all)).toBe('2 ok, 1 note, 1 warning, 1 BAD; the worst: a: broken')
  expect(summary([ok('b', 'fine')])).toBe('1 ok')
  expect(levels.at(-1)).toBe('bad')
})
