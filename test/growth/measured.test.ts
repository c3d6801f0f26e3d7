/** That no parser is forgotten in readers.ts: this needs no measuring, and is run before each commit. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/**
 * They wait for a stream and hand it to one that is measured; they read what the operator has
 * chosen (a server's answer, a file) or what a test has written; or another, which is measured, is
 * nothing but them.
 */
const elsewhere: ReadonlySet<string> = new Set([
  'readHeader',
  'readJson',
  'readProxyHeader',
  'readAnswer',
  'readBounded',
  'readBlock',
  'readPem',
  'readBackendTls',
  'readAuthorities',
  // A schema and an operation of the admin API.
  'readiness',
  'readEvents',
  // Of a session's journal.
  'decode',
  'readMessage',
  // The command line.
  'readOptions',
  // By readFields.
  'readFirstFields',
])

test('every parser of the sources is measured', () => {
  const src = join(import.meta.dirname, '..', '..', 'src')
  const form =
    /^export (?:async )?(?:function|class|const) ((?:parse|read|decode|canonical|fieldsOf|headerOf)(?:[A-Z][A-Za-z]*)?|[A-Za-z]*(?:Receiver|Parser|Splitter|Finder|Section))\b/gm
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      [...readFileSync(join(src, name), 'utf8').matchAll(form)].map(([, found = '']) => found),
    )
  const measured = readFileSync(join(import.meta.dirname, 'readers.ts'), 'utf8')
  expect(names.length).toBeGreaterThan(30)
  const missing = names.filter(
    (name) => !elsewhere.has(name) && !new RegExp(`\\b${name}\\b`).test(measured),
  )
  expect(missing).toEqual([])
})
