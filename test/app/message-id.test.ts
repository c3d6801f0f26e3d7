/** People look for a message by its Message-ID: each line of it has it, whoever sends it and how. */
import { expect, test, vi } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, pipeline, start } from '../support/session.ts'

/** The lines of the log that these facts make, as objects. */
function lines(facts: readonly Fact[]): Record<string, unknown>[] {
  let written = ''
  const tell = logFromFacts(
    createLog({ level: 'debug', format: 'json', write: (line) => (written += line) }),
  )
  for (const fact of facts) tell(fact)
  return written
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** However busy the machine is. */
const eventually = async (check: () => void): Promise<void> => {
  await vi.waitFor(check, { timeout: 60_000 })
}
const messageId = '<1@client.test>'
const field = `Message-ID: ${messageId}\r\n`
const small = `Subject: x\r\n${field}\r\nhello\r\n`
const long = `x: ${'y'.repeat(900)}\r\n`.repeat(200)

interface Way {
  readonly to?: readonly string[]
  readonly mail?: string
  readonly text?: string
  readonly bdat?: readonly string[]
  readonly none?: true
  readonly gone?: true
}

const ways: Readonly<Record<string, Way>> = {
  'one recipient': {},
  'two recipients of one group': { to: ['a', 'b'] },
  'two groups': { to: ['a', 'strict'] },
  'a PRDR client': { to: ['a', 'strict'], mail: ' PRDR' },
  'a PRDR client with one recipient': { mail: ' PRDR' },
  'a large text': { text: `${small}${'body\r\n'.repeat(40_000)}` },
  'a large header section in front of it': { text: `${long}${small}` },
  'a text that is all header': { text: `Subject: x\r\n${field}` },
  'BDAT in pieces': { bdat: ['Subject: x\r\nMess', `age-ID: ${messageId}\r\n\r\nhel`, 'lo\r\n'] },
  'a text that is refused for its form': { text: `${small}a\nb\r\n` },
  'a client that goes in the middle of its text': { text: small, gone: true },
  'a text that has none': { text: 'Subject: x\r\n\r\nMessage-ID: <2@client.test>\r\n', none: true },
  'a text with an empty one before it': { text: `Message-ID:\r\n${small}` },
}

test.each(Object.entries(ways))(
  'log.md: “each line of the message also has its Message-ID as `messageId`”: %s',
  async (_name, { to = ['a'], mail = '', text = small, bdat, none, gone }) => {
    await using backend = await startFakeBackend()
    await using app = await start({
      config: `ehlo: { chunking: true }\n${behind(backend)}policies: { careful: { tag_at: 6 }, strict: { reject_at: 6 } }`,
      recipients: 'strict@example.org: strict\n',
    })
    const client = await open(app.port)
    const envelope = [
      `MAIL FROM:<s@example.net>${mail}`,
      ...to.map((one) => `RCPT TO:<${one}@example.org>`),
    ]
    await pipeline(client, ...envelope, ...(bdat === undefined ? ['DATA'] : []))
    if (bdat === undefined) {
      client.send(gone === true ? text : `${text}.\r\n`)
      if (gone === true) {
        await eventually(() => expect(kindsOf(app.facts)).toContain('messageIdRead'))
        client.close()
        await eventually(() => expect(app.transactions()).toHaveLength(1))
      } else await client.reply()
    } else
      for (const [i, piece] of bdat.entries()) {
        const last = i === bdat.length - 1 ? ' LAST' : ''
        client.send(`BDAT ${piece.length}${last}\r\n${piece}`)
        await client.reply()
      }
    await eventually(() => expect(app.transactions()).toHaveLength(1))
    const facts = app.facts.filter((fact) => 'transaction' in fact)
    const read = facts.findIndex(({ kind }) => kind === 'messageIdRead')
    expect(read === -1).toBe(none === true)
    const [before, behindIt] = read === -1 ? [facts, []] : [facts.slice(0, read), facts.slice(read)]
    for (const line of lines(before)) expect(line).not.toHaveProperty('messageId')
    expect(lines(behindIt).map((line) => line['messageId'])).toEqual(
      lines(behindIt).map(() => messageId),
    )
    expect(app.transactions()[0]?.messageId).toBe(none === true ? undefined : messageId)
    client.close()
  },
)

const kindsOf = (facts: readonly Fact[]): readonly string[] => facts.map(({ kind }) => kind)
