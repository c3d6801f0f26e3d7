/** Which test is run before each commit: its imports decide. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ImportsOfTests, testProjects } from '../../tools/test-projects.ts'

const repository = path.join(import.meta.dirname, '..', '..')

/** Sources of policies that are asked over a network. */
const overSockets = /^test\/policy\/(?:http|socketmap)\//

describe('the tests of this repository', () => {
  const { pure, sockets } = testProjects(repository)

  test('each is in one project', () => {
    expect(new Set([...pure, ...sockets]).size).toBe(pure.length + sockets.length)
    expect(pure.length).toBeGreaterThan(100)
    expect(sockets.length).toBeGreaterThan(100)
  })

  test('testing.md: “The tests of the machine, of the wire, of verdicts, strategies and policies are among them.”', () => {
    const folders = ['session', 'smtp', 'verdict', 'strategy', 'message', 'dsn', 'policy', 'loop']
    for (const folder of folders) {
      const impure = sockets.filter(
        (name) => name.startsWith(`test/${folder}/`) && !overSockets.test(name),
      )
      expect(impure).toEqual([])
    }
  })
})

/** Not in one word with its `import`: this file would not be pure. */
const threads = 'node:worker_threads'

describe('what a test reaches', () => {
  let root = ''
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'rcptwise-projects-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
      writeFileSync(path.join(root, name), text)
    }
  }
  const leaves = (files: Readonly<Record<string, string>>): string | undefined => {
    write(files)
    return new ImportsOfTests(root).leaves('test/a.test.ts')
  }

  test.each<[string, Readonly<Record<string, string>>, string | undefined]>([
    ['nothing', { 'test/a.test.ts': 'export {}' }, undefined],
    ['a socket', { 'test/a.test.ts': "import { connect } from 'node:net'" }, 'test/a.test.ts'],
    [
      'a socket beside what computes',
      { 'test/a.test.ts': "import { isIP, connect as dial } from 'node:net'" },
      'test/a.test.ts',
    ],
    ['all of a module', { 'test/a.test.ts': "import net from 'node:net'" }, 'test/a.test.ts'],
    ['what computes', { 'test/a.test.ts': "import { isIP } from 'node:net'" }, undefined],
    ['types alone', { 'test/a.test.ts': "import type { Socket } from 'node:net'" }, undefined],
    [
      'types among values',
      { 'test/a.test.ts': "import { isIP, type Socket } from 'node:net'" },
      undefined,
    ],
    [
      'a process, by way of others that import one another',
      {
        'test/a.test.ts': "import { b } from './support/b.ts'",
        'test/support/b.ts': "export * from '../../src/c.ts'\nimport '../a.test.ts'",
        'src/c.ts': "import {\n  spawn,\n} from 'node:child_process'",
      },
      'src/c.ts',
    ],
    [
      'a thread that is loaded where it is used',
      { 'test/a.test.ts': `const load = async () => await import('${threads}')` },
      'test/a.test.ts',
    ],
  ])('%s', (_, files, where) => {
    const why = leaves(files)
    if (where === undefined) expect(why).toBeUndefined()
    else expect(why).toMatch(new RegExp(`^node:\\w+ in ${where}$`))
  })

  test('decides its project; those against real mail servers are in neither', () => {
    write({
      'test/a.test.ts': 'export {}',
      'test/b.test.ts': "import { createServer } from 'node:http'",
      'test/interop/c.test.ts': 'export {}',
      'test/fuzz/d.test.ts': 'export {}',
      'test/support/e.ts': 'export {}',
    })
    expect(testProjects(root)).toEqual({
      pure: ['test/a.test.ts'],
      sockets: ['test/b.test.ts', 'test/fuzz/d.test.ts'],
    })
  })
})
