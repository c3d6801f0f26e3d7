/** A server that is not there and does not say so: no connection, and no refusal of one. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { hookJudge } from '../../src/judge/hook/hook.ts'
import type { Judge } from '../../src/judge/judge.ts'
import { milterJudge } from '../../src/judge/milter/milter.ts'
import { rspamdJudge } from '../../src/judge/rspamd/rspamd.ts'
import { spamdJudge } from '../../src/judge/spamd/spamd.ts'
import type { ServerChange } from '../../src/judge/servers.ts'
import { envelope } from './envelope.ts'
import { textOf } from './texts.ts'

const ends: (() => unknown)[] = []
const changes: ServerChange[] = []
let deaf = { host: '127.0.0.1', port: 0 }

/** It listens and takes no connection: when its queue is full the kernel drops what comes. */
const listener = `
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  process.stdout.write(String(server.address().port), () =>
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
})`

beforeAll(async () => {
  const child = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] })
  ends.push(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  deaf = { host: '127.0.0.1', port: Number(port.toString()) }
  const filling: Socket[] = []
  for (let i = 0; i < 8; i++) {
    const socket = connect(deaf)
    socket.on('error', () => undefined)
    filling.push(socket)
  }
  ends.push(() => {
    for (const socket of filling) socket.destroy()
  })
  for (const socket of filling.slice(0, 2)) await once(socket, 'connect')
})

afterEach(() => changes.splice(0))
afterAll(async () => {
  for (const end of ends.toReversed()) await end()
})

const common = {
  maxSizeBytes: 1e6,
  atATime: 10,
  answerLimitBytes: 65_536,
  connectTimeoutMs: 300,
  now: () => performance.now(),
  onChange: (change: ServerChange) => changes.push(change),
  onLeftOut: () => undefined,
}
const url = ({ host, port }: typeof deaf, scheme = 'http'): { readonly url: string } => ({
  url: `${scheme}://${host}:${port}`,
})

type Open = (...servers: readonly (typeof deaf)[]) => Judge

const judges: Readonly<Record<string, Open>> = {
  rspamd: (...servers) =>
    rspamdJudge({ ...common, servers: servers.map((one) => url(one)), scan: 'once' }),
  'rspamd by TLS': (...servers) =>
    rspamdJudge({ ...common, servers: servers.map((one) => url(one, 'https')), scan: 'once' }),
  hook: (...servers) =>
    hookJudge({ ...common, name: 'hook', servers: servers.map((one) => url(one)), text: 'raw' }),
  spamd: (...servers) => spamdJudge({ ...common, servers, scan: 'once' }),
  milter: (...servers) =>
    milterJudge({ ...common, name: 'milter', software: 'Rcptwise 0', servers }),
}

async function judged(judge: Judge): Promise<unknown> {
  const judging = judge.message(envelope)
  if (judging.way !== 'reads') throw new Error('it looks on')
  const text = textOf([Buffer.from('Subject: x\r\n\r\nhello\r\n')])
  return await judging.judge(text, new AbortController().signal)
}

for (const [name, open] of Object.entries(judges)) {
  test(`${name}: a server that takes no connection is given up after connect_timeout`, async () => {
    const judge = open(deaf)
    const why = expect.stringContaining('no connection within 300 ms') as string
    expect(await judged(judge)).toEqual({ kind: 'failed', why })
    await judge.close()
  })
}

test('the next server is asked when one takes no connection', async () => {
  const body = '{"score":9,"action":"no action","symbols":{"A":{"score":9}}}'
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () =>
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  const judge = rspamdJudge({
    ...common,
    servers: [url(deaf), url({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })],
    scan: 'once',
  })
  expect(await judged(judge)).toEqual({ kind: 'judged', score: 9, symbols: ['A'] })
  await judge.close()
})
