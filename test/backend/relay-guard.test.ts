/** Rule 8 where the backend decides: it is asked as a stranger first. */
import { expect, test } from 'vitest'
import { openRelay, RelayGuard } from '../../src/backend/relay-guard.ts'
import { openBackend } from './backend-session.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

const probes = async (guard: RelayGuard, count: number): Promise<(string | undefined)[]> => {
  const said: (string | undefined)[] = []
  for (let i = 0; i < count; i++) said.push(await guard.probe())
  return said
}

test.each([
  ['refuses the recipient', [{ on: 'RCPT' as const, say: '554 5.7.1 relaying denied' }], [undefined, undefined]],
  ['refuses the sender', [{ on: 'MAIL' as const, say: '550 5.1.8 no such domain' }], [undefined, undefined]],
  ['relays', [], [openRelay, openRelay]],
])('a backend that %s', async (_name, rules, said) => {
  await using server = await startFakeBackend({ rules })
  await using opened = openBackend(server)
  expect(await probes(new RelayGuard(opened.backend), 2)).toEqual(said)
})

test('a 4yz is no answer; one that is never anything else is taken for a refusal', async () => {
  await using server = await startFakeBackend({ rules: [{ on: 'RCPT', say: '450 4.2.0 greylisted' }] })
  await using opened = openBackend(server)
  const guard = new RelayGuard(opened.backend)
  const told: string[] = []
  const listener = {
    mailReplied: ({ code }: { code: number }) => told.push(`${code}`),
    recipientReplied: () => undefined,
  }
  expect(await probes(guard, 2)).toEqual([
    expect.stringContaining('asked again'),
    expect.stringContaining('asked again'),
  ])
  guard.begin(listener, {}).mail('<s@example.net>')
  expect(told).toEqual(['451'])
  expect(await probes(guard, 1)).toEqual([undefined])
})

test('a 4yz first, then a yes: an open relay', async () => {
  await using server = await startFakeBackend({ rules: [{ on: 'RCPT', nth: 1, say: '450 4.2.0 greylisted' }] })
  await using opened = openBackend(server)
  expect((await probes(new RelayGuard(opened.backend), 2))[1]).toBe(openRelay)
})
