/**
 * Texts whose first line is anything, with header fields put in front: in a real mailbox these stay
 * fields of the header section, with their values, and the sender's lines are behind them.
 *
 *   a client of ours ─▶ Rcptwise, which tags (GTUBE) ─▶ Postfix, or Exim
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { send } from './raw-sender.ts'

const to = 'tag1@example.org'
const server = { mailboxes: [to] }
const gtube = ['XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD', 'ANTI-UBE-TEST-EMAIL*C.34X'].join('-')

const firstLines = [
  [
    'a line of a mailbox',
    'From ann@example.net Mon Oct  5 08:00:00 2026',
    'X-Mailbox-Line: From ann@example.net',
  ],
  ['a quoted one', '>From ann', 'X-Mailbox-Line: >From ann'],
  ['a blank', ' X-Rcptwise-Recipient: boss@example.org', undefined],
  ['a TAB', '\tand more of your field', undefined],
  ['plain text', 'hello you', undefined],
  ['a field', 'Subject: x', 'Subject: x'],
] as const

describe.skipIf(interopObstacle() !== undefined).each([
  ['Postfix', async () => await startPostfix({ server })],
  ['Exim', async () => await startExim({ server })],
] as const)('%s as the server behind', (_server, start) => {
  test(
    'fields that we put in front stay fields, whatever the text begins with',
    { timeout: 60_000 },
    async () => {
      await using backend = await start()
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients: { [to]: 'tag-only' },
      })
      for (const [name, first] of firstLines) {
        const text = Buffer.from(`${first}\r\nX-Lab: ${name}\r\n\r\n${gtube}\r\n`)
        expect(await send(rcptwise.port, { to: [to], text, by: 'DATA' }), name).toEqual([
          expect.stringMatching(/^250 /),
        ])
      }
      await backend.empty()
      const messages = await backend.mailbox(to)
      expect(messages).toHaveLength(firstLines.length)
      for (const [name, first, asField] of firstLines) {
        const message = messages.find((one) => one.includes(`X-Lab: ${name}\n`)) ?? ''
        const header = message.slice(0, message.indexOf('\n\n') + 1)
        expect(header, name).toMatch(/^X-Spam-Flag: YES\n/m)
        expect(header, name).toMatch(/^X-Spam-Score: 1000\n/m)
        expect(header, name).toMatch(/^X-Rcptwise-Verdict: tag\n(?![ \t])/m)
        if (asField === undefined)
          expect(message.slice(header.length), name).toContain(`\n${first}\n`)
        else expect(header, name).toContain(`\n${asField}`)
      }
    },
  )
})
