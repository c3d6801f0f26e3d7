import { expect, test } from 'vitest'
import { describeRedisError } from '../../../src/ledger/redis/trouble.ts'
import { AtServer, serverName } from '../../../src/redis/at-server.ts'

test.for([
  [
    new Error('READONLY You can’t write'),
    'READONLY You can’t write (this is a replica: let the address lead to the primary)',
  ],
  [new Error('connect ECONNREFUSED 127.0.0.1:6379'), 'connect ECONNREFUSED 127.0.0.1:6379'],
  [new Error('ERR unknown'), 'ERR unknown'],
  [
    new AggregateError([
      new Error('connect ECONNREFUSED ::1:1'),
      new Error('connect ECONNREFUSED 127.0.0.1:1'),
    ]),
    'connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1',
  ],
  ['lost', 'lost'],
  [
    new AtServer(
      'redis://user:secret@redis.example.org',
      new Error('CLUSTERDOWN The cluster is down'),
    ),
    'redis://redis.example.org:6379/0: CLUSTERDOWN The cluster is down (no node of the cluster has these keys, or too few nodes are up)',
  ],
] as const)('%s', ([error, words]) => {
  expect(describeRedisError(error)).toBe(words)
})

test.for([
  ['redis://127.0.0.1', 'redis://127.0.0.1:6379/0'],
  ['redis://127.0.0.1:6380/', 'redis://127.0.0.1:6380/0'],
  ['rediss://user:secret@redis.example.org:6380/3', 'rediss://redis.example.org:6380/3'],
  ['redis://:secret@[::1]/1', 'redis://[::1]:6379/1'],
])('the server of %s is %s', ([url, name]) => {
  expect(serverName(url ?? '')).toBe(name)
})
