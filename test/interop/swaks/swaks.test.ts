/**
 * swaks, the test client that operators use, against each part of the protocol it can show.
 *
 *   swaks 20201014 ─▶ Rcptwise ─▶ Postfix
 *
 * Exit codes as in its manual: 0 all well, 24 no recipient accepted, 26 not accepted after the
 * text.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd, type FrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix, type Postfix } from '../../support/lab/postfix.ts'
import type { Ran } from '../../support/lab/run.ts'
import { openSwaks, type Swaks } from '../../support/lab/swaks.ts'
import { until } from '../../support/lab/until.ts'

const strict = 'strict1@example.org'
const careful = 'careful1@example.org'
const tag = 'tag1@example.org'

describe.skipIf(interopObstacle() !== undefined)('swaks', () => {
  let backend: Postfix
  let rcptwise: FrontEnd
  let swaks: Swaks
  let sent = 0

  beforeAll(async () => {
    backend = await startPostfix({ server: { mailboxes } })
    rcptwise = await startFrontEnd({ backend: backend.port, recipients })
    swaks = await openSwaks()
  })
  afterAll(async () => {
    await swaks[Symbol.asyncDispose]()
    await rcptwise[Symbol.asyncDispose]()
    await backend[Symbol.asyncDispose]()
  })

  /** Sends a message with a subject of its own. */
  async function send(...args: readonly string[]): Promise<Ran & { subject: string }> {
    sent += 1
    const subject = `swaks ${sent}`
    const basics = [
      '--server',
      `127.0.0.1:${rcptwise.port}`,
      '--helo',
      'swaks.test',
      '--from',
      sender,
    ]
    const ran = await swaks.run([...basics, '--header', `Subject: ${subject}`, ...args])
    return { ...ran, subject }
  }

  /** How often a mailbox has a subject, once a message sent after it has arrived. */
  async function copies(address: string, subject: string): Promise<number> {
    const marker = await send('--to', address)
    const count = async (wanted: string): Promise<number> =>
      (await backend.mailbox(address)).filter((message) => message.includes(`Subject: ${wanted}\n`))
        .length
    await until('the marker arrives', async () => (await count(marker.subject)) === 1, {
      explain: rcptwise.log,
    })
    return await count(subject)
  }

  test('--prdr with different answers: 353, a line a recipient in RCPT order, and 250', async () => {
    const to = [careful, strict, tag].join(',')
    const ran = await send('--prdr', '--to', to, '--add-header', 'X-Spam-Score: 9.5')
    expect(ran.transcript).toContain(` -> MAIL FROM:<${sender}> PRDR\n`)
    const block = ran.transcript.slice(ran.transcript.indexOf('353 '))
    expect(block).toMatch(
      /^353 .*\n<- {2}250 .*\n<\*\* 550 5\.7\.1 <strict1@example\.org> .*\n<- {2}250 .*\n<- {2}250 /,
    )
    expect(ran.code).toBe(0)
    expect(await copies(careful, ran.subject)).toBe(1)
    expect(await copies(strict, ran.subject)).toBe(0)
    expect(await copies(tag, ran.subject)).toBe(1)
  })

  test.each([
    ['everyone accepts', [strict, tag], 3, 0],
    ['everyone refuses', [strict, careful], 20, 26],
    ['one recipient', [strict], 3, 0],
  ] as const)('--prdr, %s: the one traditional reply', async (_, to, score, code) => {
    const ran = await send('--prdr', '--to', to.join(','), '--add-header', `X-Spam-Score: ${score}`)
    expect(ran.transcript).not.toContain('353 ')
    expect(ran.transcript).toContain(` -> .\n${code === 0 ? '<-  250 ' : '<** 550 5.7.1 '}`)
    expect(ran.code).toBe(code)
  })

  test('without --prdr one group goes through and the others are told to come again', async () => {
    const ran = await send('--to', `${strict},${tag}`, '--add-header', 'X-Spam-Score: 3')
    expect(ran.transcript).toMatch(/<\*\* 451 4\.5\.3 <tag1@example\.org> .*; retry=00:01:00\n/)
    expect(ran.code).toBe(0)
    expect(await copies(strict, ran.subject)).toBe(1)
    expect(await copies(tag, ran.subject)).toBe(0)
  })

  test('--pipeline: MAIL, RCPTs and DATA in one write, replies in order', async () => {
    const ran = await send('--pipeline', '--to', `${strict},strict2@example.org`)
    expect(ran.transcript).toMatch(
      / -> MAIL .*\n -> RCPT .*\n -> RCPT .*\n -> DATA\n(?:<- {2}250 .*\n){3}<- {2}354 /,
    )
    expect(ran.code).toBe(0)
    expect(await copies('strict2@example.org', ran.subject)).toBe(1)
  })

  test.each([[[]], [['--prdr']], [['--pipeline']]])('--tls %j', async (further) => {
    const ran = await send('--tls', ...further, '--to', tag)
    expect(ran.transcript).toContain('=== TLS started with cipher TLSv1.3')
    expect(ran.transcript).not.toMatch(/^<~ {2}250-STARTTLS/m)
    expect(ran.code).toBe(0)
    expect(await copies(tag, ran.subject)).toBe(1)
  })

  test('--quit-after each phase is a session like any other', async () => {
    for (const phase of ['CONNECT', 'FIRST-HELO', 'HELO', 'MAIL', 'RCPT']) {
      const ran = await send('--quit-after', phase, '--to', tag)
      expect(ran.transcript).toMatch(/ -> QUIT\n<- {2}221 /)
      expect(ran.code).toBe(0)
    }
  })

  test.each(['CONNECT', 'FIRST-HELO', 'TLS', 'HELO', 'MAIL', 'RCPT', 'DATA'])(
    '--drop-after %s: nothing is delivered, and the next client is served',
    async (phase) => {
      const tls = phase === 'TLS' ? ['--tls'] : []
      const ran = await send('--drop-after', phase, ...tls, '--to', tag)
      expect(ran.code).toBe(0)
      expect(ran.transcript).not.toContain('<**')
      expect(await copies(tag, ran.subject)).toBe(0)
    },
  )

  test('--drop-after DOT: the reply was read, the message is there once', async () => {
    const ran = await send('--drop-after', 'DOT', '--to', tag)
    expect(ran.code).toBe(0)
    expect(await copies(tag, ran.subject)).toBe(1)
  })

  test.each(['HELO', 'MAIL', 'RCPT', 'DATA'])(
    '--drop-after-send %s: nothing is delivered, and the next client is served',
    async (phase) => {
      const ran = await send('--drop-after-send', phase, '--to', tag)
      expect(ran.code).toBe(0)
      expect(await copies(tag, ran.subject)).toBe(0)
    },
  )

  test('--drop-after-send DOT: the message was complete; it is delivered once or not at all', async () => {
    const ran = await send('--drop-after-send', 'DOT', '--to', tag)
    expect(ran.code).toBe(0)
    expect(await copies(tag, ran.subject)).toBeLessThanOrEqual(1)
  })
})
