/**
 * The clock is set while a message is split: its course goes on, nobody has it twice, and new mail
 * is split as before.
 */
import { expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const [tag, strict] = ['tag@example.org', 'strict@example.org'] as const
const recipients = `"${tag}": tag-only\n"${strict}": strict\n`

/** One attempt of a message that only `strict` refuses; the replies to RCPT, and to the text. */
async function attempt(app: TestApp, subject: string, to: readonly string[]): Promise<string[]> {
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@example.net>')
  const said: string[] = []
  for (const recipient of to) said.push(await client.ask(`RCPT TO:<${recipient}>`))
  if ((await client.ask('DATA')).startsWith('354'))
    said.push(
      await client.ask(
        `Subject: ${subject}\r\nMessage-ID: <${subject}@x>\r\nX-Spam-Score: 9.5\r\n\r\nx\r\n.`,
      ),
    )
  // Only who goes on has heard the answer (decision 43).
  await client.ask('QUIT')
  await client.ask('QUIT')
  client.close()
  return said.map((line) => line.slice(0, 3))
}

/**
 * A sender that tries until everybody has an answer; who got 250 and who 550. `between`: before
 * each further attempt.
 */
async function send(
  app: TestApp,
  subject: string,
  between: () => void,
): Promise<Record<string, string>> {
  const answers: Record<string, string> = {}
  let left: readonly string[] = [tag, strict]
  for (let attempts = 0; left.length > 0 && attempts < 6; attempts++) {
    if (attempts > 0) between()
    const said = await attempt(app, subject, left)
    const text = said.at(-1) ?? ''
    for (const [i, recipient] of left.entries()) {
      const own = said[i]?.startsWith('2') === true ? text : (said[i] ?? '')
      if (!own.startsWith('4')) answers[recipient] = own
    }
    left = left.filter((recipient) => answers[recipient] === undefined)
  }
  return answers
}

const hour = 3_600_000
const day = 24 * hour

test.each([
  ['an hour forward', [hour]],
  ['an hour back', [-hour]],
  ['a day forward', [day]],
  ['a day back', [-day]],
  ['a day forward and back again', [day, -day]],
  ['a day back and forward again', [-day, day]],
  ['a day forward each time', [day, day, day]],
])('%s: a split comes to its end, and so does the next one', async (_name, jumps) => {
  let ahead = 0
  const next = [...jumps]
  const now = (): number => Date.now() + ahead
  await using app = await startTestApp({
    config: 'peers: [{ name: default, strategy: late }]',
    recipients,
    now,
  })
  const jump = (): void => {
    ahead += next.shift() ?? 0
  }
  const each = { [tag]: '250', [strict]: '550' }
  expect(await send(app, 'during', jump)).toEqual(each)
  expect(await send(app, 'afterwards', () => undefined)).toEqual(each)
  for (const subject of ['during', 'afterwards'])
    expect(
      (await app.mail(tag)).filter((text) => text.includes(`Subject: ${subject}`)),
    ).toHaveLength(1)
  expect(await app.mail(strict)).toEqual([])
  expect(app.facts.filter(({ kind }) => kind === 'splitClosed')).toHaveLength(2)
})
