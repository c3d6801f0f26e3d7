import { expect, test } from 'vitest'
import { AttributesOfClient } from '../../src/listen/client-attributes.ts'
import type { Session } from '../../src/session/session.ts'

const ownEnd = { address: '192.0.2.1', port: 25 }
const client = { address: '198.51.100.7', port: 4711 }
const before = {
  client,
  helo: 'a.example',
  state: { at: 'ready', hello: { verb: 'EHLO' } },
} as unknown as Session

test.each([
  [
    'another client (XCLIENT)',
    { client: { address: '203.0.113.9', port: 1 } },
    { address: '203.0.113.9', port: 1 },
  ],
  ['another HELO name', { helo: 'b.example' }, { helo: 'b.example' }],
  [
    'HELO in place of EHLO',
    { state: { at: 'ready', hello: { verb: 'HELO' } } },
    { protocol: 'SMTP' },
  ],
])('what the backend is told changes with %s', (_, change, told) => {
  const attributes = new AttributesOfClient()
  const first = attributes.of(before, ownEnd)
  expect(first).toEqual({
    ...client,
    helo: 'a.example',
    protocol: 'ESMTP',
    destinationAddress: '192.0.2.1',
    destinationPort: 25,
  })
  expect(attributes.of(before, ownEnd)).toBe(first)
  expect(attributes.of({ ...before, ...change } as unknown as Session, ownEnd)).toEqual({
    ...first,
    ...told,
  })
})
