/** The console's files over HTTP, beside the API. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startAdmin } from '../../src/admin/server.ts'
import { Tokens } from '../../src/admin/tokens.ts'
import { rawHttp } from './raw-http.ts'
import { sampleContext } from './sample-context.ts'

test('the console is there without a token, and the API behind it is not', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-console-token-'))
  const file = join(directory, 'token')
  await writeFile(file, 'a-secret-token-of-24-chars\n')
  const tokens = await Tokens.open([{ name: 'ann', role: 'operate', file }])
  const admin = await startAdmin({ host: '127.0.0.1', port: 0, tokens, context: sampleContext() })
  try {
    const url = `http://127.0.0.1:${admin.port}`
    const page = await fetch(`${url}/`)
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ])
    expect(page.headers.get('content-encoding')).toBe('gzip')
    expect(await page.text()).toContain('assets/console/main.js')
    const etag = page.headers.get('etag') ?? ''
    expect((await fetch(`${url}/`, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await fetch(`${url}/api/v1/peers`)).status).toBe(401)
  } finally {
    await admin.close()
    await rm(directory, { recursive: true, force: true })
  }
})

test('a page of another name gets no console where there is no token', async () => {
  const admin = await startAdmin({ host: '127.0.0.1', port: 0, context: sampleContext() })
  try {
    const answer = await rawHttp(
      admin.port,
      'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    )
    expect(answer).toContain('HTTP/1.1 403 ')
  } finally {
    await admin.close()
  }
})
