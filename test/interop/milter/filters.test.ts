/**
 * The filters that sites have, as judges, unchanged: OpenDKIM, OpenDMARC, clamav-milter, and
 * rspamd's proxy worker.
 *
 *   a client ─▶ Rcptwise ─▶ Postfix
 *                  └─(milter)▶ one filter, or several in order
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkJudges } from '../../../src/cli/check-judges.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import {
  eicar,
  makeDkimKey,
  startClamavMilter,
  startOpendkim,
  startOpendmarc,
} from '../../support/lab/milters.ts'
import { freePort } from '../../support/lab/ports.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'
import { startRspamd } from '../../support/lab/rspamd.ts'

const [ann, bob, cid] = ['ann@example.org', 'bob@example.org', 'cid@example.org'] as const
const everybody = [ann, bob, cid]
const policies = { [ann]: 'strict', [bob]: 'careful', [cid]: 'tag-only' }

async function send(
  rcptwise: FrontEnd,
  { to = everybody, text, from = '127.0.0.1' }: Sent,
): Promise<string> {
  const client = await Client.connect(rcptwise.port, '127.0.0.1', from)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask('MAIL FROM:<ann@client.test>')
    for (const address of to) await client.ask(`RCPT TO:<${address}>`)
    await client.ask('DATA')
    return await client.ask(`${text}.`)
  } finally {
    client.close()
  }
}

interface Sent {
  readonly to?: readonly string[]
  readonly text: string
  readonly from?: string
}

const plain = (subject: string, body = 'Hello\r\n'): string =>
  [
    'From: Ann <ann@client.test>',
    `To:  <${ann}>`,
    `Subject:${subject}`,
    'Date: Mon, 30 Nov 2026 04:00:00 +0000',
    `Message-ID:<${subject}@client.test>`,
    '',
    body,
  ].join('\r\n')

describe.skipIf(interopObstacle() !== undefined)('filters that sites have', () => {
  let backend: Postfix
  beforeAll(async () => {
    backend = await startPostfix({ server: { mailboxes: everybody } })
  })
  afterAll(async () => {
    await backend[Symbol.asyncDispose]()
  })

  const front = async (
    ...judges: readonly Readonly<Record<string, unknown>>[]
  ): Promise<FrontEnd> =>
    await startFrontEnd({
      backend: backend.port,
      recipients: policies,
      peer: { strategy: 'late' },
      config: { judges },
    })

  async function had(address: string, subject: string): Promise<string> {
    await backend.empty()
    const found = (await backend.mailbox(address)).find(
      (text) => text.includes(`Subject:${subject}\n`) || text.includes(`Subject:${subject}\r\n`),
    )
    if (found === undefined) throw new Error(`${address} has no message ${subject}`)
    return found
  }

  test('OpenDKIM signs what leaves, octet by octet, and verifies it when it comes back', async () => {
    const key = makeDkimKey('client.test')
    await using signer = await startOpendkim('sign', key)
    await using verifier = await startOpendkim('verify', key)
    await using dmarc = await startOpendmarc()
    await using signing = await front({ milter: { name: 'signer', url: signer.url } })
    expect(await send(signing, { text: plain('dkim'), to: [ann] })).toMatch(/^250 /)
    const signed = await had(ann, 'dkim')
    expect(signed).toContain('DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=client.test;')

    await using verifying = await front(
      { milter: { name: 'verifier', url: verifier.url } },
      { milter: { name: 'dmarc', url: dmarc.url } },
    )
    const came = signed.slice(signed.indexOf('DKIM-Signature:')).replaceAll(/\r?\n/g, '\r\n')
    expect(await send(verifying, { text: came, to: [bob], from: '127.0.0.2' })).toMatch(/^250 /)
    const verified = await had(bob, 'dkim')
    expect(verified).toMatch(/^Authentication-Results: mx\.example\.org;[^]{0,20}dkim=pass/m)
    // OpenDMARC has seen what OpenDKIM wrote: it writes above it.
    expect(verified).toMatch(/Authentication-Results: mx\.example\.org;? dmarc=[^]+dkim=pass/)

    const altered = came.replace('Hello', 'Hallo')
    expect(await send(verifying, { text: altered, to: [cid], from: '127.0.0.2' })).toMatch(/^250 /)
    expect(await had(cid, 'dkim')).toMatch(/dkim=fail/)
  })

  test('clamav-milter refuses EICAR for everyone, in its words, and marks what is clean', async () => {
    await using clamav = await startClamavMilter()
    await using rcptwise = await front({ milter: { name: 'clamav', url: clamav.url } })
    expect(await send(rcptwise, { text: plain('virus', `${eicar}\r\n`) })).toMatch(
      /^550 5\.7\.1 Virus found: Test\.Eicar/,
    )
    expect(await send(rcptwise, { text: plain('clean') })).toMatch(/^250 /)
    expect(await had(ann, 'clean')).toMatch(/^X-Virus-Status: Clean\r?$/m)
    expect(await rcptwise.metric('rcptwise_judge_results_total')).toBe(2)

    const config = parseConfig(
      `judges:\n  - milter: { name: clamav, url: "${clamav.url}" }\n  - milter: { url: "${clamav.clamd}" }\n`,
      'config.yaml',
    )
    if (!config.ok) throw new Error('the configuration is wrong')
    const [good, bad] = await checkJudges(config.config)
    expect(good).toEqual({
      level: 'ok',
      what: 'judge',
      where: 'clamav',
      text: `clamav answers: ${clamav.url.replace('inet:', '')}`,
    })
    expect(bad?.text).toMatch(/milter: \S+ (?:it is clamd|closes|does not answer)/)
  })

  test('rspamd by its proxy worker: its thresholds count for everyone, its changes are made', async () => {
    const port = await freePort()
    await using rspamd = await startRspamd({
      config: `worker "rspamd_proxy" { bind_socket = "127.0.0.1:${port}"; milter = yes; count = 1;
        timeout = 30s; upstream "local" { default = yes; self_scan = yes; } }`,
    })
    await using rcptwise = await front({
      milter: { name: 'proxy', url: `inet:127.0.0.1:${port}` },
    })
    const edits = `edits\r\nX-Test-Score: 3\r\nX-Test-Edits: yes`
    expect(await send(rcptwise, { text: plain(edits) })).toMatch(/^250 /)
    expect(await had(cid, 'edits')).toMatch(/^X-Added: one\r?$/m)
    expect(await send(rcptwise, { text: plain('spam\r\nX-Test-Score: 20') })).toMatch(/^5\d\d /)
    expect(await send(rcptwise, { text: plain('later\r\nX-Test-Action: soft reject') })).toMatch(
      /^451 4\.7\.1 /,
    )
    expect(await rspamd.log()).toContain('rcpts: <ann@example.org,bob@example.org,cid@example.org>')
  })
})
