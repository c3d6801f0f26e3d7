/** Answers that are made while they are read. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { operation } from '../../src/admin/operation.ts'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { sampleContext } from './sample-context.ts'

type Stream = (signal: AbortSignal) => AsyncIterable<string>

const parts: { close(): unknown }[] = []
afterEach(async () => {
  for (const part of parts.splice(0)) await part.close()
})

const errors: unknown[] = []

async function serving(stream: Stream): Promise<Admin> {
  errors.length = 0
  const admin = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    context: sampleContext(),
    onError: (error) => errors.push(error),
    operations: [
      operation({
        id: 'watch',
        method: 'GET',
        path: '/watch',
        summary: 'Streams.',
        statuses: { 200: 'A stream.' },
        handle: () => ({ status: 200, contentType: 'text/event-stream', stream }),
      }),
    ],
  })
  parts.push(admin)
  return admin
}

const urlOf = ({ port }: Admin): string => `http://127.0.0.1:${port}/watch`

/** Says one, and then nothing until it has to end. */
const patient: Stream = async function* (signal) {
  yield 'one\n'
  if (!signal.aborted) await once(signal, 'abort')
}

function client({ port }: Admin, method = 'GET'): Socket {
  const socket = connect({ host: '127.0.0.1', port })
  parts.push({ close: () => socket.destroy() })
  socket.on('error', () => undefined)
  socket.write(`${method} /watch HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  return socket
}

describe('a streamed answer', () => {
  it('is read piece by piece, to its end', async () => {
    const admin = await serving(async function* () {
      for (const piece of ['one\n', 'two\n']) yield await Promise.resolve(piece)
    })
    const response = await fetch(urlOf(admin))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await response.text()).toBe('one\ntwo\n')
  })

  it('is made no faster than its client reads', async () => {
    let made = 0
    const piece = 'x'.repeat(64 * 1024)
    const admin = await serving(async function* (signal) {
      while (!signal.aborted) {
        made++
        yield await Promise.resolve(piece)
        await pause(0)
      }
    })
    const socket = client(admin)
    socket.pause()
    await vi.waitFor(() => expect(made).toBeGreaterThan(1))
    let before = 0
    // The buffers of the sockets fill up, and then it stands still.
    await vi.waitFor(
      () => {
        const still = made === before
        before = made
        expect(still).toBe(true)
      },
      { timeout: 30_000, interval: 500 },
    )
    expect(made).toBeLessThan(1000)
  })

  it('ends when its client goes', async () => {
    let ended = false
    const admin = await serving(async function* (signal) {
      yield* patient(signal)
      ended = true
    })
    const socket = client(admin)
    await once(socket, 'data')
    socket.destroy()
    await vi.waitFor(() => expect(ended).toBe(true))
    expect(errors).toEqual([])
  })

  it('ends whole when the server closes', async () => {
    const admin = await serving(patient)
    const response = await fetch(urlOf(admin))
    const [text] = await Promise.all([response.text(), admin.close()])
    expect(text).toBe('one\n')
  })

  it('does not keep the server from closing, although it does not end when told', async () => {
    const admin = await serving(async function* () {
      yield 'one\n'
      await new Promise<never>(() => undefined)
    })
    await once(client(admin), 'data')
    await admin.close()
  })

  it('that fails is cut off, and the log is told', async () => {
    const admin = await serving(async function* () {
      yield await Promise.resolve('one\n')
      throw new Error('the secret reason')
    })
    await expect(
      fetch(urlOf(admin)).then(async (response) => await response.text()),
    ).rejects.toThrow()
    await vi.waitFor(() => expect(errors).toMatchObject([{ message: 'the secret reason' }]))
  })

  it('HEAD says what it is, and begins none', async () => {
    let begun = false
    const admin = await serving(async function* () {
      begun = true
      yield await Promise.resolve('one\n')
    })
    const response = await fetch(urlOf(admin), { method: 'HEAD' })
    expect([response.status, response.headers.get('content-type'), begun]).toEqual([
      200,
      'text/event-stream',
      false,
    ])
  })

  it('is one of at most 32; when one ends there is room again', async () => {
    const admin = await serving(patient)
    const sockets = Array.from({ length: 32 }, () => client(admin))
    for (const socket of sockets) await once(socket, 'data')
    expect((await fetch(urlOf(admin))).status).toBe(503)
    sockets[0]?.destroy()
    await vi.waitFor(async () => {
      const response = await fetch(urlOf(admin))
      void response.body?.cancel()
      expect(response.status).toBe(200)
    })
  })
})
