/**
 * One socket on its way in: what is asked of it in which order, who becomes a guest, and that
 * nothing counts for whoever does not.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { ClientLimits } from '../../src/listen/client-limits.ts'
import { type Guest, welcome, type WelcomeOptions } from '../../src/listen/welcome.ts'
import { until } from '../support/lab/until.ts'

interface House {
  readonly options: WelcomeOptions
  readonly guests: Guest[]
  readonly facts: Fact[]
  readonly waiting: Set<Socket>
  /** Accepted so far; `at once`: it was a guest before anything else happened. */
  readonly accepted: ('at once' | 'later')[]
  readonly limits: ClientLimits
  call(): Socket
  [Symbol.asyncDispose](): Promise<void>
}

/** Room for two, of whom one may be of the class `partners`. */
async function house(given: Partial<WelcomeOptions> = {}): Promise<House> {
  const facts: Fact[] = []
  const guests: Guest[] = []
  const accepted: ('at once' | 'later')[] = []
  const waiting = new Set<Socket>()
  const limits = new ClientLimits({
    limits: { sessions: 2, sessionsPerAddress: 2, sessionsPerNetwork: 2, rates: {} },
    classes: new Map([['partners', { sessions: 1, rates: {} }]]),
    classOf: ({ rdns }) => ({ peer: rdns === undefined ? 'default' : 'partners', trusted: false }),
    now: () => 0,
  })
  const options: WelcomeOptions = {
    limits,
    greetDelayMs: 0,
    proxied: undefined,
    lookUp: undefined,
    onFact: (fact) => facts.push(fact),
    now: () => 0,
    ...given,
  }
  const calls: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const before = guests.length
    const door = {
      options: () => options,
      waiting,
      onGuest: (guest: Guest) => void guests.push(guest),
    }
    void welcome(socket, { address: '127.0.0.1', port: 25 }, door)
    accepted.push(guests.length > before ? 'at once' : 'later')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    options,
    guests,
    facts,
    waiting,
    accepted,
    limits,
    call: () => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      socket.on('error', () => undefined)
      calls.push(socket)
      return socket
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of [...calls, ...guests.map((guest) => guest.socket)]) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What the client reads until the end. */
async function heard(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')))
  await once(socket, 'close')
  return text
}

const guestOf = async (open: House): Promise<Guest> => {
  await until('there is a guest', () => open.guests.length > 0)
  const [guest] = open.guests
  if (guest === undefined) throw new Error('there is one')
  return guest
}

/** Nobody is let in any more than before. */
const isEmpty = (limits: ClientLimits): boolean => {
  const both = [limits.admit({ address: '10.0.0.1' }), limits.admit({ address: '10.0.0.2' })]
  for (const one of both) if (typeof one !== 'string') one.end()
  return both.every((one) => typeof one !== 'string')
}

test('where there is nothing to wait for, a client is a guest in the turn in which it was accepted', async () => {
  await using open = await house()
  open.call()
  const { client, early, secured } = await guestOf(open)
  expect(open.accepted).toEqual(['at once'])
  expect(client).toMatchObject({ address: '127.0.0.1', local: '127.0.0.1 25' })
  expect([early, secured]).toEqual([[], undefined])
})

describe('a client that waits', () => {
  test('has its name then, and what it said meanwhile came early', async () => {
    const name = Promise.withResolvers<string | undefined>()
    await using open = await house({ lookUp: async () => await name.promise })
    const socket = open.call()
    await until('it waits', () => open.waiting.size === 1)
    expect(open.accepted).toEqual(['later'])
    socket.write('EHLO too.soon\r\n')
    await until('it was heard', () => [...open.waiting].some((one) => one.bytesRead > 0))
    expect(open.guests).toEqual([])
    name.resolve('mx.client.example')
    const { client, early } = await guestOf(open)
    expect(client.rdns).toBe('mx.client.example')
    expect(Buffer.concat(early).toString()).toBe('EHLO too.soon\r\n')
    expect(open.waiting.size).toBe(0)
  })

  test('and goes counts for nothing', async () => {
    const name = Promise.withResolvers<string | undefined>()
    await using open = await house({ lookUp: async () => await name.promise })
    const socket = open.call()
    await until('it waits', () => open.waiting.size === 1)
    socket.end()
    await until('it is gone', () => [...open.waiting].every(({ destroyed }) => destroyed))
    name.resolve('mx.client.example')
    await until('nobody waits', () => open.waiting.size === 0)
    expect(open.guests).toEqual([])
    expect(isEmpty(open.limits)).toBe(true)
  })

  test('is turned away when what its name makes of it has reached a limit', async () => {
    await using open = await house({
      lookUp: async () => await Promise.resolve('mx.client.example'),
    })
    open.call()
    const { admission } = await guestOf(open)
    const said = await heard(open.call())
    expect(said).toMatch(/^4\d\d /)
    expect(open.facts).toMatchObject([{ kind: 'connectionRefused', limit: 'sessions_of_class' }])
    admission.end()
    expect(isEmpty(open.limits)).toBe(true)
  })
})

test('who finds no room is told so, and nothing is looked up for it', async () => {
  let looked = 0
  const lookUp = async (): Promise<undefined> => {
    looked++
    await Promise.resolve()
  }
  await using open = await house({ lookUp })
  const inside = [
    open.limits.admit({ address: '10.0.0.1' }),
    open.limits.admit({ address: '10.0.0.2' }),
  ]
  expect(await heard(open.call())).toMatch(/^4\d\d /)
  expect(looked).toBe(0)
  expect(open.facts).toMatchObject([{ kind: 'connectionRefused', limit: 'sessions' }])
  expect(inside.some((one) => typeof one === 'string')).toBe(false)
})

describe('behind a proxy', () => {
  const proxied = { from: () => true, limitMs: 60_000 }

  test('a client is who the header says; what stands behind it came early', async () => {
    await using open = await house({ proxied })
    open.call().write('PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\nEHLO too.soon\r\n')
    const { client, early } = await guestOf(open)
    expect(client).toEqual({ address: '192.0.2.7', port: 40_000, local: '198.51.100.1 25' })
    expect(Buffer.concat(early).toString()).toBe('EHLO too.soon\r\n')
  })

  test('who has no header is no client: nothing is said, and nothing counts', async () => {
    await using open = await house({ proxied })
    const socket = open.call()
    socket.write('EHLO client.example\r\n')
    expect(await heard(socket)).toBe('')
    expect(open.facts).toMatchObject([{ kind: 'connectionRefused', limit: 'proxy_header' }])
    expect(open.guests).toEqual([])
    expect(isEmpty(open.limits)).toBe(true)
  })
})
