/**
 * What src/ledger/ledger.ts promises, for every implementation: each one's test calls this with a
 * way to open a new and empty ledger whose clock stands at `start`, or where it was last set.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Ledger, StrategyOverride } from '../../src/ledger/ledger.ts'
import { mostDelays } from '../../src/ledger/senders.ts'
import {
  changed,
  closed,
  ids,
  manyRecipients,
  minute,
  recipientOf,
  splitOf,
  start,
} from './splits.ts'

export interface ContractLedger {
  readonly ledger: Ledger
  readonly clock: { now: number }
  /** Another ledger on the same store, as another process would have it; `end` closes it too. */
  readonly another: () => Promise<Ledger>
  /** Closes the ledger and removes what it stored. */
  readonly end: () => Promise<void>
}

const override = (change: Partial<StrategyOverride> = {}): StrategyOverride => ({
  peer: 'partners',
  strategy: 'single',
  setAt: start,
  by: 'admin',
  ...change,
})

export function describeLedger(name: string, open: () => Promise<ContractLedger>): void {
  describe(`${name} keeps the ledger's contract`, () => {
    let opened: ContractLedger
    let ledger: Ledger

    beforeEach(async () => {
      opened = await open()
      ledger = opened.ledger
    })
    afterEach(async () => {
      await opened.end()
    })

    test('a split is given back as it was saved', async () => {
      const split = splitOf('full', {
        reversePath: '',
        fingerprint: 'f'.repeat(64),
        messageId: '<ä"\\@example.net>',
        recipients: [
          {
            ...recipientOf('ü@example.org'),
            state: 'refused',
            reply: { code: 550, detail: '7.1', lines: ['No', 'no'] },
          },
          recipientOf(`"o'brien"@example.org`),
        ],
      })
      expect(await ledger.save(split)).toEqual({ saved: true })
      expect(await ledger.recall('', 'ü@example.org')).toEqual([split])
      expect(await ledger.find('full')).toEqual(split)
      expect(await ledger.find('other')).toBeUndefined()
    })

    test('what is asked when it is closed ends, in whatever way: nobody waits for ever, and nothing is tried for ever', async () => {
      const other = await opened.another()
      await other.close()
      const asked = async (call: () => unknown): Promise<unknown> => await call()
      await Promise.allSettled([
        asked(async () => await other.find('full')),
        asked(async () => await other.recall('', 'a@example.org')),
        asked(async () => await other.save(splitOf('late'))),
        asked(async () => await other.openSplits(10)),
        asked(async () => await other.setOverride(override())),
        asked(async () => await other.refresh()),
      ])
    })

    test('ledger.md: “The answer that was given for good stays with the split, until the split is deleted.”', async () => {
      const outcome = {
        transaction: 'x.2',
        reason: {
          because: 'rule 2',
          overrules: { because: 'reject_at', score: 9.5, threshold: 8 },
        },
        reply: { code: 550, status: '5.7.1', text: 'ä "no"' },
        at: start + 2,
      } as const
      const split = splitOf('s', { openedBy: 'x.1', recipients: [recipientOf('a@example.org')] })
      await ledger.save(split)
      const answered = { ...recipientOf('a@example.org'), state: 'answered', outcome } as const
      const ended = { ...closed(split, start + 2), recipients: [answered] }
      expect(await ledger.save(ended)).toEqual({ saved: true })
      expect(await ledger.find('s')).toEqual(ended)
      expect(await ledger.recall('sender@example.net', 'a@example.org')).toEqual([])
      const other = await opened.another()
      expect(await other.find('s')).toEqual(ended)
      await other.close()
    })

    test('recall finds the open splits of one reverse path and recipient, oldest first', async () => {
      await ledger.save(splitOf('younger', { startedAt: start + 2 }))
      await ledger.save(splitOf('older', { startedAt: start + 1 }))
      await ledger.save(splitOf('other sender', { reversePath: 'other@example.net' }))
      await ledger.save(splitOf('other recipient', { recipients: [recipientOf('c@example.org')] }))
      expect(ids(await ledger.recall('sender@example.net', 'b@example.org'))).toEqual([
        'older',
        'younger',
      ])
      expect(await ledger.recall('sender@example.net', 'nobody@example.org')).toEqual([])
      expect(await ledger.recall('', 'b@example.org')).toEqual([])
    })

    test('what is open of a sender is told whole, or it is said that it is too much', async () => {
      const recipients = ['a@example.org', 'b@example.org', 'c@example.org']
      const agrees = async (on: Ledger, open: readonly string[]): Promise<void> => {
        for (const sender of ['sender@example.net', 'other@example.net', '']) {
          const told = await on.openOf(sender)
          const known = sender === 'sender@example.net' ? open : []
          if (told === 'many') expect(known).not.toEqual([])
          else expect(ids(told)).toEqual(known)
          for (const recipient of recipients) {
            const recalled = ids(await on.recall(sender, recipient))
            if (told !== 'many')
              expect(recalled).toEqual(
                ids(
                  told.filter((split) =>
                    split.recipients.some(({ address }) => address === recipient),
                  ),
                ),
              )
          }
        }
      }
      const younger = splitOf('younger', { startedAt: start + 2 })
      const older = splitOf('older', { recipients: [recipientOf('c@example.org')] })
      const other = await opened.another()
      const both = async (open: readonly string[]): Promise<void> => {
        for (const on of [ledger, other]) await agrees(on, open)
      }
      await both([])
      await ledger.save(younger)
      await both(['younger'])
      await ledger.save(older)
      await both(['older', 'younger'])
      const grown = changed(older, { recipients: manyRecipients(2) })
      await other.save(grown)
      await both(['older', 'younger'])
      await other.save(closed(grown, start + 2))
      await both(['younger'])
      await ledger.save(closed(younger, start + 3))
      await both([])
      for (let n = 0; n < 100; n += 1) await ledger.save(splitOf(`s${n}`, { startedAt: start + n }))
      expect(await ledger.openOf('sender@example.net')).toBe('many')
      expect(await other.openOf('sender@example.net')).toBe('many')
      await other.close()
    })

    describe('how many splits may be open', () => {
      const limits = { all: 1000, perSender: 1000, bytesPerSender: 1_000_000, perClient: 1000 }
      const declared = { sender: '192.0.2.0/24' }
      const opener = { reversePath: 'sender@example.net', client: declared.sender }
      const stranger = { reversePath: 'other@example.net', client: 'example.com' }

      test.for([
        ['open_splits_per_sender', { perSender: 2 }, { ...opener, client: stranger.client }],
        [
          'open_split_bytes_per_sender',
          { bytesPerSender: 2000 },
          { ...opener, client: stranger.client },
        ],
        ['open_splits_per_client', { perClient: 2 }, { ...stranger, client: declared.sender }],
        ['open_splits', { all: 2 }, stranger],
      ] as const)('%s', async ([limit, change, asked]) => {
        const few = { ...limits, ...change }
        const save = async (id: string) =>
          await ledger.save(splitOf(id, { declared, recipients: manyRecipients(4) }))
        await save('one')
        expect(await ledger.crowded(asked, few)).toBeUndefined()
        await save('two')
        expect(await ledger.crowded(asked, few)).toBe(limit)
        expect(await ledger.crowded(asked, limits)).toBeUndefined()
        await ledger.save(
          closed(splitOf('one', { declared, recipients: manyRecipients(4) }), start),
        )
        expect(await ledger.crowded(asked, few)).toBeUndefined()
      })

      test('whatever becomes of a split, it is counted while it is open', async () => {
        const few = { ...limits, perSender: 1 }
        const size = async (): Promise<number> => {
          let [low, high] = [0, 10_000_000]
          while (low < high) {
            const middle = Math.ceil((low + high) / 2)
            const reached = await ledger.crowded(opener, { ...limits, bytesPerSender: middle })
            if (reached === 'open_split_bytes_per_sender') low = middle
            else high = middle - 1
          }
          return low
        }
        const split = splitOf('it', { declared, recipients: manyRecipients(200) })
        await ledger.save(split)
        const large = await size()
        expect(large).toBeGreaterThan(200 * 128)
        const small = changed(split, { recipients: manyRecipients(3) })
        await ledger.save(small)
        expect(await size()).toBeLessThan(large / 10)
        const grown = changed(small, { recipients: manyRecipients(200) })
        await ledger.save(grown)
        expect(await size()).toBe(large)
        expect(await ledger.crowded(opener, few)).toBe('open_splits_per_sender')
        await ledger.save(closed(grown, start))
        expect(await ledger.crowded(opener, few)).toBeUndefined()
        expect(await size()).toBe(0)
        await ledger.forget(start + 1, 10)
        expect(await ledger.crowded(opener, few)).toBeUndefined()
      })
    })

    test('recall does not find a closed split; find does', async () => {
      await ledger.save(splitOf('it'))
      const end = closed(splitOf('it'), start + minute)
      expect(await ledger.save(end)).toEqual({ saved: true })
      expect(await ledger.recall('sender@example.net', 'a@example.org')).toEqual([])
      expect(await ledger.find('it')).toEqual(end)
    })

    test('a recipient who joined later is found, one who is no longer in it is not', async () => {
      const split = splitOf('it')
      await ledger.save(split)
      const later = changed(split, {
        recipients: [recipientOf('b@example.org'), recipientOf('late@example.org')],
      })
      expect(await ledger.save(later)).toEqual({ saved: true })
      expect(await ledger.recall('sender@example.net', 'late@example.org')).toEqual([later])
      expect(await ledger.recall('sender@example.net', 'b@example.org')).toEqual([later])
      expect(await ledger.recall('sender@example.net', 'a@example.org')).toEqual([])
    })

    test.for([
      { what: 'a new split whose id is taken', stored: 1, saved: 1, is: false },
      { what: 'the version after the stored one', stored: 3, saved: 4, is: true },
      { what: 'the stored version again', stored: 3, saved: 3, is: false },
      { what: 'an older version', stored: 3, saved: 2, is: false },
      { what: 'a version that skips one', stored: 3, saved: 5, is: false },
      { what: 'a later version of a split that is not stored', stored: 0, saved: 2, is: false },
    ])('save compares and sets: $what is saved: $is', async ({ stored, saved, is }) => {
      for (let version = 1; version <= stored; version += 1)
        await ledger.save(splitOf('it', { version }))
      const next = splitOf('it', { version: saved, forcedRetries: 9 })
      expect(await ledger.save(next)).toEqual({ saved: is })
      expect((await ledger.find('it'))?.forcedRetries).toBe(is ? 9 : stored === 0 ? undefined : 1)
    })

    test('of several saves of one version at once exactly one is saved', async () => {
      const other = await opened.another()
      const split = splitOf('it')
      await ledger.save(split)
      const saves = await Promise.all(
        [ledger, other, ledger, other].map(
          async (on, n) => await on.save(changed(split, { idleAttempts: n })),
        ),
      )
      expect(saves.filter(({ saved }) => saved)).toHaveLength(1)
      expect((await ledger.find('it'))?.version).toBe(2)
    })

    test('a split of 1000 recipients is visible whole or not at all', async () => {
      const split = splitOf('large', { recipients: manyRecipients(1000) })
      const saving = ledger.save(split)
      for (const address of ['user0@example.org', 'user999@example.org']) {
        const [seen] = await ledger.recall('sender@example.net', address)
        if (seen !== undefined) expect(seen).toEqual(split)
      }
      expect(await saving).toEqual({ saved: true })
      const next = changed(split, {
        recipients: [...split.recipients, ...manyRecipients(200, 1000)],
      })
      expect(await ledger.save(next)).toEqual({ saved: true })
      expect(await ledger.save(next)).toEqual({ saved: false })
      for (const n of [0, 63, 64, 999, 1000, 1199]) {
        expect(ids(await ledger.recall('sender@example.net', `user${n}@example.org`))).toEqual([
          'large',
        ])
      }
      expect(await ledger.save(closed(next, start))).toEqual({ saved: true })
      expect(await ledger.recall('sender@example.net', 'user500@example.org')).toEqual([])
    })

    test('open splits are listed oldest first, and counted by peer and strategy', async () => {
      for (const n of [3, 1, 2]) {
        await ledger.save(
          splitOf(`s${n}`, { startedAt: start + n, peer: n === 3 ? 'partners' : 'default' }),
        )
      }
      await ledger.save(splitOf('single', { startedAt: start + 4, strategy: 'single' }))
      await ledger.save(splitOf('gone', { startedAt: start }))
      await ledger.save(closed(splitOf('gone'), start))
      expect(ids(await ledger.openSplits(10))).toEqual(['s1', 's2', 's3', 'single'])
      expect(ids(await ledger.openSplits(2))).toEqual(['s1', 's2'])
      expect(await ledger.openSplits(0)).toEqual([])
      const counts = await ledger.countOpen()
      expect(counts).toHaveLength(3)
      expect(counts).toEqual(
        expect.arrayContaining([
          { peer: 'default', strategy: 'group', count: 2 },
          { peer: 'partners', strategy: 'group', count: 1 },
          { peer: 'default', strategy: 'single', count: 1 },
        ]),
      )
    })

    test('stale gives open splits last attempted before a time, at most so many', async () => {
      for (const n of [1, 2, 3])
        await ledger.save(splitOf(`s${n}`, { startedAt: start + n * minute }))
      await ledger.save(closed(splitOf('s1', { version: 1 }), start))
      await ledger.save(splitOf('s0'))
      expect(ids(await ledger.stale(start + 3 * minute, 10))).toEqual(['s0', 's2'])
      expect(ids(await ledger.stale(start + 3 * minute, 1))).toEqual(['s0'])
      expect(ids(await ledger.stale(start, 10))).toEqual([])
    })

    test('stale can begin at a time', async () => {
      for (const n of [1, 2, 3])
        await ledger.save(splitOf(`s${n}`, { startedAt: start + n * minute }))
      expect(ids(await ledger.stale(start + 3 * minute, 10, start + 2 * minute))).toEqual(['s2'])
      expect(ids(await ledger.stale(start + 9 * minute, 10, start + 2 * minute))).toEqual([
        's2',
        's3',
      ])
      expect(ids(await ledger.stale(start + 9 * minute, 10, start + 3 * minute + 1))).toEqual([])
    })

    test('lessons of two nodes add up, and both know them within a second or so', async () => {
      const other = await opened.another()
      for (let n = 0; n < 5; n += 1) {
        ledger.senders.change({
          name: 'a.example',
          at: start + n,
          counts: { deferred: 1, returned: n },
        })
        other.senders.change({ name: 'a.example', at: start, counts: { deferred: 2 } })
      }
      ledger.senders.change({ name: '192.0.2.0/24', at: start, counts: { missing: 1 } })
      expect(ledger.senders.find('a.example')?.counts['returned']).toBe(10)
      await Promise.all([ledger.senders.flush(), other.senders.flush()])
      await vi.waitFor(
        () => {
          for (const { senders } of [ledger, other]) {
            expect(senders.find('a.example')).toEqual({
              name: 'a.example',
              at: start + 4,
              counts: { deferred: 15, returned: 10 },
            })
            expect(Array.from(senders.each(), ({ name }) => name).toSorted()).toEqual([
              '192.0.2.0/24',
              'a.example',
            ])
          }
        },
        { timeout: 20_000 },
      )
    })

    test('what two nodes have seen of a sender is put together: the last delays, and when it was last seen', async () => {
      const other = await opened.another()
      const names = ['a.example', 'b.example']
      for (let n = 0; n < mostDelays; n += 1) {
        for (const name of names) {
          ledger.senders.change({
            ...{ name, at: start + n, seen: start + n },
            ...{ counts: { returned: 1 }, delays: [n, n + 1] },
          })
        }
      }
      await ledger.senders.flush()
      other.senders.change({ name: 'a.example', at: start, delays: [7], counts: { returned: 1 } })
      await other.senders.flush()
      await vi.waitFor(
        () => {
          for (const { senders } of [ledger, other]) {
            const { delays = [], seen, counts } = senders.find('a.example') ?? {}
            expect([delays.length, delays.slice(-3), seen]).toEqual([
              mostDelays,
              [mostDelays - 1, mostDelays, 7],
              start + mostDelays - 1,
            ])
            expect(counts).toEqual({ returned: mostDelays + 1 })
          }
        },
        { timeout: 20_000 },
      )
      other.senders.change({ name: 'a.example', at: start, forget: true })
      await other.senders.flush()
      other.senders.change({ name: 'a.example', at: start, counts: { deferred: 1 } })
      await other.senders.flush()
      expect(other.senders.find('a.example')).not.toHaveProperty('delays')
    })

    test('the end of a pin is kept, and a pin that is over goes with the next change of the sender', async () => {
      const until = start + minute
      const pin = { strategy: 'late', by: 'admin', at: start, until } as const
      for (const name of ['a.example', 'b.example'])
        ledger.senders.change({ name, at: start, counts: { missing: 1 }, pin })
      await ledger.senders.flush()
      ledger.senders.change({ name: 'a.example', at: until - 1, counts: { deferred: 1 } })
      ledger.senders.change({ name: 'b.example', at: until })
      await ledger.senders.flush()
      await ledger.close()
      const { senders } = await opened.another()
      expect(senders.find('a.example')?.pin).toEqual(pin)
      expect(senders.find('b.example')).toEqual({
        ...{ name: 'b.example', at: until, counts: { missing: 1 } },
      })
    })

    test('a sender is pinned, unpinned and forgotten, on every node', async () => {
      const other = await opened.another()
      const seen = async (
        name: string,
        pinned: string | undefined,
        known: boolean,
      ): Promise<void> => {
        await vi.waitFor(
          () => {
            expect(other.senders.find(name)?.pin?.strategy).toBe(pinned)
            expect(other.senders.find(name) !== undefined).toBe(known)
          },
          { timeout: 20_000 },
        )
      }
      const pin = { strategy: 'late', by: 'admin', at: start } as const
      ledger.senders.change({ name: 'a.example', at: start, counts: { missing: 1 } })
      ledger.senders.change({ name: 'a.example', at: start, pin })
      await ledger.senders.flush()
      await seen('a.example', 'late', true)
      ledger.senders.change({ name: 'a.example', at: start, pin: false })
      await ledger.senders.flush()
      await seen('a.example', undefined, true)
      expect(other.senders.find('a.example')?.counts).toEqual({ missing: 1 })
      ledger.senders.change({ name: 'a.example', at: start, forget: true })
      await ledger.senders.flush()
      await seen('a.example', undefined, false)
    })

    test('strategies.md: “Rcptwise keeps what it learned with the ledger.” “So it survives restarts, and worker processes and front-ends share it.”', async () => {
      ledger.senders.change({ name: 'a.example', at: start, counts: { deferred: 3 } })
      await ledger.close()
      expect((await opened.another()).senders.find('a.example')?.counts).toEqual({ deferred: 3 })
    })

    test('forget deletes what was closed before a time, in pieces, and never what is open', async () => {
      for (let n = 0; n < 25; n += 1) {
        await ledger.save(splitOf(`s${n}`))
        if (n > 0) await ledger.save(closed(splitOf(`s${n}`), start + n * minute))
      }
      const before = start + 21 * minute
      expect(await ledger.forget(before, 15)).toBe(15)
      expect(await ledger.forget(before, 15)).toBe(5)
      expect(await ledger.forget(before, 15)).toBe(0)
      expect(await ledger.find('s20')).toBeUndefined()
      expect(await ledger.find('s21')).toBeDefined()
      expect(ids(await ledger.openSplits(10))).toEqual(['s0'])
    })

    test('a forgotten split of 1000 recipients leaves nothing behind', async () => {
      const split = splitOf('large', { recipients: manyRecipients(1000) })
      await ledger.save(split)
      await ledger.save(closed(split, start))
      expect(await ledger.forget(start + 1, 10)).toBe(1)
      await ledger.save(splitOf('large', { recipients: [recipientOf('a@example.org')] }))
      expect(await ledger.recall('sender@example.net', 'user1@example.org')).toEqual([])
    })

    test('an override is in force at once, replaces the one before, and ends', async () => {
      await ledger.setOverride(override({ until: start + minute }))
      await ledger.setOverride(override({ peer: 'bulk', strategy: 'lenient' }))
      await ledger.setOverride(override({ strategy: 'off', until: start + minute }))
      expect(ledger.overrides()).toEqual([
        override({ peer: 'bulk', strategy: 'lenient' }),
        override({ strategy: 'off', until: start + minute }),
      ])
      opened.clock.now = start + minute
      expect(ledger.overrides()).toEqual([override({ peer: 'bulk', strategy: 'lenient' })])
      expect(await ledger.resetOverride('bulk')).toBe(true)
      expect(await ledger.resetOverride('bulk')).toBe(false)
      expect(ledger.overrides()).toEqual([])
    })
  })
}
