/** What the README shows: its picture of both dialogues, and what it says of a first try. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

/** As the shop's message finds them: ann wants it as it is, bob marked, cho not at all. */
const options: MachineOptions = {
  peer: { strategy: 'late' },
  recipients: {
    'ann@example.org': { name: 'patient', tagAt: 12, neverDefer: false },
    'bob@example.org': policies.careful,
    'cho@example.org': policies.strict,
  },
}
const [ann, bob, cho] = ['ann@example.org', 'bob@example.org', 'cho@example.org'] as const
const spam = { judgement: { kind: 'judged', score: 9.5, symbols: [] } } as const
const codes = (lines: readonly string[]): string[] => lines.map((line) => line.slice(0, 3))
const taken = (machine: Machine): string[][] =>
  machine.parcels.map(({ result, recipients }) => [
    result,
    ...recipients.map(({ argument }) => argument),
  ])

describe('the picture', () => {
  test('README.md: “A sender that speaks PRDR (per-recipient data responses; Exim does) gets one true reply per recipient.”', () => {
    const machine = Machine.ready(options)
    const { rcpts, text } = machine.message([ann, bob, cho], spam, ' PRDR')
    expect(codes(rcpts)).toEqual(['250', '250', '250'])
    expect(codes(text)).toEqual(['353', '250', '250', '550', '250'])
    expect(taken(machine)).toEqual([
      ['plain', `<${ann}>`],
      ['tagged', `<${bob}>`],
    ])
  })

  test('README.md: “When recipients disagree, those who accept get the message at once, and the sender is asked to retry for the rest.”', () => {
    const machine = Machine.ready(options)
    const first = machine.message([ann, bob, cho], spam)
    expect([codes(first.rcpts), first.text[0]]).toEqual([
      ['250', '250', '250'],
      expect.stringMatching(/^451 .*try again in 60 seconds; retry=00:01:00$/),
    ])
    expect(taken(machine)).toEqual([
      ['plain', `<${ann}>`],
      ['tagged', `<${bob}>`],
    ])
    const said: string[] = []
    let open: string[] = [ann, bob, cho]
    for (let attempt = 0; attempt < 5 && open.length > 0; attempt++) {
      const { rcpts, text } = machine.message(open, spam)
      said.push(...text)
      const answered = text[0]?.startsWith('4') !== true
      open = open.filter((_, i) => !(answered && rcpts[i]?.startsWith('250') === true))
    }
    expect(open).toEqual([])
    expect(taken(machine)).toHaveLength(2) // acknowledged, not delivered twice
    expect(said.at(-1)).toMatch(/^550 /)
  })

  test('README.md: “Any other sender gets a single reply when that reply is true for every recipient.”', () => {
    const machine = Machine.ready(options)
    const { text } = machine.message([ann, bob, cho], {
      judgement: { kind: 'judged', score: 1, symbols: [] },
    })
    expect(codes(text)).toEqual(['250'])
    expect(machine.ledger.splits.size).toBe(0)
  })
})

test('README.md: “The right Node (24) is one of the dependencies that npm installs.”', async () => {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  expect(devDependencies['node']).toMatch(/^24\./)
  expect(process.version).toMatch(/^v24\./)
})

test('README.md: “The mail is in rcptwise-data/mail, and the metrics are at <http://127.0.0.1:9225/metrics>.”', () => {
  const loaded = loadConfig(undefined)
  if (!loaded.ok) throw new Error('the defaults are wrong')
  const { backend, admin, listen } = loaded.config
  expect(
    backend.servers.map(
      (server) => server.kind === 'sink' && relative(resolve('.'), server.directory),
    ),
  ).toEqual(['rcptwise-data/mail'])
  expect(admin?.listen).toEqual({ host: '127.0.0.1', port: 9225 })
  expect(listen).toMatchObject([{ host: '127.0.0.1', port: 2525 }])
})

test('README.md: “check names every mistake with file, line and key.” “It also checks the certificates.”', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-readme-'))
  const check = async (yaml: string): Promise<string> => {
    const file = join(directory, 'config.yaml')
    await writeFile(file, yaml)
    const main = join(root, 'src', 'cli', 'main.ts')
    return await run(process.execPath, [main, 'check', '--config', file], { cwd: directory }).then(
      ({ stdout }) => stdout,
      (failed: unknown) =>
        Object.values(failed as Readonly<Record<'stdout' | 'stderr', string>>).join(''),
    )
  }
  try {
    const mistakes = await check('hostnam: mx.test\nlimits:\n  sessions: many\n')
    expect(mistakes).toMatch(/config\.yaml:1:1: hostnam: /)
    expect(mistakes).toMatch(/config\.yaml:3:\d+: limits\.sessions: /)
    expect(await check('hostname: mx.test\n')).toMatch(
      /^ok {3}tls: self-signed certificate for mx\.test, valid for /m,
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
