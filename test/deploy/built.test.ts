/**
 * The program as packages bring it: made by tsc, put into few files by tools/bundle.ts, with the
 * libraries beside it. Whatever is loaded only later has to be there, too.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everyConsoleFile } from '../../src/admin/console.ts'
import { endings } from '../../src/cli/endings.ts'
import { Home } from '../crash/serve.ts'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { freePort } from '../support/lab/ports.ts'

const root = path.join(import.meta.dirname, '..', '..')
const run = promisify(execFile)
let place = ''
const at = (name: string): string => path.join(place, 'dist', name)

const scripts = (): string[] =>
  readdirSync(at(''), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'))

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), 'rcptwise-built-'))
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  for (const part of ['tsconfig.build.json', 'src/console/tsconfig.build.json']) {
    const options = ['--outDir', at(''), '--noCheck', '--sourceMap', 'false']
    await run(process.execPath, [tsc, '-p', path.join(root, part), ...options])
  }
  await run(process.execPath, [path.join(root, 'tools', 'bundle.ts'), at('')])
  await cp(path.join(root, 'assets'), path.join(place, 'assets'), { recursive: true })
  await cp(path.join(root, 'package.json'), path.join(place, 'package.json'))
  await symlink(path.join(root, 'node_modules'), path.join(place, 'node_modules'))
})
afterAll(async () => await rm(place, { recursive: true, force: true }))

test('every file that one of them loads is there, and every library', () => {
  const shown = /^(?:console|history|log|strategy|verdict)\//
  const statement = /^(?:import|export) (?:[^"\n]* from )?"([^"\n]+)";$|\bimport\("([^"\n]+)"\)/gm
  const files = scripts().filter((name) => !shown.test(name) || name.startsWith('history/thread'))
  expect(files.length).toBeGreaterThan(50)
  for (const name of files) {
    const text = readFileSync(at(name), 'utf8')
    const require = createRequire(at(name))
    for (const [, early, late] of text.matchAll(statement)) {
      const wanted = early ?? late ?? ''
      expect(() => require.resolve(wanted), `${name}: ${wanted}`).not.toThrow()
    }
  }
})

test('every process and every thread has its file where it is looked for', () => {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const started = sources
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const text = readFileSync(path.join(root, 'src', name), 'utf8')
      return [...text.matchAll(/new URL\(\s*`\.\/([a-z-]+)\$\{extname/g)].map(([, file = '']) =>
        path.join(path.dirname(name), `${file}.js`),
      )
    })
  expect(started.length).toBeGreaterThan(4)
  for (const name of started) expect(existsSync(at(name)), name).toBe(true)
})

test('no file says where it was built: the same sources give the same octets', () => {
  for (const name of scripts())
    expect(readFileSync(at(name), 'utf8'), name).not.toContain(path.basename(place))
})

test('nothing waits for the file that it is waited for by', () => {
  for (const name of scripts())
    expect(readFileSync(at(name), 'utf8'), name).not.toMatch(/from "[^"]*cli\/main\.js"/)
})

test.each(['worker-program', 'worker-process'])(
  "a worker that begins (%s) loads no HTTP of Node's, nor what that brings",
  async (name) => {
    const file = scripts().find((each) => path.basename(each) === `${name}.js`) ?? name
    const list = path.join(place, 'list.mjs')
    await writeFile(
      list,
      `await import(${JSON.stringify(at(file))})
console.log(process.moduleLoadList.join('\\n'))
process.exit()`,
    )
    const { stdout } = await run(process.execPath, [list])
    const loaded = stdout.split('\n')
    expect(loaded).toContain('NativeModule sqlite')
    expect(loaded.filter((each) => /undici|NativeModule https?$/.test(each))).toEqual([])
  },
)

test('every command says what it is for', async () => {
  const { stdout } = await run(process.execPath, [at('cli/main.js'), '--help'])
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name = '']) => name)
  expect(commands).toEqual(expect.arrayContaining(['serve', 'check', 'replay', 'cert', 'why']))
  for (const command of commands.filter((name) => name !== 'help'))
    expect(
      (await run(process.execPath, [at('cli/main.js'), command, '--help'])).stdout,
      command,
    ).toContain(`rcptwise ${command}`)
})

test('its manual pages are made of it', async () => {
  const [pages, maker] = [path.join(place, 'man', 'man1'), 'deploy/debian/man-pages.mjs']
  await run(process.execPath, [path.join(root, maker), pages, process.execPath, at('cli/main.js')])
  const page = readFileSync(path.join(place, 'man', 'man5', 'rcptwise.yaml.5'), 'utf8')
  expect(page).toContain('relay_domains')
})

test('a mistake in the configuration is told with its place', async () => {
  const file = path.join(place, 'wrong.yaml')
  await writeFile(file, 'listenn: []\n')
  const ran = run(process.execPath, [at('cli/main.js'), 'serve', '--config', file])
  await expect(ran).rejects.toMatchObject({ code: endings.configuration.code })
  await expect(ran).rejects.toThrow(/wrong\.yaml:1:1/)
})

test.each([1, 2])('with %i workers it takes mail, and shows the console', async (workers) => {
  await using backend = await startFakeBackend()
  await using home = await Home.make()
  const admin = `127.0.0.1:${await freePort()}`
  const served = await home.serve({
    backendUrl: backend.url,
    workers,
    program: at('cli/main.js'),
    admin,
  })
  const client = await Client.connect(served.port ?? 0)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<a@client.test>')
  await client.ask('RCPT TO:<b@example.org>')
  await client.ask('DATA')
  expect(await client.ask('Subject: built\r\n\r\nhello\r\n.')).toMatch(/^250 /)
  client.close()
  expect(backend.delivered).toHaveLength(1)
  for (const name of everyConsoleFile().keys())
    expect((await fetch(`http://${admin}${name}`)).status, name).toBe(200)
  const told = await (await fetch(`http://${admin}/metrics`)).text()
  expect(told.match(/^process_cpu_seconds_total/gm)).toHaveLength(workers === 1 ? 1 : workers + 1)
  served.signal('SIGTERM')
  expect(await served.ending()).toBe(0)
})
