/**
 * More clients than connections: those who take their time give theirs back to those who wait, and
 * go on later as if nothing had been. The clock of the backend stands still unless a test moves it,
 * so that nobody is quiet by accident.
 */
import { describe, expect, test, vi } from 'vitest'
import { type Held, type Preemptible, Preemption } from '../../../src/backend/pool/preemption.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { type Begun, type OpenBackend, openBackend, recipients } from '../backend-session.ts'
import { delivered } from '../delivered.ts'
import { wholeText } from '../whole-text.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')

interface Scene {
  readonly server: FakeBackend
  readonly open: OpenBackend
  readonly slow: Begun
  /** Another client's whole message, for which the slow one has to give its connection back. */
  readonly other: () => Promise<Begun>
}

/** One connection, and a client that has shown two recipients and is quiet since. */
async function scene(
  use: (scene: Scene) => Promise<void>,
  rules: readonly Rule[] = [],
): Promise<void> {
  const clock = { now: 1_000_000 }
  await using server = await startFakeBackend({ rules })
  await using open = openBackend(server, { maxConnections: 1, now: () => clock.now })
  const slow = await open.begin().envelope(recipients(2))
  clock.now += 60_000
  const other = async (): Promise<Begun> => {
    const begun = await open.begin().envelope(recipients(1), '<other@x>')
    clock.now += 60_000
    return begun
  }
  await use({ server, open, slow, other })
}

const mails = (server: FakeBackend): string[] =>
  server.delivered.map(({ mail, recipients: to }) => [mail, ...to].join(' '))

describe('a client that is quiet while another one waits', () => {
  test("limits.md: “As soon as all backend.pool.max_connections are busy, Rcptwise gives the slow client's connection there to somebody who waits.” “Your mail server sees RSET then, and the same MAIL and RCPT later, when the text is complete”", async () => {
    await scene(async ({ server, slow, other }) => {
      const begun = await other()
      await begun.deliver(begun.order([0]), text)
      expect(await slow.deliver(slow.order([0, 1]), text)).toEqual([expect.stringMatching(/^250 /)])
      expect(mails(server)).toEqual(['<other@x> <0@x>', '<s@x> <0@x> <1@x>'])
      expect(slow.told).toHaveLength(3) // each answer once
      expect(server.connections[0]?.lines.filter((line) => line === 'RSET')).toHaveLength(1)
    })
  })

  test('goes on with more recipients: those before are shown again, and told nothing', async () => {
    await scene(async ({ server, slow, other }) => {
      const begun = await other()
      await begun.deliver(begun.order([0]), text)
      slow.transaction.rcpt(2, '<2@x>')
      await until('the third is answered', () => slow.told.length === 4)
      expect(slow.told.at(-1)).toMatch(/^rcpt 2 250/)
      expect(await slow.deliver(slow.order([0, 1, 2]), text)).toEqual([
        expect.stringMatching(/^250 /),
      ])
      expect(mails(server).at(-1)).toBe('<s@x> <0@x> <1@x> <2@x>')
    })
  })

  test('does not show again whom the backend has refused', async () => {
    const refuses: Rule = { on: 'RCPT', having: '<1@x>', say: '550 5.1.1 nobody' }
    await scene(
      async ({ server, slow, other }) => {
        const begun = await other()
        await begun.deliver(begun.order([0]), text)
        slow.transaction.rcpt(2, '<2@x>')
        await until('the third is answered', () => slow.told.length === 4)
        expect(server.lines().filter((line) => line === 'RCPT TO:<1@x>')).toHaveLength(1)
        expect(await slow.deliver(slow.order([0, 2]), text)).toEqual([
          expect.stringMatching(/^250 /),
        ])
      },
      [refuses],
    )
  })

  test('known-limits.md: “The sender then gets 451 and not the refusal: between two opinions Rcptwise gives no final no.”', async () => {
    await scene(async ({ server, slow, other }) => {
      const begun = await other()
      await begun.deliver(begun.order([0]), text)
      server.rule({ on: 'RCPT', having: '<1@x>', say: '550 5.1.1 gone' })
      slow.transaction.rcpt(2, '<2@x>')
      await until('the third is answered', () => slow.told.length === 4)
      const [result] = await delivered(slow.transaction, slow.order([0, 1, 2]), text)
      expect(result?.reply.code).toBe(250)
      expect([...(result?.own ?? [])].map(([index, { code }]) => [index, code])).toEqual([[1, 451]])
      expect(mails(server).at(-1)).toBe('<s@x> <0@x> <2@x>')
    })
  })

  test('hears 451 for what is open when its MAIL is refused the second time', async () => {
    await scene(async ({ server, open, slow, other }) => {
      const begun = await other()
      await begun.deliver(begun.order([0]), text)
      server.rule({ on: 'MAIL', say: '550 5.7.1 not any more' })
      slow.transaction.rcpt(2, '<2@x>')
      await until('the third is answered', () => slow.told.length === 4)
      expect(slow.told.at(-1)).toMatch(/^rcpt 2 451/)
      slow.transaction.abandon()
      await until('nothing is lent', () => open.backend.connections()[0]?.busy === 0)
    })
  })

  test('may end: nothing is left', async () => {
    await scene(async ({ server, open, slow, other }) => {
      const begun = await other()
      slow.transaction.abandon()
      await begun.deliver(begun.order([0]), text)
      await until('nothing is lent', () => open.backend.connections()[0]?.busy === 0)
      expect(server.open()).toBe(1)
    })
  })
})

test('as long as nobody waits, a quiet client keeps its connection', async () => {
  const clock = { now: 1_000_000 }
  await using server = await startFakeBackend()
  await using open = openBackend(server, { maxConnections: 2, now: () => clock.now })
  const slow = await open.begin().envelope(recipients(1))
  clock.now += 3_600_000
  const other = await open.begin().envelope(recipients(1), '<other@x>')
  await other.deliver(other.order([0]), text)
  expect(await slow.deliver(slow.order([0]), text)).toEqual([expect.stringMatching(/^250 /)])
  expect(server.lines().filter((line) => line === 'RSET')).toEqual([])
})

test('room to hold a connection for long: while half of them are lent at most', async () => {
  await using server = await startFakeBackend()
  await using open = openBackend(server, { maxConnections: 4 })
  const room: boolean[] = []
  for (let i = 0; i < 3; i++) {
    await open.begin().envelope(recipients(1))
    room.push(open.backend.mayHold())
  }
  expect(room).toEqual([true, true, false])
})

test('a kept connection is closed at MAIL, the next one serves: when the transaction is over nobody is left to be asked', async () => {
  await using server = await startFakeBackend({
    rules: [{ on: 'MAIL', nth: 2, silent: true, then: 'close' }],
  })
  await using open = openBackend(server)
  const first = await open.begin().envelope(recipients(1))
  await first.deliver(first.order([0]), text)
  const hold = vi.spyOn(Preemption.prototype, 'hold')
  try {
    const second = await open.begin().envelope(recipients(1))
    await second.deliver(second.order([0]), text)
    second.transaction.abandon()
    const held = hold.mock.results.map(({ value }) => value as Held)
    expect(held).toHaveLength(2)
    for (const { value } of held) expect(value).toBeUndefined()
  } finally {
    hold.mockRestore()
  }
})

test('who got its connection first is asked first, and no more than wait', () => {
  vi.useFakeTimers()
  try {
    let waiting = 2
    const asked: string[] = []
    const holder = (name: string, gives: boolean): Preemptible => ({
      preempt() {
        asked.push(name)
        if (gives) waiting--
        return gives
      },
    })
    const preemption = new Preemption(() => waiting)
    for (const each of [
      holder('busy', false),
      holder('first', true),
      holder('second', true),
      holder('third', true),
    ])
      preemption.hold(each)
    preemption.wanted()
    vi.advanceTimersByTime(100)
    expect(asked).toEqual(['busy', 'first', 'second'])
    vi.advanceTimersByTime(1000)
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
