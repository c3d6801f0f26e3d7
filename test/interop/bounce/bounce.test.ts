/**
 * Refusals reported to a sender that SPF vouches for: one attempt, no deferral, and a report that
 * the backend brings home.
 *
 *   Postfix (client.test) ─▶ Rcptwise, strategy bounce ─▶ Postfix (example.org) ─▶ the report, to Postfix (client.test)
 *                              └─ dnsmasq: SPF of client.test names 127.0.0.1
 */
import { Resolver } from 'node:dns/promises'
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, lenientFates, mixedMessage, recipients } from '../../support/lab/mixed.ts'
import { Place } from '../../support/lab/place.ts'
import { freePort } from '../../support/lab/ports.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const mailboxes = Object.keys(recipients)
const score = 9.5

/** Knows one SPF record and nothing else. Gives its port. */
async function startDns(place: Place): Promise<number> {
  const port = await freePort()
  const listen = ['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`, '--pid-file']
  const record = '--txt-record=client.test,v=spf1 ip4:127.0.0.1 -all'
  const alone = [
    '--no-resolv',
    '--no-hosts',
    '--local=/test/',
    '--user=root',
    '--conf-file=/dev/null',
  ]
  await place.start('/usr/sbin/dnsmasq', ['--keep-in-foreground', ...listen, ...alone, record])
  const resolver = new Resolver({ timeout: 500, tries: 1 })
  resolver.setServers([`${host}:${port}`])
  await until(
    'dnsmasq answers',
    async () => (await resolver.resolveTxt('client.test').catch(() => [])).length > 0,
    {
      explain: async () => await place.read('/daemon.log'),
    },
  )
  return port
}

describe.skipIf(interopObstacle() !== undefined)('strategy bounce between two Postfixes', () => {
  /**
   * The client knows Rcptwise, the backend knows the client: whoever is named by port is started
   * first, but for Rcptwise.
   */
  async function start(vouchedBy: readonly string[]) {
    await using parts = new AsyncDisposableStack()
    const dns = await startDns(parts.use(await Place.make('dnsmasq')))
    const port = await freePort()
    const client = parts.use(
      await startPostfix({ hostname: 'out.client.test', relayTo: { host, port } }),
    )
    const backend = parts.use(
      await startPostfix({ server: { mailboxes }, relayTo: { host, port: client.port } }),
    )
    const rcptwise = parts.use(
      await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy: 'bounce' },
        config: {
          listen: [`${host}:${port}`],
          backend: { servers: [`smtp://${host}:${backend.port}`], client_address: 'xclient' },
          bounces: { vouched_by: vouchedBy, dns_servers: [`${host}:${dns}`] },
        },
      }),
    )
    const owned = parts.move()
    return {
      client,
      backend,
      rcptwise,
      [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
    }
  }

  test('SPF vouches: who accepts has it, the others are in one report to the sender', async () => {
    await using lab = await start(['spf'])
    const { client, backend, rcptwise } = lab
    await client.submit(mixedMessage(score))
    await expectFates(client, backend, fates[score])
    expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    expect(await rcptwise.metric('rcptwise_bounces_total')).toBe(1)
    expect(rcptwise.transactions()).toHaveLength(1)

    const [report = '', ...more] = new Set((await client.bounces()).map((bounce) => bounce.report))
    expect(more, 'one report for both').toEqual([])
    expect(report).toMatch(/^Return-Path: <>$/m)
    expect(report).toMatch(/^Content-Type: multipart\/report; report-type=delivery-status;$/m)
    expect(report).toMatch(/^Auto-Submitted: auto-replied$/m)
    // Postfix says ORCPT of its own accord.
    expect(report).toMatch(/^Original-Recipient: rfc822; ?strict1@example\.org$/m)
    expect(report, "the original's header section").toMatch(/^X-Spam-Score: 9\.5$/m)
    expect(report, 'not its body').not.toMatch(/^A line\.$/m)
  })

  test('nobody vouches: as lenient, and no report', async () => {
    await using lab = await start(['dkim'])
    const { client, backend, rcptwise } = lab
    await client.submit(mixedMessage(score))
    await expectFates(client, backend, lenientFates[score])
    expect(rcptwise.log()).toContain('"result":"unvouched"')
    expect(await client.bounces()).toEqual([])
  })
})
