/** The octets of a large answer belong to it until nobody reads them any more. */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { sampleContext } from './sample-context.ts'

/** More than a socket takes at once. */
const octets = Buffer.from('rcptwise_x_total 1\n'.repeat(2_000_000))
let admin: Admin
let done = 0

beforeEach(async () => {
  done = 0
  const answer = { contentType: 'text/plain', octets, done: () => void (done += 1) }
  admin = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    context: { ...sampleContext(), metrics: async () => await Promise.resolve(answer) },
  })
})
afterEach(async () => await admin.close())

/** It has asked, and reads nothing of the answer after its first octets. */
async function slow(): Promise<Socket> {
  const socket = connect({ host: admin.address, port: admin.port })
  const begun = new Promise<void>((resolve) => socket.once('readable', () => resolve()))
  socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await begun
  await pause(50)
  return socket
}

it('while a client is slow they are not given back; when it has them all, they are, once', async () => {
  const socket = await slow()
  expect(done).toBe(0)
  const parts: Buffer[] = []
  for await (const part of socket) parts.push(part as Buffer)
  expect(Buffer.concat(parts).subarray(-octets.length).equals(octets)).toBe(true)
  await expect.poll(() => done).toBe(1)
})

it('when its client leaves they are', async () => {
  const socket = await slow()
  socket.destroy()
  await expect.poll(() => done).toBe(1)
})

it('who asks for the head alone reads none of them', async () => {
  const response = await fetch(`http://127.0.0.1:${admin.port}/metrics`, { method: 'HEAD' })
  expect(response.headers.get('content-length')).toBe(String(octets.length))
  await expect.poll(() => done).toBe(1)
})
