/** What `npm pack` makes, as somebody meets it who has an empty directory and Node. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { mustRun, run } from '../../support/lab/run.ts'

const project = path.join(import.meta.dirname, '..', '..', '..')
const env = {
  ...(process.env as Record<string, string>),
  PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
}

/** Arguments of a shell that runs a program in a directory. */
const inside = (directory: string, ...words: readonly string[]): readonly string[] => [
  '-c',
  'cd "$1" && shift && exec "$@"',
  'sh',
  directory,
  ...words,
]

describe.skipIf(interopObstacle() !== undefined)('the npm package', () => {
  let packed = ''
  let empty = ''
  let file = ''

  beforeAll(async () => {
    packed = await mkdtemp(path.join(tmpdir(), 'rcptwise-packed-'))
    empty = await mkdtemp(path.join(tmpdir(), 'rcptwise-empty-'))
    await mustRun('sh', inside(project, 'npm', 'pack', '--pack-destination', packed), {
      env,
      limitMs: 200_000,
    })
    const [name = ''] = await readdir(packed)
    file = path.join(packed, name)
  }, 250_000)
  afterAll(async () => {
    for (const directory of [packed, empty]) await rm(directory, { recursive: true, force: true })
  })

  test('deploy.md: “npm pack builds what is in it.” Program, pages and man pages, and nothing else', async () => {
    const { stdout } = await mustRun('tar', ['-tzf', file], {})
    const names = stdout.split('\n')
    for (const name of [
      'dist/cli/main.js',
      'dist/man/man1/rcptwise.1',
      'dist/man/man5/rcptwise.yaml.5',
      'docs/cli.md',
      'SECURITY.md',
      'LICENSE',
    ])
      expect(names).toContain(`package/${name}`)
    expect(names.filter((name) => /\.deb$|\.map$|\/test\//.test(name))).toEqual([])
  })

  test(
    'npx runs the demonstration from it, in an empty directory',
    { timeout: 300_000 },
    async () => {
      const ran = await run(
        'sh',
        inside(empty, 'npx', '--yes', '--package', file, 'rcptwise', 'demo'),
        {
          env,
          limitMs: 280_000,
        },
      )
      expect(ran).toMatchObject({ code: 0 })
      expect(ran.stdout).toContain('Nothing is lost, nothing is delivered twice')
    },
  )
})
