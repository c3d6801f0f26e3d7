/** Colours of commands, on a terminal that script(1) makes. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
const check = [main, 'check', '--listen', '127.0.0.1:0', '--admin', 'off']

/** The environment of the tests may have opinions of its own. */
async function said(terminal: boolean, env: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-colours-'))
  const { PATH = '' } = process.env
  const line = [process.execPath, ...check].join(' ')
  const [program, args] = terminal
    ? ['script', ['--quiet', '--return', '--command', line, '/dev/null']]
    : [process.execPath, check]
  try {
    return await new Promise((resolve) => {
      const options = { cwd: directory, env: { PATH, TERM: 'xterm-256color', ...env } }
      execFile(program, args, options, (_error, stdout) => resolve(stdout))
    })
  } finally {
    await rm(directory, { recursive: true })
  }
}

const colour = /\u001b\[/

test.each([
  ['a terminal has them', true, {}, true],
  ['a pipe has none', false, {}, false],
  ['NO_COLOR takes them away', true, { NO_COLOR: '1' }, false],
  ['a terminal without any has none', true, { TERM: 'dumb' }, false],
  ['FORCE_COLOR gives them to a pipe', false, { FORCE_COLOR: '1' }, true],
  ['FORCE_COLOR=0 takes them away', true, { FORCE_COLOR: '0' }, false],
] as const)('cli.md: “Colours are for terminals only.” %s', async (_name, terminal, env, has) => {
  const text = await said(terminal, env)
  expect(text).toContain('configuration: built-in defaults')
  expect(colour.test(text)).toBe(has)
})
