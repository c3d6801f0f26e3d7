/**
 * What a session holds that only stays: objects are counted, by kind. Its clients are in a thread
 * of their own, so that theirs are not among them.
 */
import { queryObjects } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connection } from '../../src/listen/connection.ts'
import { until } from '../support/lab/until.ts'
import { startTestApp, type TestApp } from '../support/app.ts'

/** Below `limits.sessions_per_address`. */
const sessions = 40

/** Connects one after the other, each says EHLO and reads the answer; then they stay. */
const clients = `
const { createConnection } = require('node:net')
const { parentPort, workerData } = require('node:worker_threads')
const { port, sessions } = workerData
const connect = (left) => {
  if (left === 0) return parentPort.postMessage('ready')
  const socket = createConnection(port, '127.0.0.1')
  let text = ''
  socket.on('data', (data) => {
    text += data
    if (/^220 [^\\n]*\\n$/.test(text)) socket.write('EHLO client.test\\r\\n')
    if (/^250 [^\\n]*\\n$/m.test(text)) { socket.removeAllListeners('data'); connect(left - 1) }
  })
}
connect(sessions)
setInterval(() => undefined, 1000)
`

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({})
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

const opened = (): number => app.facts.filter(({ kind }) => kind === 'sessionOpened').length

async function crowd(): Promise<AsyncDisposable> {
  const worker = new Worker(clients, { eval: true, workerData: { port: app.port, sessions } })
  const before = opened()
  await new Promise((resolve) => worker.once('message', resolve))
  await until('all are there', () => opened() - before === sessions)
  return {
    [Symbol.asyncDispose]: async () => {
      await worker.terminate()
    },
  }
}

const count = (kind: abstract new (...args: never[]) => unknown): number =>
  (queryObjects as (of: unknown, options: { format: 'count' }) => number)(kind, {
    format: 'count',
  })

const kinds = { functions: Function, maps: Map, sets: Set, octets: Uint8Array, arrays: Array }

const counted = (): Record<keyof typeof kinds, number> => ({
  functions: count(kinds.functions),
  maps: count(kinds.maps),
  sets: count(kinds.sets),
  octets: count(kinds.octets),
  arrays: count(kinds.arrays),
})

test('an idle session has no map and no octets of its own, and few functions', async () => {
  await (await crowd())[Symbol.asyncDispose]() // what is made once is there
  // Node.js lets go of a closed socket some turns later.
  await until('nothing is left of them', () => count(Connection) === 0)
  const before = counted()
  const staying = await crowd()
  const after = counted()
  await staying[Symbol.asyncDispose]()
  const each = (kind: keyof typeof kinds): number => (after[kind] - before[kind]) / sessions
  expect(each('maps')).toBeLessThan(0.5)
  expect(each('sets')).toBeLessThan(0.5)
  expect(each('octets')).toBeLessThan(0.5)
  // Node.js has 6 of them for a socket.
  expect(each('functions')).toBeLessThan(17)
  expect(each('arrays')).toBeLessThan(9)
})
