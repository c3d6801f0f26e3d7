import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const end = join(import.meta.dirname, '..', '..', 'src', 'service', 'end.ts')

const run = async (script: string): Promise<string> => {
  const text = `import { endSoon } from ${JSON.stringify(end)}\n${script}`
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    text,
  ])
  return stdout
}

test(
  'a process whose work is done does not stay for what can not be broken off',
  { timeout: 60_000 },
  async () => {
    expect(await run(`setInterval(() => undefined, 1000); endSoon(10); console.log('done')`)).toBe(
      'done\n',
    )
  },
)

test('and ends at once when nothing is left', { timeout: 60_000 }, async () => {
  expect(await run(`endSoon(1_000_000); console.log('done')`)).toBe('done\n')
})
