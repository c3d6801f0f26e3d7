/**
 * Two servers behind, one of which is killed while mail flows, and started again.
 *
 *   Postfix, which queues and tries again ─▶ Rcptwise ─┬─▶ Postfix one, killed and started again
 *                                                      └─▶ Postfix two
 *
 * Every message arrives. Twice at most where the server was lost behind the final dot
 * (docs/known-limits.md).
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const to = 'a@example.org'
const server = { mailboxes: [to] }

const subjects = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `number ${from + i}`)

/** From four senders at a time. */
async function submit(sender: Postfix, all: readonly string[]): Promise<void> {
  const rest = [...all]
  const one = async (): Promise<void> => {
    for (let subject = rest.shift(); subject !== undefined; subject = rest.shift())
      await sender.submit({ from: 'sender@client.test', to: [to], subject })
  }
  await Promise.all([one(), one(), one(), one()])
}

const subjectOf = (message: string): string => /^Subject: (.*)$/m.exec(message)?.[1] ?? ''
const subjectsIn = async (postfix: Postfix): Promise<string[]> =>
  (await postfix.mailbox(to)).map(subjectOf)

/**
 * The messages that it has taken, each once: killed between a delivery and its note of it, it
 * delivers again by itself.
 */
async function takenBy(postfix: Postfix): Promise<string[]> {
  const messages = await postfix.mailbox(to)
  return [
    ...new Map(
      messages.map((message) => [/ with E?SMTPS? id (\w+)/.exec(message)?.[1], message]),
    ).values(),
  ]
}

describe.skipIf(interopObstacle() !== undefined)('two servers behind', () => {
  test('one is killed while mail flows, and comes back: every message arrives', async () => {
    await using one = await startPostfix({ server })
    await using two = await startPostfix({ server })
    const backend = {
      servers: [one, two].map(({ port }) => `smtp://${host}:${port}`),
      health: { eject_for: '500ms', eject_at_most: '1s' },
    }
    await using rcptwise = await startFrontEnd({ backend: one.port, config: { backend } })
    await using sender = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    const up = async (): Promise<number> => await rcptwise.metric('rcptwise_backend_up')
    await until('both can be used', async () => (await up()) === 2)

    const first = submit(sender, subjects(0, 40))
    await until('mail flows to both', async () => {
      const [here, there] = [await subjectsIn(one), await subjectsIn(two)]
      return here.length >= 3 && there.length >= 3
    })
    await one.kill()
    await first
    await submit(sender, subjects(40, 20))
    await until('one is out of use', async () => (await up()) === 1)
    await sender.empty()

    await one.restart()
    await until('one is used again', async () => (await up()) === 2)
    const before = (await subjectsIn(one)).length
    await submit(sender, subjects(60, 20))
    await sender.empty()
    for (const postfix of [one, two]) await postfix.empty()

    const arrived = [...(await takenBy(one)), ...(await takenBy(two))].map(subjectOf)
    expect([...new Set(arrived)].sort()).toEqual(subjects(0, 80).sort())
    // Nobody can know whether a server that goes away behind the dot has taken the message (RFC
    // 1047).
    const lost = rcptwise
      .log()
      .split('\n')
      .filter((line) => line.includes('"step":"text"'))
    expect(arrived.length - 80).toBeLessThanOrEqual(lost.length)
    expect((await subjectsIn(one)).length).toBeGreaterThan(before)
    expect(await sender.bounces()).toEqual([])
  })
})
