/** The main job on real sockets: a message whose recipients differ, each with their own answer. */
import { describe, expect, test } from 'vitest'
import { startTestApp } from './support/app.ts'
import { play } from './support/dialogue.ts'

const recipients = `
"tag@example.org": tag-only
"careful@example.org": careful
"strict@example.org": strict
`

describe('PRDR', () => {
  test('each recipient gets their own reply, in one transaction', async () => {
    await using app = await startTestApp({ recipients })
    await play(
      app.port,
      `
      S: 220 mx.test ESMTP Rcptwise
      C: EHLO client.test
      S: 250-mx.test
      S: 250-PIPELINING
      S: 250-SIZE 52428800
      S: 250-STARTTLS
      S: 250-ENHANCEDSTATUSCODES
      S: 250-8BITMIME
      S: 250-DSN
      S: 250-SMTPUTF8
      S: 250-GREYLIST
      S: 250 PRDR
      C: MAIL FROM:<s@example.net> PRDR
      C: RCPT TO:<tag@example.org>
      C: RCPT TO:<strict@example.org>
      C: RCPT TO:<careful@example.org>
      C: DATA
      S: 250 2.1.0 *
      S: 250 2.1.5 *
      S: 250 2.1.5 *
      S: 250 2.1.5 *
      S: 354 *
      C: Subject: test
      C: X-Spam-Score: 9.5
      C:
      C: hello
      C: .
      C: QUIT
      S: 353 *
      S: 250 2.0.0 *
      S: 550 5.7.1 <strict@example.org> *
      S: 250 2.0.0 *
      S: 250 2.0.0 *
      S: 221 2.0.0 Bye
      S: <end>
      `,
    )
    expect(await app.mail('strict@example.org')).toHaveLength(0)
    const [tagged] = await app.mail('tag@example.org')
    expect(tagged).toContain('X-Spam-Flag: YES\r\n')
    expect(await app.mail('careful@example.org')).toHaveLength(1)
    expect(app.transactions()).toMatchObject([{ mode: 'prdr', outcome: 'mixed', score: 9.5 }])
  })
})

describe('group', () => {
  test('the groups come one after the other, the refused one last and alone', async () => {
    await using app = await startTestApp({ recipients })
    const attempt = (rcpts: string, replies: string): string => `
      S: 220 *
      C: EHLO client.test
      S: 250-mx.test
      S: 250-PIPELINING
      S: 250-SIZE *
      S: 250-STARTTLS
      S: 250-ENHANCEDSTATUSCODES
      S: 250-8BITMIME
      S: 250-DSN
      S: 250-SMTPUTF8
      S: 250-GREYLIST
      S: 250 PRDR
      C: MAIL FROM:<s@example.net>
      ${rcpts}
      C: DATA
      S: 250 2.1.0 *
      ${replies}
      `
    const text = `
      C: Subject: test
      C: Message-ID: <1@example.net>
      C: X-Spam-Score: 9.5
      C:
      C: hello
      C: .
      C: QUIT
      `
    // Largest group first would be a tie here, so the first one offered goes: the strict one, whose
    // refusal has to wait (rule 2). Nothing but the text tells that the second attempt is the first
    // one's return (rule 10), but who would go in vain goes last all the same.
    await play(
      app.port,
      attempt(
        'C: RCPT TO:<strict@example.org>\nC: RCPT TO:<tag@example.org>',
        `S: 250 *\nS: 451 4.5.3 <tag@example.org> * again in 60 seconds; retry=00:01:00\nS: 354 *`,
      ) + `${text}\nS: 451 4.5.3 *retry=00:01:00\nS: 221 *\nS: <end>`,
    )
    await play(
      app.port,
      attempt(
        'C: RCPT TO:<strict@example.org>\nC: RCPT TO:<tag@example.org>',
        `S: 451 4.5.3 *\nS: 250 *\nS: 354 *`,
      ) + `${text}\nS: 250 2.0.0 *\nS: 221 *\nS: <end>`,
    )
    await play(
      app.port,
      attempt('C: RCPT TO:<strict@example.org>', `S: 250 *\nS: 354 *`) +
        `${text}\nS: 550 5.7.1 <strict@example.org> *\nS: 221 *\nS: <end>`,
    )
    expect(await app.mail('tag@example.org')).toHaveLength(1)
    expect(await app.mail('strict@example.org')).toHaveLength(0)
    const metrics = await app.metrics()
    expect(metrics).toContain('rcptwise_forced_retries_total{peer="default",strategy="group"} 3')
    expect(metrics).toContain(
      'rcptwise_splits_total{peer="default",strategy="group",outcome="completed"} 1',
    )
    expect(metrics).toContain(
      'rcptwise_retry_delay_seconds_count{peer="default",strategy="group"} 3',
    )
  })
})
