/**
 * Whole sessions over sockets, with a real backend connection, ledger and judge: each is played
 * again from its journal.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openGeneration, type OutlivingParts } from '../../src/app/generation.ts'
import { leasedParts } from '../../src/app/leased-parts.ts'
import { noNeighbours } from '../../src/backend/endpoints/room.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import type { ClientLimits } from '../../src/listen/client-limits.ts'
import { Connection } from '../../src/listen/connection.ts'
import { SpoolBudget } from '../../src/listen/spool-budget.ts'
import { Journal } from '../../src/session/journal.ts'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { replayed } from '../support/replayed.ts'

const large = `${'x'.repeat(998)}\r\n`.repeat(200)
const envelope = (more: string, ...to: readonly string[]): string =>
  `MAIL FROM:<s@example.net>${more}\r\n${to.map((one) => `RCPT TO:<${one}@example.org>\r\n`).join('')}`
const spam = 'X-Spam-Score: 9\r\n\r\nhello\r\n.\r\n'

/** What a client may send in one go. */
const pieces = [
  'EHLO client.test\r\n',
  `${envelope('', 'a', 'b')}DATA\r\n`,
  `${envelope(' PRDR', 'a', 'b')}DATA\r\n`,
  `${envelope('', 'b')}DATA\r\n${spam}`,
  `${envelope('', 'a')}BDAT 5\r\nA: b\nBDAT 3 LAST\r\n\r\n!`,
  spam,
  `X-Spam-Score: 1\r\n\r\n${large}.\r\n`,
  'FOO\r\n',
  'RSET\r\n',
  'NOOP\r\nQUIT\r\n',
] as const

interface Site extends AsyncDisposable {
  readonly port: number
  /** Of the sessions so far, in the order of their beginning. */
  readonly sessions: readonly { readonly journal: Journal; readonly ended: Promise<unknown> }[]
  readonly facts: readonly Fact[]
}

async function openSite(backendUrl: string): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-journal-'))
  const facts: Fact[] = []
  const onFact = (fact: Fact): void => {
    facts.push(fact)
  }
  const now = (): number => Date.now()
  const ledger = await openSqliteLedger({ path: ':memory:', onFact })
  const loaded = parseConfig(
    `hostname: mx.test
data_directory: ${directory}
listen: [{ address: "127.0.0.1:0" }]
backend: { servers: ["${backendUrl}"] }
relay_domains: [example.org]
ehlo: { chunking: true }
judges: [{ headers: { from: [127.0.0.0/8] } }]
peers: [{ name: default, strategy: late }]`,
    join(directory, 'config.yaml'),
  )
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  const limits = { memoryBytes: 1e6, totalMemoryBytes: 1e7, totalDiskBytes: 1e7 }
  const journals = new Map<string, Journal>()
  let ids = 0
  const standing: Omit<OutlivingParts, 'allowance' | 'questions' | 'names'> = {
    ledger,
    ...leasedParts({ onFact, now, neighbours: noNeighbours }),
    certificates: async () => await Promise.resolve(undefined),
    budget: new SpoolBudget({ ...limits, directory, onLimit: () => undefined, now }),
    onFact,
    now,
    newId: () => `id${++ids}`,
    journalOf: (session) => {
      const journal = new Journal()
      journals.set(session, journal)
      return journal
    },
  }
  const generation = await openGeneration(loaded.config, standing as OutlivingParts)
  const [listener] = loaded.config.listen
  if (listener === undefined) throw new Error('nothing listens')
  const serving = generation.serving(listener, undefined as unknown as ClientLimits)
  const sessions: { readonly journal: Journal; readonly ended: Promise<unknown> }[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const ended = Promise.withResolvers<undefined>()
    const client = { address: '127.0.0.1', port: 1 }
    const options = serving.connection(client, { takes: () => undefined })
    const journal = journals.get(options.start.id)
    if (journal === undefined) throw new Error('the session has no journal')
    sessions.push({ journal, ended: ended.promise })
    const onEnd = (): void => {
      options.onEnd()
      ended.resolve(undefined)
    }
    new Connection(socket, {
      ...options,
      ownEnd: { address: '127.0.0.1', port: 2525 },
      onEnd,
    }).greet()
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    facts,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await generation.close()
      await ledger.close()
      await rm(directory, { recursive: true })
    },
  }
}

test('a session over a socket is played again from its journal: the same is said, and the same is told of it', async () => {
  await using backend = await startFakeBackend()
  await using site = await openSite(backend.url)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (sent, leaves) => {
        const client = await Client.connect(site.port)
        let heard = ''
        client.socket.on('data', (octets: Buffer) => (heard += octets.toString('latin1')))
        await client.reply()
        client.send('EHLO client.test\r\n')
        for (const piece of sent) {
          client.send(piece)
          await new Promise((resolve) => setTimeout(resolve, 3))
        }
        if (leaves) client.close()
        else client.socket.end()
        const session = site.sessions.at(-1)
        if (session === undefined) throw new Error('no session has begun')
        await session.ended
        if (!leaves) while ((await client.line()) !== undefined);
        client.close()
        const { effects, said } = replayed(session.journal)
        // Who leaves hears a beginning of it.
        if (leaves) expect(said).toContain(heard)
        else expect(said.endsWith(heard)).toBe(true)
        const told = effects.flatMap((effect) => (effect.do === 'note' ? [effect.fact] : []))
        const id = (told.at(-1) as { readonly session?: string }).session
        expect(told.filter((fact) => 'session' in fact)).toEqual(
          site.facts.filter((fact) => 'session' in fact && fact.session === id),
        )
      },
    ),
    { numRuns: 60 },
  )
})
