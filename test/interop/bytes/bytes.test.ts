/**
 * Rule 9 with real mail servers: what the client sent is what is in the mailbox, octet for octet,
 * but for header fields in front.
 *
 *   a client of ours (DATA or BDAT, plain or PRDR) ─▶ Rcptwise ─▶ Postfix, Exim, or the sink of Maildirs
 *
 * `plain` goes to one recipient and streams to the backend. With PRDR one of two recipients gets
 * the text tagged, so it is kept in a file until it is judged, and sent twice. Maildirs of Postfix
 * and Exim have LF for CRLF.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { readMaildir } from '../../support/lab/maildir.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { send } from './raw-sender.ts'
import { begin, largeText, texts, unended } from './texts.ts'

const MiB = 1024 * 1024
const CRLF = Buffer.from('\r\n')
const plainly = 'tag1@example.org'
const tagged = 'strict1@example.org'
const recipients = { [plainly]: 'tag-only', [tagged]: 'strict' }
const thousand = Array.from({ length: 1000 }, (_, number) => `r${number}@example.org`)
const policyOf = (index: number): string => ['tag-only', 'careful', 'strict'][index % 3] ?? ''

interface Receiver extends AsyncDisposable {
  readonly server: string
  /** It gets the text by SMTP. */
  readonly smtp: boolean
  readonly lineEnd: '\n' | '\r\n'
  /** It writes the empty line behind header fields where there is no body. */
  readonly separates?: true
  readonly mailbox: (address: string) => Promise<string[]>
  readonly empty: () => Promise<void>
}

const postfix = async (mailboxes: readonly string[]): Promise<Receiver> => {
  const main = [
    'message_size_limit = 0',
    'virtual_mailbox_limit = 0',
    'smtpd_recipient_limit = 2000',
  ]
  const server = await startPostfix({ server: { mailboxes }, main })
  return { ...server, server: `smtp://127.0.0.1:${server.port}`, smtp: true, lineEnd: '\n' }
}

const exim = async (mailboxes: readonly string[]): Promise<Receiver> => {
  const server = await startExim({ server: { mailboxes } })
  return {
    ...server,
    server: `smtp://127.0.0.1:${server.port}`,
    smtp: true,
    lineEnd: '\n',
    separates: true,
  }
}

const sink = async (): Promise<Receiver> => {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-sink-'))
  return {
    server: `sink:${directory}`,
    smtp: false,
    lineEnd: '\r\n',
    mailbox: async (address) => await readMaildir(path.join(directory, address)),
    empty: async () => {
      await Promise.resolve()
    },
    [Symbol.asyncDispose]: async () => {
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const receivers = [
  ['Postfix', postfix],
  ['Exim', exim],
  ['the sink', sink],
] as const

const hash = (octets: string | Buffer): string =>
  createHash('sha256')
    .update(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets)
    .digest('hex')

/** Hashes of the messages of a mailbox that begin with a mark, from it on. */
const received = (messages: readonly string[], mark: string): string[] =>
  messages
    .filter((message) => message.includes(mark))
    .map((message) => hash(message.slice(message.indexOf(mark))))

const sent = (text: Buffer, lineEnd: string): string =>
  hash(text.toString('latin1').replaceAll('\r\n', lineEnd))

const inFront = (receiver: Receiver, spool: object): Readonly<Record<string, unknown>> => ({
  backend: { servers: [receiver.server] },
  ehlo: { chunking: true },
  spool,
  limits: { recipients: 2000 },
})

describe.skipIf(interopObstacle() !== undefined)('octet for octet', () => {
  test.concurrent.each(receivers)(
    'odd texts by DATA and BDAT, plain and PRDR, to %s',
    async (_, start) => {
      await using receiver = await start([plainly, tagged])
      await using rcptwise = await startFrontEnd({
        backend: 0,
        recipients,
        config: inFront(receiver, { memory: '0' }),
      })
      for (const text of texts.values()) {
        for (const by of ['DATA', 'BDAT'] as const) {
          expect(await send(rcptwise.port, { to: [plainly], text, by })).toEqual([
            expect.stringMatching(/^250 /),
          ])
          const replies = await send(rcptwise.port, { to: [plainly, tagged], text, by, prdr: true })
          for (const reply of replies) expect(reply).toMatch(/^250 /)
        }
      }
      // A text that does not end with a line end can only come by BDAT. DATA ends it (RFC 5321
      // 4.1.1.4); the sink keeps it as it is.
      expect(await send(rcptwise.port, { to: [plainly], text: unended, by: 'BDAT' })).toEqual([
        expect.stringMatching(/^250 /),
      ])
      await receiver.empty()
      const plain = await receiver.mailbox(plainly)
      const ended = sent(receiver.smtp ? Buffer.concat([unended, CRLF]) : unended, receiver.lineEnd)
      expect(received(plain, begin('unended').replace('\r\n', receiver.lineEnd))).toEqual([ended])
      const marked = await receiver.mailbox(tagged)
      for (const [name, text] of texts) {
        const mark = begin(name).replace('\r\n', receiver.lineEnd)
        const separated = name === 'no-body' && receiver.separates === true
        const same = sent(separated ? Buffer.concat([text, CRLF]) : text, receiver.lineEnd)
        expect(received(plain, mark), name).toEqual([same, same, same, same])
        expect(received(marked, mark), name).toEqual([same, same])
      }
      for (const message of marked) expect(message).toMatch(/^X-Rcptwise-Verdict: tag/m)
    },
  )

  test.each([
    ['Postfix', 'DATA', false, postfix],
    ['the sink', 'BDAT', true, sink],
  ] as const)('50 MiB to %s by %s, PRDR: %s', async (_, by, prdr, start) => {
    await using receiver = await start([plainly, tagged])
    await using rcptwise = await startFrontEnd({
      backend: 0,
      recipients,
      config: inFront(receiver, {}),
    })
    const text = largeText('large', 50 * MiB)
    const to = prdr ? [plainly, tagged] : [plainly]
    for (const reply of await send(rcptwise.port, { to, text, by, prdr }))
      expect(reply).toMatch(/^250 /)
    await receiver.empty()
    const mark = begin('large').replace('\r\n', receiver.lineEnd)
    for (const address of to) {
      expect(received(await receiver.mailbox(address), mark)).toEqual([
        sent(text, receiver.lineEnd),
      ])
    }
  })

  test.each([
    ['Postfix', 'DATA', postfix],
    ['the sink', 'BDAT', sink],
  ] as const)(
    '1000 recipients to %s by %s, with PRDR: each their own answer',
    async (_, by, start) => {
      await using receiver = await start(thousand)
      const policies = Object.fromEntries(
        thousand.map((address, index) => [address, policyOf(index)]),
      )
      await using rcptwise = await startFrontEnd({
        backend: 0,
        recipients: policies,
        config: inFront(receiver, {}),
      })
      const text = Buffer.from(
        largeText('many', 4000)
          .toString('latin1')
          .replace('X-Spam-Score: 5.5', 'X-Spam-Score: 9.5'),
        'latin1',
      )
      const replies = await send(rcptwise.port, { to: thousand, text, by, prdr: true })
      const wanted = thousand.map((_address, index) =>
        policyOf(index) === 'strict' ? '550' : '250',
      )
      expect(replies.map((reply) => reply.slice(0, 3))).toEqual([...wanted, '250'])
      await receiver.empty()
      const mark = begin('many').replace('\r\n', receiver.lineEnd)
      const same = sent(text, receiver.lineEnd)
      for (const [index, address] of thousand.entries()) {
        const copies = received(await receiver.mailbox(address), mark)
        expect(copies, address).toEqual(policyOf(index) === 'strict' ? [] : [same])
      }
    },
  )
})
