/** The console in a package: what tsc makes, beside `assets`, is all of it. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { everyConsoleFile } from '../../src/admin/console.ts'

const root = path.join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

test('a build has every file of the console that the source tree has', async () => {
  const place = await mkdtemp(path.join(tmpdir(), 'rcptwise-built-'))
  try {
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    for (const part of ['tsconfig.build.json', 'src/console/tsconfig.build.json']) {
      const options = ['--outDir', path.join(place, 'dist'), '--noCheck']
      await run(process.execPath, [tsc, '-p', path.join(root, part), ...options])
    }
    await cp(path.join(root, 'assets'), path.join(place, 'assets'), { recursive: true })
    await cp(path.join(root, 'package.json'), path.join(place, 'package.json'))
    await symlink(path.join(root, 'node_modules'), path.join(place, 'node_modules'))
    const list = path.join(place, 'list.mjs')
    await writeFile(
      list,
      "import { everyConsoleFile } from './dist/admin/console.js'\nconsole.log(JSON.stringify([...everyConsoleFile().keys()]))\n",
    )
    const { stdout } = await run(process.execPath, [list])
    expect((JSON.parse(stdout) as string[]).toSorted()).toEqual(
      [...everyConsoleFile().keys()].toSorted(),
    )
  } finally {
    await rm(place, { recursive: true, force: true })
  }
})

test('each package takes the assets and both parts of the build', async () => {
  const read = async (file: string): Promise<string> =>
    await readFile(path.join(root, file), 'utf8')
  expect((JSON.parse(await read('package.json')) as { files: string[] }).files).toContain('assets')
  for (const file of ['package.json', 'deploy/debian/build.sh', 'deploy/Dockerfile'])
    expect(await read(file), file).toContain('src/console/tsconfig.build.json')
  expect(await read('deploy/debian/build.sh')).toContain('"$project/assets"')
  expect(await read('deploy/Dockerfile')).toContain('COPY assets assets')
})
