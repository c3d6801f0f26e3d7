/**
 * Puts what tsc has made into few files, in the same folder:
 *
 *     node tools/bundle.ts [DIRECTORY]      dist
 *
 * A start costs as much for finding and linking six hundred files as for all else together
 * (docs/decisions/0140-what-loading-costs.md). Programs and threads stay where they are, and so do
 * modules that the console gives to browsers; all others go into `chunks`. Libraries are not
 * touched.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, posix, relative, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { firstModule, modulesFrom } from '../src/admin/console-modules.ts'

/** What is loaded by its name: by somebody, as a process, or as a thread. */
const started = [
  'cli/main',
  // Loaded by `main` before it awaits the rest: that must not wait for `main` in turn.
  'service/v8-flags',
  'app/workers/worker-process',
  'history/thread',
  'ledger/sqlite/check-file',
  'ledger/sqlite/checkpoint-worker',
  'policy/sql/sqlite-thread',
  // Of it the manual page of the configuration is made (deploy/debian/man-pages.mjs).
  'config/schema-keys',
]

const place = resolve(process.argv[2] ?? join(import.meta.dirname, '..', 'dist'))
const fresh = join(place, 'bundle.tmp')

/** Stands for the address of a module, until it is known in which file it is. */
const addressOf = (id: string): string => `__addressOf("${relative(place, id)}")`

rmSync(fresh, { recursive: true, force: true })
const bundle = await rolldown({
  cwd: place, // or a file would say where it was built
  input: Object.fromEntries(started.map((name) => [name, join(place, `${name}.js`)])),
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  plugins: [
    {
      name: 'addresses',
      transform: (code, id) => ({
        code: code.replaceAll(/\bimport\.meta\.url\b/g, addressOf(id)),
        map: null,
      }),
      renderChunk: (code, chunk) => ({
        code: code.replaceAll(/__addressOf\("([^"]+)"\)/g, (_all, module: string) => {
          const path = posix.relative(posix.dirname(chunk.fileName), module)
          return `new URL(${JSON.stringify(path)}, import.meta.url).href`
        }),
        map: null,
      }),
    },
  ],
})
await bundle.write({
  dir: fresh,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name].js',
})
await bundle.close()

const forBrowsers = new Set([...modulesFrom(firstModule).keys()].map((name) => `${name}.js`))
for (const name of filesIn(place))
  if (/\.js(\.map)?$/.test(name) && !name.startsWith('bundle.tmp/') && !forBrowsers.has(name))
    rmSync(join(place, name))
for (const name of filesIn(fresh)) {
  mkdirSync(dirname(join(place, name)), { recursive: true })
  renameSync(join(fresh, name), join(place, name))
}
rmSync(fresh, { recursive: true })
removeEmpty(place)

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(directory, name)).isFile(),
  )
}

function removeEmpty(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmpty(join(directory, entry.name))
  if (readdirSync(directory).length === 0) rmSync(directory, { recursive: true })
}
