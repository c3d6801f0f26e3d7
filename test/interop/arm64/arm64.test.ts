/**
 * Rcptwise on arm64: the same JavaScript on the arm64 build of the pinned Node, run by qemu.
 *
 *   `rcptwise demo`: a PRDR client and a legacy client ─▶ Rcptwise with its ledger ─▶ the embedded backend
 *
 * test/deploy/no-native-code.test.ts holds that nothing that is shipped is compiled.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { run, type Ran } from '../../support/lab/run.ts'
import { arm64Node, project } from './arm64-node.ts'

describe.skipIf(interopObstacle() !== undefined)('arm64', () => {
  let node: readonly [string, ...string[]]
  beforeAll(async () => {
    node = await arm64Node()
  }, 300_000)

  const runNode = async (...args: readonly string[]): Promise<Ran> => {
    const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-arm64-'))
    try {
      return await run(node[0], [...node.slice(1), ...args], {
        limitMs: 280_000,
        env: { HOME: directory },
      })
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  test('it is arm64 that runs', async () => {
    expect(await runNode('-p', 'process.arch')).toMatchObject({ code: 0, stdout: 'arm64\n' })
  })

  test(
    'the demo: verdicts, deferrals and retries as everywhere',
    { timeout: 300_000 },
    async () => {
      const demo = await runNode(path.join(project, 'src', 'cli', 'main.ts'), 'demo')
      expect(demo).toMatchObject({ code: 0 })
      for (const verdict of ['accept', 'tag', 'reject']) {
        expect(demo.stdout).toContain(
          `rcptwise_recipients_total{peer="default",verdict="${verdict}"} 2\n`,
        )
      }
      expect(demo.stdout).toContain(
        'rcptwise_splits_total{peer="default",strategy="late",outcome="completed"} 1\n',
      )
    },
  )
})
