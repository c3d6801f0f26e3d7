import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const repository = join(import.meta.dirname, '..', '..')
/** Those that have options. */
const programs = ['bench', 'tools'].flatMap((directory) =>
  readdirSync(join(repository, directory))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(directory, name))
    .filter((name) => readFileSync(join(repository, name), 'utf8').includes('commandLine(')),
)

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

const start = async (program: string, ...options: readonly string[]): Promise<Ended> =>
  await new Promise((resolve) => {
    const args = [join(repository, program), ...options]
    execFile(process.execPath, args, { timeout: 60_000 }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    )
  })

test('a tool or benchmark with an option that it does not have says so, and what it is for', async () => {
  expect(programs.length).toBeGreaterThan(8)
  for (const program of programs) {
    const { code, out, err } = await start(program, '--nonsense')
    expect({ program, code, out }).toEqual({ program, code: 2, out: '' })
    expect(err).toContain("Unknown option '--nonsense'\n\n")
    expect(err.split('\n').length).toBeGreaterThan(3)
    expect(err).not.toContain('    at ')
  }
}, 120_000)

test('--help prints the beginning of its file', async () => {
  const { code, out, err } = await start('tools/fuzz.ts', '--help')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^`npm run fuzz -- --inputs 1000000[^*]*--seed SEED`\.\n$/)
})

test.each(['abc', '', '-1', 'Infinity'])('a number that is "%s" is refused', async (number) => {
  const { code, err } = await start('tools/fuzz.ts', `--inputs=${number}`)
  expect(code).toBe(2)
  expect(err).toContain(`--inputs is "${number}", expected a number\n`)
})
