/**
 * What is shipped runs on every machine that Node runs on: no package of the lock file is for one
 * machine, or compiled.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const project = path.join(import.meta.dirname, '..', '..')

interface Locked {
  readonly dev?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(readFileSync(path.join(project, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>
}
const shipped = Object.entries(lock.packages).filter(
  ([name, { dev }]) => name !== '' && dev !== true,
)

test('the lock file names what is shipped', () => {
  expect(shipped.map(([name]) => name)).toContain('node_modules/zod')
  // This tells that `dev` is what is looked at: the Node that is pinned for development has a
  // program in it.
  expect(lock.packages['node_modules/node']).toMatchObject({ dev: true, hasInstallScript: true })
})

describe.each(shipped)('%s', (folder, { os, cpu, libc, hasInstallScript }) => {
  test('is for no machine in particular, and builds nothing when it is installed', () => {
    expect({ os, cpu, libc, hasInstallScript }).toEqual({})
  })

  test('has no compiled code', () => {
    const files = readdirSync(path.join(project, folder), { recursive: true, encoding: 'utf8' })
    // Packages within it have a test of their own.
    const own = files.filter((name) => !/(?:^|\/)node_modules\//.test(name))
    expect(own).toContain('package.json')
    expect(
      own.filter((name) => /\.(?:node|so|dylib|dll|exe|a|o)$|(?:^|\/)binding\.gyp$/.test(name)),
    ).toEqual([])
  })
})
