/** Each package takes all parts of the build, and what the console shows. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.join(import.meta.dirname, '..', '..')

test('each package takes the assets and all parts of the build', async () => {
  const read = async (file: string): Promise<string> =>
    await readFile(path.join(root, file), 'utf8')
  expect((JSON.parse(await read('package.json')) as { files: string[] }).files).toContain('assets')
  for (const file of ['package.json', 'deploy/debian/build.sh', 'deploy/Dockerfile'])
    for (const part of ['src/console/tsconfig.build.json', 'tools/bundle.ts'])
      expect(await read(file), file).toContain(part)
  expect(await read('deploy/debian/build.sh')).toContain('"$project/assets"')
  expect(await read('deploy/Dockerfile')).toContain('COPY assets assets')
})
