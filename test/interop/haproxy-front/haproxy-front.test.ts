/**
 * A load balancer in front: everyone behind it still sees the client's own address.
 *
 *   a client at 127.0.0.9 or ::1 ─▶ HAProxy 2.6 ─(PROXY v2)▶ Rcptwise ─(XCLIENT | PROXY v2)▶ Postfix
 */
import { connect, type TcpNetConnectOpts } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { hasLoopback6, startHaproxy } from '../../support/lab/haproxy.ts'
import { mailboxes, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const tag = 'tag1@example.org'

/** Sends a message and gives the replies, the last one being the first that is not a yes. */
async function send(to: TcpNetConnectOpts, recipient: string): Promise<string[]> {
  const socket = connect(to)
  const client = new Client(socket)
  try {
    const answers = [(await client.reply()).join('\n')]
    const text = 'Subject: x\r\n\r\nx\r\n.'
    for (const command of [
      'EHLO client.test',
      `MAIL FROM:<${sender}>`,
      `RCPT TO:<${recipient}>`,
      'DATA',
      text,
    ]) {
      if (!/^[23]/.test(answers.at(-1) ?? '')) break
      answers.push(await client.ask(command))
    }
    return answers
  } finally {
    socket.destroy()
  }
}

/** The addresses in the lines by which Postfix opens a transaction, in brackets. */
const clientsOf = (log: string): string[] =>
  [...log.matchAll(/: client=[^[]*(\[.*?\])/g)].map(([, address = '']) => address)

describe.skipIf(interopObstacle() !== undefined)('HAProxy in front', () => {
  test.concurrent.each([
    ['xclient', 'smtpd_authorized_xclient_hosts = static:all'],
    ['proxy', 'smtpd_upstream_proxy_protocol = haproxy'],
  ])('Postfix is told by %s', async (told, main) => {
    await using backend = await startPostfix({ server: { mailboxes }, main: [main] })
    const config = {
      listen: [{ address: '127.0.0.1:0', proxy_protocol_from: ['127.0.0.0/8'] }],
      relay_domains: undefined,
      backend: { servers: [`smtp://127.0.0.1:${backend.port}`], client_address: told },
    }
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, config })
    await using haproxy = await startHaproxy(rcptwise.port)
    const ways = [
      ['127.0.0.1', '127.0.0.9'] as const,
      ...(hasLoopback6() ? [['::1', '::1'] as const] : []),
    ]
    for (const [server, localAddress] of ways) {
      const answers = await send({ host: server, port: haproxy.port, localAddress }, tag)
      expect(answers.at(-1)).toMatch(/^250 /)
      expect(rcptwise.transactions().at(-1)?.client.address).toBe(localAddress)
      const logged = `[${localAddress}]`
      await until(
        `Postfix logs ${logged}`,
        async () => clientsOf(await backend.log()).includes(logged),
        {
          explain: backend.log,
        },
      )
    }
    await backend.empty()
    expect(await backend.mailbox(tag)).toHaveLength(ways.length)

    const refused = await send(
      { host: '127.0.0.1', port: haproxy.port, localAddress: '127.0.0.9' },
      'x@elsewhere.test',
    )
    expect(refused.at(-1)).toMatch(/^55[04] 5\.7\.1 /)
  })
})
