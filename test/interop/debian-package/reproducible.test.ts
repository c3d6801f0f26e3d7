/** The Debian package, built twice: in another directory, at another time, in another time zone. */
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { mustRun } from '../../support/lab/run.ts'

const project = path.join(import.meta.dirname, '..', '..', '..')
const isMade = /^(?:node_modules|dist|\.git|rcptwise-data)$/

async function build(from: string, into: string, more: Record<string, string>): Promise<void> {
  const env = {
    ...(process.env as Record<string, string>),
    RCPTWISE_DEB_COMPRESSION: 'gzip',
    ...more,
  }
  const script = path.join(from, 'deploy', 'debian', 'build.sh')
  await mustRun(script, [into], { env, limitMs: 380_000 })
}

describe.skipIf(interopObstacle() !== undefined)('the Debian package', () => {
  test(
    'deploy.md: “The same sources give the same octets, wherever and whenever you build them with the same Debian release.”',
    { timeout: 800_000 },
    async () => {
      const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-reproducible-'))
      const at = (...parts: readonly string[]): string => path.join(directory, ...parts)
      try {
        const copy = at('somewhere', 'else')
        for (const name of await readdir(project))
          if (!isMade.test(name))
            await cp(path.join(project, name), path.join(copy, name), { recursive: true })
        await symlink(path.join(project, 'node_modules'), path.join(copy, 'node_modules'))
        await build(project, at('one'), { TZ: 'UTC', LANG: 'C' })
        await build(copy, at('other'), { TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8' })
        const names = (await readdir(at('one'))).toSorted()
        expect(names).toEqual((await readdir(at('other'))).toSorted())
        expect(names.map((name) => path.extname(name))).toEqual(['', '.json', '.deb'])
        for (const name of names) {
          const [one, other] = [await readFile(at('one', name)), await readFile(at('other', name))]
          expect(`${name} ${one.equals(other)}`).toBe(`${name} true`)
        }
        await mustRun('sh', ['-c', 'cd "$1" && sha256sum --check SHA256SUMS', 'sh', at('one')], {})
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  )
})
