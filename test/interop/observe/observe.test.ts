/**
 * `mode: observe` between real servers: what arrives, and what the sender hears, is the same as
 * without Rcptwise.
 *
 *   Postfix 3.7 ─▶ Postfix 3.7        and        Postfix 3.7 ─▶ Rcptwise (observes) ─▶ Postfix 3.7
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startDovecot } from '../../support/lab/dovecot.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'

const host = '127.0.0.1'
const nobody = 'nobody@example.org'
const server = { mailboxes, byHeader: { refuse: '5.6.0 Not this text' } }
/** A judge that nobody answers at, and on whose failure everyone would be put off. */
const config = {
  mode: 'observe',
  judges: [
    { headers: { from: ['127.0.0.0/8'] } },
    { rspamd: { url: 'http://127.0.0.1:9', time_limit: '1s', on_failure: 'accept' } },
  ],
}

/** What differs from one delivery to the next is left out, as is what Rcptwise adds. */
const asSent = (message: string): string =>
  message
    .replace(
      /^(?:Received|Return-Path|Delivered-To|X-Original-To|Message-Id|Date):.*\n(?:[ \t].*\n)*/gim,
      '',
    )
    .replaceAll(/=_[0-9A-Za-z.-]+/g, '')

async function arrived(backend: Postfix): Promise<Record<string, string[]>> {
  const mail: Record<string, string[]> = {}
  for (const address of mailboxes)
    mail[address] = (await backend.mailbox(address)).map(asSent).sort()
  return mail
}

/** All messages of the scenario, and one to nobody; then what arrived, and what was bounced. */
async function send(to: number, backend: Postfix) {
  await using postfix = await startPostfix({ relayTo: { host, port: to } })
  const everyone = [...Object.keys(recipients), nobody]
  for (const score of [3, 9.5, 20] as const)
    await postfix.submit({ ...mixedMessage(score, everyone), subject: `score ${score}` })
  const refused = mixedMessage(9.5)
  await postfix.submit({ ...refused, headers: [...(refused.headers ?? []), 'X-Lab: refuse'] })
  await postfix.empty()
  await backend.empty()
  const bounced = (await postfix.bounces())
    .map(({ recipient, reply }) => `${recipient}: ${reply}`)
    .sort()
  return { mail: await arrived(backend), bounced }
}

describe.skipIf(interopObstacle() !== undefined)('mode: observe', () => {
  test('in-and-out.md: “With mode: observe Rcptwise passes everything on as if it were not there”', async () => {
    await using direct = await startPostfix({ server })
    await using behind = await startPostfix({ server })
    await using rcptwise = await startFrontEnd({
      backend: behind.port,
      recipients,
      peer: { strategy: 'late' },
      config,
    })
    const [without, through] = [await send(direct.port, direct), await send(rcptwise.port, behind)]
    expect(through.mail).toEqual(without.mail)
    expect(through.bounced).toEqual(without.bounced)
    expect(Object.values(through.mail).flat()).toHaveLength(3 * Object.keys(recipients).length)
    expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    await expect.poll(async () => await rcptwise.metric('rcptwise_observed_messages_total')).toBe(4)
    // Two of them would have divided their recipients; the one that the server refuses divides nobody.
    expect(rcptwise.log().match(/"divided":true/g)).toHaveLength(2)
  })

  test('in front of Dovecot over LMTP: everyone has each message once and unmarked, and it is counted; in-and-out.md: “Behind LMTP a client without PRDR still has one reply for all”', async () => {
    const full = 'strict2@example.org'
    await using dovecot = await startDovecot({ mailboxes, full: [full] })
    await using rcptwise = await startFrontEnd({
      backend: `lmtp://${host}:${dovecot.port}`,
      recipients,
      peer: { strategy: 'late' },
      config,
    })
    await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    const others = Object.keys(recipients).filter((address) => address !== full)
    for (const score of [3, 9.5, 20] as const)
      await postfix.submit({ ...mixedMessage(score, others), subject: `score ${score}` })
    await postfix.submit({ ...mixedMessage(9.5, [full]), subject: 'no room' })
    await postfix.empty()
    for (const address of others) {
      const mail = await dovecot.mailbox(address)
      const subjects = mail.map((text) => /^Subject: (.*)$/m.exec(text)?.[1]?.trim()).sort()
      expect(subjects, address).toEqual(['score 20', 'score 3', 'score 9.5'])
      for (const text of mail) expect(text).not.toMatch(/^X-Spam-(?:Flag|Status)/m)
    }
    expect(await dovecot.mailbox(full)).toEqual([])
    const bounced = await postfix.bounces()
    expect(bounced.map(({ recipient }) => recipient)).toEqual([full])
    expect(bounced[0]?.reply).toContain('5.2.2')
    await expect.poll(async () => await rcptwise.metric('rcptwise_observed_messages_total')).toBe(4)
    expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    // What each would have been told is there, beside what Dovecot has said.
    expect(rcptwise.log()).toMatch(/"verdict":"reject".{0,200}Saved/)
  })

  test("in-and-out.md: “It offers PRDR only if your server offers it, and passes your server's answers on” Exim on both sides", async () => {
    await using backend = await startExim({ server: { mailboxes, prdr: true } })
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, config })
    await using swaks = await openSwaks()
    const basics = ['--server', `${host}:${rcptwise.port}`, '--from', sender]
    const said = await swaks.run([...basics, '--to', 'tag1@example.org'])
    expect(said.transcript).toContain('PRDR')

    await using plain = await startPostfix({ server })
    await using other = await startFrontEnd({ backend: plain.port, recipients, config })
    const to = ['--server', `${host}:${other.port}`, '--from', sender, '--to', 'tag1@example.org']
    expect((await swaks.run(to)).transcript).not.toContain('PRDR')
  })
})
