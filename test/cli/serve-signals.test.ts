/** Signals while `serve` still starts: none of them ends it in the middle of what it does. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { AskedSignals } from '../../src/cli/asked-signals.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

afterEach(() => {
  for (const signal of signals) process.removeAllListeners(signal)
})

/** What is done of what was asked, before and behind the start. */
function heard(before: readonly string[], behind: readonly string[]): readonly string[] {
  const done: string[] = []
  const asked = new AskedSignals()
  for (const signal of before) process.emit(signal as NodeJS.Signals)
  asked.heed(
    (signal) => done.push(signal),
    () => done.push('reload'),
  )
  for (const signal of behind) process.emit(signal as NodeJS.Signals)
  return done
}

test.each([
  ['nothing', [], [], []],
  ['to stop, while it starts', ['SIGTERM'], [], ['SIGTERM']],
  ['to stop, from a terminal', ['SIGINT'], [], ['SIGINT']],
  ['to reload, while it starts', ['SIGHUP', 'SIGHUP'], [], ['reload']],
  ['to reload and to stop', ['SIGHUP', 'SIGTERM'], [], ['SIGTERM']],
  ['all of it later', [], ['SIGHUP', 'SIGTERM', 'SIGINT'], ['reload', 'SIGTERM', 'SIGINT']],
] as const)('what is asked: %s', (_name, before, behind, done) =>
  expect(heard(before, behind)).toEqual(done),
)

test('serve that is stopped as soon as it says anything ends with 0', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-signals-'))
  try {
    const options = ['--listen', '127.0.0.1:0', '--admin', 'off', '--backend', 'sink:mail']
    const serve = spawn(process.execPath, [main, 'serve', ...options], { cwd: directory })
    const ended = new Promise((resolve) =>
      serve.on('exit', (code, signal) => resolve(signal ?? code)),
    )
    let said = ''
    for (const stream of [serve.stdout, serve.stderr])
      stream.on('data', (octets: Buffer) => {
        if (said === '') serve.kill('SIGTERM')
        said += String(octets)
      })
    expect(await ended, said).toBe(0)
  } finally {
    await rm(directory, { recursive: true })
  }
})
