/**
 * Priorities for the journal, without systemd: what it tells a service is the device and inode of
 * the stream that standard output is.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-journal-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

/** As the journal would be named, and as it would not; `$$` is the process that becomes serve. */
const streams = {
  'the journal': '$(stat -L -c %d:%i /proc/$$/fd/1)',
  'another stream': '1:1',
} as const

/** The first lines of serve, until all of its processes have told something. */
async function linesOf(stream: string, log: string, workers: number): Promise<string[]> {
  const file = join(directory, 'config.yaml')
  writeFileSync(
    file,
    `listen: [{ address: "127.0.0.1:0" }]\nadmin: off\nworkers: ${workers}\nlog: ${log}\n`,
  )
  const script = `JOURNAL_STREAM=${stream} exec "$0" "$@"`
  const serve = spawn('sh', ['-c', script, process.execPath, main, 'serve', '-c', file], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => serve.on('close', resolve))
  const lines: string[] = []
  for await (const line of createInterface(serve.stdout)) {
    lines.push(line)
    if (/event":"started|info started/.test(line)) serve.kill('SIGTERM')
  }
  await ended
  expect(lines.length).toBeGreaterThan(0)
  return lines
}

test.each([1, 2])(
  'log.md: “If standard output leads to the journal, each line begins with its level, as systemd reads it.” With %i workers',
  async (workers) => {
    const lines = await linesOf(streams['the journal'], '{ level: debug, format: json }', workers)
    for (const line of lines) expect(line).toMatch(/^<[2-7]>\{"level":"/)
  },
)

test('elsewhere no line does, and `priorities` decides against both', async () => {
  for (const line of await linesOf(streams['another stream'], '{ format: line }', 1))
    expect(line).toMatch(/^\d{4}-/)
  for (const line of await linesOf(streams['another stream'], '{ priorities: true }', 1))
    expect(line).toMatch(/^<[2-7]>/)
  for (const line of await linesOf(streams['the journal'], '{ priorities: false }', 1))
    expect(line).toMatch(/^\{/)
})
