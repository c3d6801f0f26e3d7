/** A database over TLS: only with a certificate for its name that `ca` vouches for. */
import { describe, expect, test } from 'vitest'
import type { PolicySource } from '../../../src/policy/policy-source.ts'
import { databaseObstacle, startDatabase } from './database-server.ts'
import { fill, openSource } from './wishes.ts'

const listening = new AbortController().signal
const host = 'localhost'
const said = async (source: PolicySource): Promise<string> => {
  const [answer] = await source.policiesFor(['ann@example.org'], listening)
  await source.close()
  return answer?.kind === 'failed' ? `failed ${answer.why}` : (answer?.kind ?? 'nothing')
}
const kinds = ['postgres', 'mysql'] as const

describe.skipIf(databaseObstacle() !== undefined).each(kinds)('%s', (kind) => {
  test('with its authority, with others, and without TLS at the server', async () => {
    await using server = await startDatabase(kind, { tls: 'localhost' })
    await fill(server, { 'ann@example.org': 'strict' })
    const { ca } = server
    expect(await said(openSource(server, { host, tls: { ca } }).source)).toBe('named')
    expect(await said(openSource(server, { host, tls: { ca: '' } }).source)).toMatch(
      /^failed.*self-signed/,
    )
    await using plain = await startDatabase(kind)
    expect(await said(openSource(plain, { host, tls: { ca } }).source)).toMatch(
      /^failed.*(?:SSL|secure)/,
    )
  })

  test('a certificate for another name is none, whoever vouches for it', async () => {
    await using server = await startDatabase(kind, { tls: 'other.example' })
    await fill(server, { 'ann@example.org': 'strict' })
    expect(await said(openSource(server, { host, tls: { ca: server.ca } }).source)).toMatch(
      /^failed.*altnames/,
    )
  })
})
