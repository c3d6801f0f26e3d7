/** One message has one id, in everything that is told and kept of it. */
import { expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { behind, open, pipeline, start } from '../support/session.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

const text = 'Subject: x\r\nMessage-ID: <1@client.test>\r\nX-Spam-Score: 9\r\n\r\nhello\r\n.\r\n'

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

const idsOf = (told: readonly object[]): Set<unknown> =>
  new Set(told.flatMap((each) => ('transaction' in each ? [each.transaction] : [])))

test('all facts and all log lines of a message with several recipients carry one id, which its Received field and its split have, too', async () => {
  await using backend = await startFakeBackend({
    rules: [{ on: 'RCPT', having: 'nobody@', say: '550 5.1.1 no such user' }],
  })
  await using app = await start({
    config: `${behind(backend)}policies: { careful: { tag_at: 6 }, strict: { reject_at: 6 } }`,
    recipients: 'strict@example.org: strict\n',
  })
  const client = await open(app.port)
  const message = async (...to: readonly string[]): Promise<readonly Fact[]> => {
    const from = app.facts.length
    await pipeline(
      client,
      'MAIL FROM:<s@example.net>',
      ...to.map((address) => `RCPT TO:<${address}@example.org>`),
      'DATA',
    )
    client.send(text)
    await client.reply()
    return app.facts.slice(from)
  }

  const first = await message('a', 'strict', 'nobody', 'b')
  const [id] = app.transactions().map((each) => each.transaction)
  const session = app.transactions()[0]?.session ?? ''
  expect(id).toBe(`${session}.1`)
  expect(first.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['splitOpened', 'judged', 'backendDelivered', 'transactionEnded']),
  )
  expect(idsOf(first)).toEqual(new Set([id]))
  expect(first.filter((fact) => !('transaction' in fact)).map(({ kind }) => kind)).not.toContain(
    'backendDelivered',
  )
  const said = lines(first)
  expect(said.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['splitOpened', 'transactionEnded']),
  )
  expect(idsOf(said)).toEqual(new Set([id]))
  const received = backend.delivered.at(-1)?.text.toString('latin1') ?? ''
  expect(received).toMatch(new RegExp(`^Received: [^]*?\\bid ${id ?? ''}\\b`))

  // Its return is another transaction, and closes the split.
  const second = await message('strict')
  const again = `${session}.2`
  expect(second.map(({ kind }) => kind)).toContain('splitClosed')
  expect(idsOf(second)).toEqual(new Set([again]))
  expect(idsOf(lines(second))).toEqual(new Set([again]))

  const opened = first.find((fact) => fact.kind === 'splitOpened')
  const stored = await app.app.ledger.find(opened?.split ?? '')
  expect(stored).toMatchObject({ openedBy: id, attempt: { transaction: again } })
  client.close()
})
