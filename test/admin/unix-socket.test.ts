/** The admin API on a Unix socket: its file says who may use it. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { Tokens } from '../../src/admin/tokens.ts'
import { askOverSocket } from '../../src/cli/over-socket.ts'
import { type SampleContext, sampleContext } from './sample-context.ts'

let directory: string
let path: string
let context: SampleContext
const open: { close(): unknown }[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-socket-'))
  path = join(directory, 'admin.sock')
  context = sampleContext()
})
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
  await rm(directory, { recursive: true })
})

async function start(mode = 0o600): Promise<Admin> {
  const file = join(directory, 'token')
  await writeFile(file, 'a-token-of-16-or-more')
  const tokens = await Tokens.open([{ name: 'ann', role: 'operate', file }])
  const socket = { path, mode }
  const admin = await startAdmin({ host: '127.0.0.1', port: 0, context, tokens, socket })
  open.push(admin)
  return admin
}

const ask = async (method: string, target: string, body?: string) =>
  await askOverSocket({
    socketPath: path,
    method,
    path: target,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    timeLimitMs: 5000,
    ...(body !== undefined && { body }),
  })

it('needs no token there, whoever changes something is called socket, and the port needs one still', async () => {
  const { port } = await start()
  expect((await ask('GET', '/api/v1/peers')).status).toBe(200)
  const body = JSON.stringify({ strategy: 'off' })
  expect((await ask('PUT', '/api/v1/peers/partners/strategy', body)).status).toBe(200)
  expect(context.asked).toEqual(['set partners off by socket'])
  expect((await fetch(`http://127.0.0.1:${port}/api/v1/peers`)).status).toBe(401)
})

it.each([0o600, 0o660])(
  'its file has the mode that was asked for, and is gone at the end',
  async (mode) => {
    const admin = await start(mode)
    expect((await stat(path)).mode & 0o777).toBe(mode)
    await admin.close()
    open.length = 0
    await expect(stat(path)).rejects.toThrow('ENOENT')
  },
)

it('a socket that nobody listens on any more is taken over', async () => {
  const program = `require('net').createServer().listen(${JSON.stringify(path)},()=>process.kill(process.pid,'SIGKILL'))`
  spawnSync(process.execPath, ['-e', program])
  expect((await stat(path)).isSocket()).toBe(true)
  await start()
  expect((await ask('GET', '/healthz')).status).toBe(200)
})

it('one that somebody listens on is left alone, and so is a file that is no socket', async () => {
  const other: Server = createServer()
  await new Promise<void>((resolve) => other.listen({ path }, resolve))
  await expect(start()).rejects.toThrow(/listens on .* already/)
  await new Promise((resolve) => other.close(resolve))
  await writeFile(path, 'precious')
  await expect(start()).rejects.toThrow(/is no socket/)
  expect((await stat(path)).size).toBe(8)
})
