import { expect, test } from 'vitest'
import { inWords } from '../../src/cli/check-ledger.ts'
import { inOneLine } from '../../src/cli/finding.ts'

const server = 'redis://10.0.0.1:6379/0'

test('one server is told alone, several with their shards', () => {
  const nothing = { troubles: [], sentinels: [] }
  expect(inWords({ ...nothing, servers: new Map([[server, 1]]) }).map(inOneLine)).toEqual([
    `ok   ledger: ${server} can be written`,
  ])
  const servers = new Map([
    [server, 10],
    ['redis://10.0.0.2:6379/0', 6],
  ])
  expect(inWords({ ...nothing, servers }).map(inOneLine)).toEqual([
    `ok   ledger: ${server} can be written, and has 10 of the shards`,
    'ok   ledger: redis://10.0.0.2:6379/0 can be written, and has 6 of the shards',
  ])
})

test('sentinels are told one by one: who names the master, who another one, and who does not answer', () => {
  const sentinels = [
    { sentinel: 'redis://10.0.0.7:26379/0', master: server },
    { sentinel: 'redis://10.0.0.8:26379/0', master: 'redis://10.0.0.2:6379/0' },
    { sentinel: 'redis://10.0.0.9:26379/0', trouble: 'connect ECONNREFUSED 10.0.0.9:26379' },
  ]
  const servers = new Map([[server, 1]])
  expect(inWords({ servers, troubles: [], sentinels }).map(inOneLine)).toEqual([
    `ok   ledger: ${server} can be written`,
    `ok   ledger: sentinel redis://10.0.0.7:26379/0 names ${server}`,
    'warn ledger: sentinel redis://10.0.0.8:26379/0 names another master, redis://10.0.0.2:6379/0',
    'warn ledger: sentinel redis://10.0.0.9:26379/0: connect ECONNREFUSED 10.0.0.9:26379',
  ])
})

test('what can not be used is bad', () => {
  const troubles = [`${server}: NOAUTH Authentication required.`]
  expect(inWords({ servers: new Map(), troubles, sentinels: [] }).map(inOneLine)).toEqual([
    `BAD  ledger: ${server}: NOAUTH Authentication required.`,
  ])
})
