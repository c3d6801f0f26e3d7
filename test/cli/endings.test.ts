/** With which exit code each command ends, as a program of its own. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { Tokens } from '../../src/admin/tokens.ts'
import { type Ending, endings } from '../../src/cli/endings.ts'
import { commandLine } from '../../src/cli/program.ts'
import { sampleContext } from '../admin/sample-context.ts'
import { leavesOf, nameOf } from './command-tree.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
let directory: string
let admin: Admin
let guarded: Admin
const other = createServer((_request, response) => response.end('<h1>Welcome</h1>'))
const context = sampleContext()

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-endings-'))
  const write = async (name: string, text: string): Promise<void> =>
    await writeFile(join(directory, name), text)
  await write('good.yaml', 'listen: [127.0.0.1:0]\nadmin: off\n')
  await write('wrong.yaml', 'lisen: []\n')
  await write(
    'down.yaml',
    'admin: off\nrecipients: { sources: [{ http: { url: "http://127.0.0.1:1/{recipient}" } }] }\n',
  )
  await write(
    'dead.yaml',
    'listen: [127.0.0.1:0]\nadmin: off\nbackend: { servers: ["smtp://127.0.0.1:1"] }\nrelay_domains: ["*.invalid"]\n',
  )
  await write('mistaken.yaml', 'admin: off\nrecipients: { sources: [{ file: lax.yaml }] }\n')
  await write('lax.yaml', 'ann@example.org: no-such-policy\n')
  await write('mail.eml', 'Subject: hello\r\n\r\nhello\r\n')
  await write('empty.log', '')
  await write('token', 's3cret-and-long-enough\n')
  admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
  const tokens = await Tokens.open([
    { name: 'admin', role: 'operate', file: join(directory, 'token') },
  ])
  guarded = await startAdmin({ host: '127.0.0.1', port: 0, context, tokens })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await admin.close()
  await guarded.close()
  await new Promise((resolve) => other.close(resolve))
  await rm(directory, { recursive: true })
})

interface Ran {
  readonly ending: string
  readonly stdout: string
  readonly stderr: string
}

async function rcptwise(line: string): Promise<Ran> {
  const places: Readonly<Record<string, number>> = {
    ADMIN: admin.port,
    GUARDED: guarded.port,
    OTHER: (other.address() as AddressInfo).port,
    NOBODY: 1,
  }
  const args = line
    .split(' ')
    .map((word) => (places[word] === undefined ? word : `http://127.0.0.1:${places[word]}`))
  return await new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd: directory }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0
      const [name = String(code)] =
        Object.entries(endings).find(([, ending]) => ending.code === code) ?? []
      resolve({ ending: name, stdout, stderr })
    })
  })
}

const table: readonly (readonly [Ending, string])[] = [
  ['done', '--help'],
  ['done', '--version'],
  ['done', 'check --config good.yaml'],
  ['done', 'config show --config good.yaml'],
  ['done', 'completion bash'],
  ['usage', 'completion tcsh'],
  ['configuration', 'config show --config wrong.yaml'],
  ['done', 'peers --admin ADMIN'],
  ['done', 'splits --admin ADMIN'],
  ['done', 'audit --admin ADMIN'],
  ['usage', 'audit --limit many --admin ADMIN'],
  ['done', 'recipients test --config good.yaml ann@example.org'],
  ['failed', 'check --config dead.yaml'],
  ['failed', 'why ann@example.org --history nowhere.db'],
  ['failed', 'cert server mx1.example.org --ca nowhere'],
  ['failed', 'serve --listen 192.0.2.1:2525 --admin off --data-directory data'],
  ['usage', 'no-such-command'],
  ['usage', 'serve --no-such-option'],
  ['usage', 'check one-too-many'],
  ['usage', 'explain mail.eml'],
  ['usage', 'explain nowhere.eml --to ann@example.org --from bob@example.org'],
  ['usage', 'recipients test --config good.yaml ann'],
  ['usage', 'why'],
  ['usage', 'why ann@example.org --limit 0'],
  ['usage', 'strategy set default fast --admin ADMIN'],
  ['usage', 'drain --every soon --admin ADMIN'],
  ['usage', 'peers --admin http://'],
  ['usage', 'cert ca --days 1.5'],
  ['configuration', 'serve --config wrong.yaml'],
  ['configuration', 'check --config wrong.yaml'],
  ['configuration', 'check --config nowhere.yaml'],
  ['configuration', 'replay --config wrong.yaml --log empty.log'],
  ['configuration', 'recipients test --config wrong.yaml ann@example.org'],
  ['configuration', 'recipients test --config mistaken.yaml ann@example.org'],
  ['configuration', 'explain mail.eml --config mistaken.yaml --to ann@example.org --from <>'],
  ['configuration', 'explain mail.eml --config wrong.yaml --to ann@example.org --from <>'],
  ['configuration', 'why ann@example.org --config wrong.yaml'],
  ['nothing', 'splits NOSUCHSPLIT --admin ADMIN'],
  ['nothing', 'splits forgive NOSUCHSPLIT --admin ADMIN'],
  ['nothing', 'strategy reset nobody --admin ADMIN'],
  ['nothing', 'peers forget nobody.example --admin ADMIN'],
  ['nothing', 'replay --config good.yaml --log empty.log'],
  ['unreachable', 'peers --admin NOBODY'],
  ['unreachable', 'peers --admin OTHER'],
  ['unreachable', 'drain --admin NOBODY'],
  ['unreachable', 'status --admin NOBODY'],
  ['unreachable', 'status --admin OTHER'],
  ['usage', 'top --every soon --admin ADMIN'],
  ['unreachable', 'why ann@example.org --server NOBODY'],
  ['refused', 'peers --admin GUARDED'],
  ['refused', 'strategy reset default --admin GUARDED'],
  ['partly', 'recipients test --config down.yaml ann@example.org'],
  ['partly', 'why a@example.org --server ADMIN NOBODY'],
]

describe('cli.md: “Every command ends with one of these exit codes.”', () => {
  test.each(table)('%s: rcptwise %s', async (ending, line) => {
    const ran = await rcptwise(line)
    expect(ran).toMatchObject({ ending })
    // A line of ours that was cut as if a stranger had written it.
    expect(ran.stderr + ran.stdout).not.toMatch(/\\u00[01]/)
    // Whoever is told no is told why.
    if (ending !== 'done') expect(ran.stdout + ran.stderr).not.toBe('')
  })

  test('each of them is seen, and --help has them all', async () => {
    expect(new Set(table.map(([ending]) => ending))).toEqual(new Set(Object.keys(endings)))
    const { stdout } = await rcptwise('--help')
    for (const { code, words } of Object.values(endings))
      expect(stdout).toContain(`  ${code}  ${words}`)
    expect(new Set(Object.values(endings).map(({ code }) => code)).size).toBe(8)
  })
})

/** What has nothing to say but what it does. */
const withoutJson: Readonly<Record<string, string>> = {
  serve: 'its output is the log: log.format',
  demo: 'it is told to people',
  completion: 'it is a script for a shell',
}

test('cli.md: “Every command that answers takes `--json`.”', async () => {
  const leaves = leavesOf(await commandLine())
  const without = leaves.filter((command) => !command.options.some(({ long }) => long === '--json'))
  expect(without.map(nameOf).toSorted()).toEqual(Object.keys(withoutJson).toSorted())
})
