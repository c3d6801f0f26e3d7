/** The console's files as a browser gets them, from the source tree. */
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type ConsoleRequest, consoleAnswer, everyConsoleFile } from '../../src/admin/console.ts'
import type { AdminResponse, OctetsResponse, WholeResponse } from '../../src/admin/exchange.ts'

const files = everyConsoleFile()

function ask(
  url: string,
  change: Partial<ConsoleRequest> = {},
): WholeResponse | OctetsResponse | undefined {
  const request = { method: 'GET', url, acceptEncoding: undefined, ifNoneMatch: undefined }
  return whole(consoleAnswer({ ...request, ...change }))
}

function whole(answer: AdminResponse | undefined): WholeResponse | OctetsResponse | undefined {
  if (answer === undefined || 'body' in answer) return answer
  throw new Error('a stream')
}

test('every file that the page and its modules name is there', () => {
  const page = files.get('/')?.plain.toString() ?? ''
  const named = [...page.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, path]) => `/${path}`)
  expect(named.length).toBeGreaterThan(10)
  for (const path of named) expect(ask(path)?.status, path).toBe(200)
  for (const [path, { plain }] of files)
    for (const [, specifier = ''] of plain.toString().matchAll(/\bfrom '([^']+)'/g))
      if (path.startsWith('/assets/console/'))
        expect(files.has(new URL(specifier, `http://x${path}`).pathname), specifier).toBe(true)
})

test('every address in the page is relative, so that a path prefix may stand before it', () => {
  const page = files.get('/')?.plain.toString() ?? ''
  for (const [, address = ''] of page.matchAll(/(?:src|href)="([^"]+)"/g))
    expect(address).toMatch(/^(?:assets\/|#)/)
  for (const [path, { plain }] of files)
    if (path.startsWith('/assets/console/'))
      expect(plain.toString(), path).not.toMatch(
        /['"`](?:\/api|\/assets|https?:(?!\/\/www\.w3\.org))/,
      )
})

test('nothing inline is in the page, and the policy forbids it', () => {
  const page = files.get('/')?.plain.toString() ?? ''
  expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/)
  const policy = ask('/')?.headers?.['content-security-policy'] ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self'")
  expect(policy).toContain("style-src 'self'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).toContain("require-trusted-types-for 'script'")
  expect(policy).not.toMatch(/unsafe|\*|https?:/)
})

test('modules have no types any more, whatever they are made from', () => {
  const modules = [...files].filter(([path]) => path.endsWith('.js') && !path.includes('uplot'))
  expect(modules.length).toBeGreaterThan(15)
  for (const [path, { plain }] of modules)
    expect(plain.toString(), path).not.toMatch(/^\s*(?:interface|type) \w|import type|\.ts'/m)
})

test('a file is compressed for who takes that, and is not sent again to who has it', () => {
  const plain = ask('/assets/console.css')
  const compressed = ask('/assets/console.css', { acceptEncoding: 'br;q=1.0, gzip' })
  expect(compressed?.headers?.['content-encoding']).toBe('gzip')
  expect(gunzipSync(compressed?.body ?? '').toString()).toBe(plain?.body.toString())
  expect(ask('/assets/console.css', { acceptEncoding: 'gzip;q=0' })?.body).toEqual(plain?.body)
  const etag = plain?.headers?.['etag']
  expect(etag).toMatch(/^"[\w-]{22}"$/)
  const again = ask('/assets/console.css', { ifNoneMatch: `"other", W/${etag}` })
  expect([again?.status, again?.body]).toEqual([304, ''])
})

test('the first page is small', () => {
  const octets = [...files.values()].reduce((sum, { compressed }) => sum + compressed.length, 0)
  expect(octets).toBeLessThan(150_000)
})

test.for([
  ['GET', '/assets/../package.json', 404],
  ['GET', '/assets/', 404],
  ['GET', '/assets/console/main.ts', 404],
  ['GET', '/assets/%2e%2e/package.json', 404],
  ['GET', '/assets/constructor', 404],
  ['POST', '/', 405],
  ['HEAD', '/?x', 200],
] as const)('%s %s is %i', ([method, url, status]) => {
  expect(ask(url, { method })?.status).toBe(status)
})

test('what is not of the console is left to the API', () => {
  for (const url of ['/metrics', '/api/v1/peers', '', '*', '//', '/assets'])
    expect(ask(url)).toBeUndefined()
})
