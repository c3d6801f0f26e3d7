/**
 * The recipes of docs/recipients.md, as they are written there: the configuration, and what stands
 * beside it, with another port or place alone.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sourceName } from '../../src/app/policy-source.ts'
import { reportOn } from '../../src/app/recipient-report.ts'
import { checkRecipients } from '../../src/cli/check-recipients.ts'
import type { Config } from '../../src/config/config.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { parseConfig } from '../../src/config/load.ts'
import { socketmapServer } from '../policy/socketmap/socketmap-server.ts'
import { freePort } from '../support/lab/ports.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/recipients.md'), 'utf8')
let directory: string
let closing: AsyncDisposableStack

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-recipes-'))
  closing = new AsyncDisposableStack()
  closing.defer(() => rmSync(directory, { recursive: true }))
})
afterEach(async () => await closing.disposeAsync())

/** A block of its language in a section of the page: the first one with this text in it. */
function block(section: string, language: string, having = ''): string {
  const [, text = ''] = page.split(`\n## ${section}\n`)
  const [own = ''] = text.split('\n## ')
  const all = [...own.matchAll(new RegExp('```' + language + '\\n([\\s\\S]*?)```', 'g'))]
  const found = all.map(([, inside = '']) => inside).find((inside) => inside.includes(having))
  if (found === undefined) throw new Error(`${section} has no ${language}`)
  return found
}

function configOf(yaml: string): Config {
  const loaded = parseConfig(`relay_domains: [example.org]\n${yaml}`, join(directory, 'x.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}

/** What a mailbox has, by `recipients test`. */
async function policiesOf(config: Config, ...addresses: readonly string[]): Promise<unknown[]> {
  const reports = await reportOn({ addresses, sender: '' }, config)
  const limits = ({ tagAt, rejectAt }: Policy): unknown => [tagAt, rejectAt]
  return reports.map(({ policy }) =>
    policy?.several === undefined
      ? policy && limits(policy)
      : { [policy.several.which]: policy.several.of.map(limits) },
  )
}

async function inWords(config: Config): Promise<string> {
  return (await checkRecipients(config)).map(({ level, text }) => `${level} ${text}`).join('\n')
}

test('HTTP: a service for Node', async () => {
  const port = await freePort()
  const script = join(directory, 'service.mjs')
  writeFileSync(script, block('HTTP', 'js').replace('8080', String(port)))
  const config = configOf(block('HTTP', 'yaml').replace('8080', String(port)))
  expect(await inWords(config)).toContain(`bad http:127.0.0.1:${port}: ECONNREFUSED`)
  const service = spawn(process.execPath, [script], { stdio: 'ignore' })
  closing.defer(() => void service.kill('SIGKILL'))
  await expect
    .poll(async () => await inWords(config))
    .toBe(`ok http:127.0.0.1:${port} answers: postmaster@example.org has tag_at 5, reject_at 9`)
  expect(
    await policiesOf(config, 'ann+x@example.org', 'bob@example.org', 'eve@example.net'),
  ).toEqual([
    [5, 8],
    [5, 9],
    [6, 15],
  ])
})

test("Postfix's own maps", async () => {
  for (const name of ['policies', 'policies.regexp', 'virtual'])
    writeFileSync(join(directory, name), block("Postfix's own maps", 'text', `# ${name}\n`))
  const config = configOf(block("Postfix's own maps", 'yaml'))
  const at = (name: string, entries: number) => `ok ${join(directory, name)} has ${entries} entries`
  expect(await inWords(config)).toBe(
    [at('policies', 3), at('policies.regexp', 3), at('virtual', 1)].join('\n'),
  )
  expect(
    await policiesOf(
      config,
      'ann@example.org',
      'bob+x@example.org',
      'eve@example.org',
      'info@example.org',
      'postmaster@example.net',
      'eve@example.net',
    ),
  ).toEqual([
    [5, 8],
    [4, 9],
    [6, 15],
    // Ann's and Bob's, message by message.
    {
      mildest: [
        [5, 8],
        [4, 9],
      ],
    },
    [5, undefined],
    [6, 15],
  ])
  writeFileSync(join(directory, 'policies'), 'ann@example.org lenient\n')
  expect(await inWords(config)).toContain(
    `bad ${join(directory, 'policies')}:1: there is no policy "lenient"`,
  )
})

test('socketmap', async () => {
  const path = join(directory, 'socket')
  const yaml = block("Postfix's own maps", 'yaml', 'socketmap').replace('/run/policies.sock', path)
  const config = configOf(yaml)
  expect(await inWords(config)).toBe(`bad socketmap:policies@${path}: ENOENT`)
  closing.use(
    await socketmapServer({ policies: { '@example.org': '{ tag_at: 3 }' } }, { socketPath: path }),
  )
  expect(await inWords(config)).toBe(
    `ok socketmap:policies@${path} answers: postmaster@example.org has tag_at 3`,
  )
})

test("README.md: “A directory (ldap), Redis, a service of your own over HTTP, and Postfix's own tables will do, too.”", () => {
  const config = configOf(`recipients:
  sources:
    - ldap: { url: "ldap://dir.example.org", base: "dc=example", attributes: { policy: wish } }
    - redis: { url: "redis://127.0.0.1", strings: "policy:" }
    - http: { url: "http://127.0.0.1:8080/" }
    - texthash: policies
    - regexp: policies.regexp
`)
  expect(config.recipients.sources.map(sourceName)).toEqual([
    'ldap:dir.example.org',
    'redis:127.0.0.1',
    'http:127.0.0.1:8080',
    `texthash:${join(directory, 'policies')}`,
    `regexp:${join(directory, 'policies.regexp')}`,
  ])
})
