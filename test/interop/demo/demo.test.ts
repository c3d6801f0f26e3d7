/** `rcptwise demo`, with a real rspamd, without one, and with one that does not start. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { packageRoot } from '../../support/lab/packages.ts'
import { type Ran, run } from '../../support/lab/run.ts'

const main = path.join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts')

/** Debian's, from where it is unpacked. */
const unpacked = (root: string): string => `#!/bin/sh
export LD_LIBRARY_PATH=${root}/usr/lib/rspamd:${root}/usr/lib/x86_64-linux-gnu:${root}/lib/x86_64-linux-gnu
export SHAREDIR=${root}/usr/share/rspamd LUALIBDIR=${root}/usr/share/rspamd/lualib RULESDIR=${root}/usr/share/rspamd/rules
exec ${root}/usr/bin/rspamd "$@"
`

describe.skipIf(interopObstacle() !== undefined)('the demo', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-demo-test-'))
    await mkdir(path.join(directory, 'bin'))
  })
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true })
  })

  const demo = async (rspamd?: string): Promise<Ran> => {
    const bin = path.join(directory, 'bin')
    if (rspamd !== undefined) {
      const file = path.join(bin, 'rspamd')
      await writeFile(file, rspamd)
      await chmod(file, 0o755)
    }
    await symlink(process.execPath, path.join(bin, 'node'))
    return await run(process.execPath, [main, 'demo'], {
      env: { HOME: directory, PATH: `${bin}:/usr/bin:/bin` },
      limitMs: 100_000,
    })
  }

  test('with rspamd: one scan, a score between the limits, and three answers', async () => {
    const { code, stdout } = await demo(unpacked(await packageRoot('rspamd')))
    expect(code).toBe(0)
    const second = stdout.slice(stdout.indexOf('4. With rspamd as the judge'))
    expect(second).toMatch(/ann@example\.org has 1 copy, as it was sent +the sender got: 250 /)
    expect(second).toMatch(/bob@example\.org has 1 copy, marked as spam +the sender got: 250 /)
    expect(second).toMatch(/cho@example\.org has nothing; the sender knows +the sender got: 550 /)
    expect(second).toContain('rspamd was asked once: 9.5 points, by DEMO_EVERYTHING_MUST_GO.')
  })

  test('with one that does not start: it says so, and goes on', async () => {
    const { code, stdout } = await demo('#!/bin/sh\nexit 1\n')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /rspamd does not start here, so this part is left out: .*ended by itself/,
    )
    expect(stdout).toContain('Next: README.md')
  })

  // Where one is installed, it is found.
  test('without rspamd: it says so in a line, and goes on', async () => {
    const { code, stdout } = await demo()
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /No rspamd is installed here, so this part is left out|rspamd was asked once/,
    )
    expect(stdout).toContain('Next: README.md')
  })
})
