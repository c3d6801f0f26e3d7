/**
 * Postfix's own maps: what its postmap finds in a file, or at a socketmap server, Rcptwise finds
 * there, too.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openPolicySource } from '../../../src/app/policy-source.ts'
import type { FileKind } from '../../../src/policy/file-source.ts'
import { keyedSource, policiesRead } from '../../../src/policy/keyed/keyed-source.ts'
import { socketmapStore } from '../../../src/policy/socketmap/socketmap-store.ts'
import { nameOfRaw } from '../../policy/breakable.ts'
import { socketmapServer } from '../../policy/socketmap/socketmap-server.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { Place } from '../../support/lab/place.ts'

const obstacle = interopObstacle()
const listening = new AbortController().signal
const surroundings = { onFact: (): void => undefined, now: Date.now }

/** Values are names of policies, so that both sides say them in one way. */
const texthash = `# a comment
ann@example.org   strict
  # another one
bob@example.org
  careful

@example.org careful
ANN@example.org careful
ü@example.org strict
`

const regexp = `# a comment
/^Ann@/ strict
/^eve@/i strict
!/@example\\.(org|net)$/ careful
if /@example\\.net$/
/^[[:alpha:]]{2}[^]a]*@/ strict
/^x[\\.]y@/ careful
/^b+(o|u)b@/
  careful
endif
/^(strict|careful)\\+[^@]*@/ $1
|^a/b@| strict
/^ü@/ strict
`

const addresses = [
  'ann@example.org',
  'ANN@example.org',
  'bob@example.org',
  'ü@example.org',
  'eve@example.org',
  'EVE@example.org',
  'nobody@example.com',
  'xy@example.net',
  'xya@example.net',
  'x\\y@example.net',
  'x.y@example.net',
  'bub@example.net',
  'bbob@example.net',
  'b@example.net',
  'strict+x@example.org',
  'careful+@example.net',
  'a/b@example.org',
  'none@example.net',
]

const answerOf = async (place: Place, key: string, map: string): Promise<string> => {
  const { code, stdout, stderr } = await place.run('/usr/sbin/postmap', ['-q', key, map])
  if (code !== 0 && code !== 1) throw new Error(stderr)
  return code === 0 ? stdout.trim() : 'unknown'
}

describe.skipIf(obstacle !== undefined)("what postmap says of Postfix's own maps", () => {
  test.each<[theirs: string, kind: FileKind, text: string]>([
    ['texthash', 'texthash', texthash],
    ['hash', 'texthash', texthash],
    ['regexp', 'regexp', regexp],
  ])('%s: Rcptwise says the same', async (theirs, kind, text) => {
    await using closing = new AsyncDisposableStack()
    const place = closing.use(await Place.make('postfix'))
    await place.write('/etc/postfix/main.cf', 'compatibility_level = 3.6\n')
    await place.write('/etc/postfix/map', text)
    if (theirs === 'hash') await place.run('/usr/sbin/postmap', ['hash:/etc/postfix/map'])
    const directory = mkdtempSync(join(tmpdir(), 'rcptwise-maps-'))
    closing.defer(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'map')
    writeFileSync(path, text)
    const settings = { kind, path, policies: ['strict', 'careful'] }
    const source = closing.adopt(await openPolicySource(settings, surroundings), async (one) => {
      await one.close()
    })
    const answers = await source.policiesFor(addresses, listening)
    const found = answers.map((each) =>
      each.kind === 'unknown' || each.kind === 'failed' ? each.kind : nameOfRaw(each),
    )
    for (const [i, address] of addresses.entries()) {
      const own = await answerOf(place, address, `${theirs}:/etc/postfix/map`)
      // Postfix asks for the domain by itself; postmap looks up one key.
      const domain = `@${address.split('@').at(-1) ?? ''}`
      const said =
        own === 'unknown' && kind === 'texthash'
          ? await answerOf(place, domain, `${theirs}:/etc/postfix/map`)
          : own
      expect([address, found[i]]).toEqual([address, said])
    }
    expect(new Set(found)).toEqual(new Set(['strict', 'careful', 'unknown']))
  })

  test('a socketmap server is asked in the same way, and understood in the same way', async () => {
    await using closing = new AsyncDisposableStack()
    const place = closing.use(await Place.make('postfix'))
    await place.write('/etc/postfix/main.cf', 'compatibility_level = 3.6\n')
    const map = { 'ann@example.org': 'strict', 'ü@example.org': 'careful', 'a b@example.org': 'x' }
    const server = closing.use(await socketmapServer({ policies: map }))
    const settings = { server: server.server, map: 'policies', connections: 1 }
    const source = keyedSource(socketmapStore(settings, policiesRead), policiesRead)
    closing.defer(async () => await source.close())
    const asked = async (ask: () => Promise<unknown>): Promise<readonly string[]> => {
      server.requests.length = 0
      await ask()
      return [...server.requests]
    }
    for (const key of ['ann@example.org', 'ü@example.org', 'a b@example.org', 'bob@example.org']) {
      const { port } = server.server
      let theirs = ''
      const requests = await asked(async () => {
        theirs = await answerOf(place, key, `socketmap:inet:127.0.0.1:${port}:policies`)
      })
      let ours = ''
      const own = await asked(async () => {
        const [answer] = await source.policiesFor([key], listening)
        ours = answer?.kind === 'named' ? answer.name : (answer?.kind ?? '')
      })
      expect([key, ours]).toEqual([key, theirs])
      expect(own.slice(0, 1)).toEqual(requests)
    }
  })
})
