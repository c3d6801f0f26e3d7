/** docs/architecture.md names every folder of the source, and no other. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8')
const [, table = ''] = /^## The folders\n([\s\S]*?)^## /m.exec(page) ?? []

test('its table has each folder of src/ once', () => {
  const named = table
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`src\/([a-z-]+)`/g)])
    .map(([, name]) => name)
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  expect(named.sort()).toEqual(folders.sort())
})
