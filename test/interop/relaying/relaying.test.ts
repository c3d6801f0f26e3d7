/**
 * Rule 8: which routes in front of the last @ real servers follow when they trust the client (the
 * table of docs/relaying.md), and that Rcptwise lets none of them through.
 *
 *   a client on 127.0.0.1 ─▶ Postfix | Exim | sendmail ─▶ a server that writes down whom mail is for
 *   a client ─▶ Rcptwise (client_address: none) ─▶ the same
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { startSendmailBackend } from '../../support/lab/sendmail-backend.ts'
import { until } from '../../support/lab/until.ts'

interface Server extends AsyncDisposable {
  readonly port: number
  readonly log: () => Promise<string>
}

type StartServer = (relayTo: { readonly host: string; readonly port: number }) => Promise<Server>

const patient = [
  'smtpd_recipient_restrictions =',
  'smtpd_soft_error_limit = 1000',
  'smtpd_hard_error_limit = 1001',
  'smtpd_error_sleep_time = 0',
]
const postfix =
  (...main: string[]): StartServer =>
  async (relayTo) =>
    await startPostfix({ relayTo, main: [...patient, ...main] })
const exim =
  (...main: string[]): StartServer =>
  async (relayTo) =>
    await startExim({ relayTo, main: () => main, server: { mailboxes: ['ann@ours.test'] } })
const sendmail =
  (...lines: string[]): StartServer =>
  async ({ host, port: relay }) =>
    await startSendmailBackend({
      mailboxes: ['ann'],
      lines: (port) =>
        [
          `define(\`SMART_HOST', \`relay:[${host}]')dnl`,
          `define(\`RELAY_MAILER_ARGS', \`TCP $h ${relay}')dnl`,
          "define(`confBAD_RCPT_THROTTLE', `1000')dnl",
          "RELAY_DOMAIN(`127.0.0.1')dnl",
          ...lines,
          `DAEMON_OPTIONS(\`Name=MTA, Addr=127.0.0.1, Port=${port}')dnl`,
        ].join('\n'),
    })

const localToExim = 'domainlist local_domains = ours.test : client.test'
/** In the order of the columns of the table. */
const servers: readonly (readonly [string, StartServer])[] = [
  [
    'Postfix 3.7, `mydestination`',
    postfix('mydestination = ours.test', 'local_transport = error:nobody here'),
  ],
  ['Postfix, `relay_domains`', postfix('relay_domains = ours.test')],
  [
    'Postfix, virtual domains',
    postfix(
      'virtual_mailbox_domains = ours.test',
      'virtual_mailbox_maps = inline:{ann@ours.test=ann/}',
    ),
  ],
  ['Exim 4.96, local domain', exim(localToExim)],
  ['Exim, with `percent_hack_domains`', exim(localToExim, 'percent_hack_domains = ours.test')],
  ['Exim, relaying', exim()],
  ['sendmail 8.17, local domain', sendmail("LOCAL_DOMAIN(`ours.test')dnl")],
  ['sendmail, relaying', sendmail("RELAY_DOMAIN(`ours.test')dnl")],
]

/** The table of the page: a form of the local part, and what becomes of it at each server. */
const page = readFileSync(path.join(import.meta.dirname, '../../../docs/relaying.md'), 'utf8')
const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
const [head = [], , ...rows] = page
  .slice(page.indexOf('| local part |'))
  .split('\n\n', 1)
  .flatMap((table) => table.split('\n'))
  .map(cells)
const forms = rows.flatMap(([written = '', ...outcomes]) =>
  [...written.matchAll(/`([^`]+)`/g)].map(([, local = '']) => ({ local, outcomes })),
)

/** What becomes of a recipient, in the words of the table. */
async function outcome(client: Client, out: FakeBackend, recipient: string): Promise<string> {
  await client.ask('RSET')
  await client.ask('MAIL FROM:<s@client.test>')
  const said = await client.ask(`RCPT TO:<${recipient}>`)
  if (!said.startsWith('250')) return 'no'
  const before = out.delivered.length
  expect(await client.ask('DATA')).toMatch(/^354/)
  expect(await client.ask('Subject: x\r\n\r\nx\r\n.')).toMatch(/^250/)
  await until(`${recipient} goes somewhere`, () => out.delivered.length > before)
  const arrived =
    out.delivered
      .at(-1)
      ?.recipients[0]?.replace(/ ORCPT=.*/, '')
      .slice(1, -1) ?? ''
  const domain = arrived.slice(arrived.lastIndexOf('@') + 1)
  if (domain === 'ours.test') return 'passed on'
  return domain === 'elsewhere.test' || domain === 'elsewhere.test%ours.test'
    ? 'followed'
    : `to \`${domain}\``
}

async function connect(port: number): Promise<Client> {
  const client = await Client.connect(port)
  await client.reply()
  await client.ask('EHLO client.test')
  return client
}

describe.skipIf(interopObstacle() !== undefined)('routes in front of the last @', () => {
  test('the page has a column for each server', () =>
    expect(head.slice(1)).toEqual(servers.map(([name]) => name)))

  test.concurrent.each(servers.map(([name, start], column) => ({ name, start, column })))(
    '$name: what it follows is what docs/relaying.md says, and with Rcptwise in front nobody gets that far',
    async ({ start, column }) => {
      await using out = await startFakeBackend()
      await using backend = await start({ host: '127.0.0.1', port: out.port })
      const direct = await connect(backend.port)
      const measured: string[] = []
      for (const { local } of forms)
        measured.push(`${local}: ${await outcome(direct, out, `${local}@ours.test`)}`)
      direct.close()
      const told = forms.map(
        ({ local, outcomes }) => `${local}: ${outcomes[column]?.replaceAll('*', '') ?? ''}`,
      )
      expect(measured).toEqual(told)

      const left = out.delivered.length
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        config: {
          relay_domains: ['ours.test'],
          backend: { servers: [`smtp://127.0.0.1:${backend.port}`], tls: 'off' },
        },
      })
      const client = await connect(rcptwise.port)
      await client.ask('MAIL FROM:<s@client.test>')
      for (const { local } of forms) {
        const said = await client.ask(`RCPT TO:<${local}@ours.test>`)
        if (/[%!@]/.test(local))
          expect(said, local).toMatch(/^550 5\.7\.1 An address with a route in it/)
      }
      client.close()
      expect(out.delivered).toHaveLength(left)
    },
  )

  test.concurrent.each([
    ['Postfix', postfix('mydestination = ours.test', 'local_transport = error:nobody here'), false],
    [
      'Postfix without its hacks',
      postfix(
        'mydestination = ours.test',
        'local_transport = error:nobody here',
        'allow_percent_hack = no',
        'swap_bangpath = no',
        'resolve_dequoted_address = no',
      ),
      true,
    ],
    ['Exim', exim(localToExim), true],
    [
      'Exim with percent_hack_domains',
      exim(localToExim, 'percent_hack_domains = ours.test'),
      false,
    ],
    ['sendmail', sendmail("LOCAL_DOMAIN(`ours.test')dnl"), false],
  ])(
    'with backend.follows_routes: false %s is asked first: used only if it follows none',
    async (_name, start, used) => {
      await using out = await startFakeBackend()
      await using backend = await start({ host: '127.0.0.1', port: out.port })
      const servers = [`smtp://127.0.0.1:${backend.port}`]
      const config = {
        relay_domains: ['ours.test'],
        backend: { servers, tls: 'off', follows_routes: false },
      }
      const why = await startFrontEnd({ backend: backend.port, config }).then(
        async (rcptwise) => {
          const client = await connect(rcptwise.port)
          await client.ask('MAIL FROM:<s@client.test>')
          const said = await client.ask('RCPT TO:<victim%elsewhere.test@ours.test>')
          client.close()
          await rcptwise[Symbol.asyncDispose]()
          return said
        },
        (error: unknown) => String(error),
      )
      expect(why).toMatch(
        used
          ? /^550 .*(nobody here|no such user)/
          : /would relay mail that comes from here for .* to example\.net/,
      )
    },
  )
})
