/**
 * `rcptwise replay` on logs that real servers and scanners have written here, and what a Rcptwise
 * that serves has really cost for the same messages.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, recipients, sender } from '../../support/lab/mixed.ts'
import { freePort } from '../../support/lab/ports.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { startRspamd } from '../../support/lab/rspamd.ts'
import { startSpamd } from '../../support/lab/spamd.ts'
import { until } from '../../support/lab/until.ts'

const main = path.join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts')
const scores = [3, 9.5, 20] as const
/** As Postfix offers them. */
const to = Object.keys(recipients).toSorted()

interface Told {
  readonly read: { readonly unread: number }
  readonly messages: number
  readonly counted: number
  readonly recipients: number
  readonly refusedThen: number
  readonly divided: number
  readonly leftOut: Readonly<Record<string, number>>
  readonly strategies: readonly (Readonly<Record<string, number>> & { readonly strategy: string })[]
}

const costOf = (told: Told, strategy: string): number | undefined =>
  told.strategies.find((one) => one.strategy === strategy)?.['forcedRetries']

describe.skipIf(interopObstacle() !== undefined)('rcptwise replay', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-replay-'))
    await writeFile(path.join(directory, 'recipients.yaml'), stringify(recipients))
    await writeFile(
      path.join(directory, 'rcptwise.yaml'),
      stringify({
        relay_domains: ['example.org'],
        backend: { servers: ['smtp://127.0.0.1:1'] },
        policies: {
          'tag-only': { tag_at: 6 },
          careful: { tag_at: 6, reject_at: 15 },
          strict: { tag_at: 5, reject_at: 8 },
        },
        recipients: { default: 'careful', sources: [{ file: 'recipients.yaml' }] },
        judges: [{ rspamd: { url: 'http://127.0.0.1:1' } }],
      }),
    )
  })
  afterAll(async () => {
    await rm(directory, { recursive: true })
  })

  async function replayed(...files: readonly string[]): Promise<Told> {
    const config = path.join(directory, 'rcptwise.yaml')
    const args = [main, 'replay', '--json', '--config', config, '--log', ...files]
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, args, (_error, stdout, stderr) => {
        if (stdout === '') reject(new Error(stderr))
        else resolve(JSON.parse(stdout) as Told)
      })
    })
  }

  const written = async (name: string, text: string | Buffer): Promise<string> => {
    const file = path.join(directory, name)
    await writeFile(file, text)
    return file
  }

  const nothing = { unscored: 0, own: 0, putOff: 0, nobody: 0, prdr: 0, crowded: 0, unfinished: 0 }
  const expected = {
    messages: 3,
    counted: 3,
    recipients: 3 * to.length,
    divided: 2,
    leftOut: nothing,
    read: { unread: 0 },
  }

  test('logs of Postfix and rspamd, and what serve has really cost for the same messages', async () => {
    const [milter, controller] = [await freePort(), await freePort()]
    await using rspamd = await startRspamd({
      config: `
worker "rspamd_proxy" {
  bind_socket = "127.0.0.1:${milter}"; milter = yes; count = 1;
  upstream "local" { default = yes; self_scan = yes; }
}
worker "controller" { bind_socket = "127.0.0.1:${controller}"; count = 1; secure_ip = ["127.0.0.1"]; }
`,
    })
    let refused = 0
    await using server = await startPostfix({
      server: { mailboxes },
      main: [`smtpd_milters = inet:127.0.0.1:${milter}`],
    })
    for (const score of scores)
      await server
        .submit({ from: sender, to, headers: [`X-Test-Score: ${score}`] })
        .catch(() => refused++)
    await server
      .submit({ from: sender, to, headers: ['X-Test-Action: soft reject'] })
      .catch(() => 0)
    await server.empty()
    expect(refused).toBe(1)
    await until('rspamd has written', async () => (await rspamd.log()).includes('(soft reject)'))
    const [mail, scans] = [
      await written('mail.log', await server.log()),
      await written('rspamd.log.1.gz', gzipSync(await rspamd.log())),
    ]
    const told = await replayed(mail, scans)
    expect(told).toMatchObject({
      ...expected,
      messages: 4,
      leftOut: { ...nothing, putOff: 1 },
      refusedThen: 1,
    })
    expect(await replayed(scans)).toMatchObject({ counted: 3, divided: 2 })
    // rspamd's own history has no recipients: the server's log tells them of what it has taken.
    const answer = await fetch(`http://127.0.0.1:${controller}/history`)
    const history = await written('history.json', await answer.text())
    expect(await replayed(mail, history)).toMatchObject({ counted: 3, divided: 1 })

    for (const strategy of ['late', 'group', 'lenient']) {
      const kept = path.join(directory, `${strategy}.db`)
      {
        await using backend = await startPostfix({ server: { mailboxes } })
        await using rcptwise = await startFrontEnd({
          backend: backend.port,
          recipients,
          peer: { strategy },
          config: { judges: [{ rspamd: { url: rspamd.url } }], history: { path: kept } },
        })
        await using client = await startPostfix({
          relayTo: { host: '127.0.0.1', port: rcptwise.port },
        })
        for (const score of scores)
          await client.submit({ from: sender, to, headers: [`X-Test-Score: ${score}`] })
        await client.empty()
        const cost = await rcptwise.metric('rcptwise_forced_retries_total')
        expect([strategy, cost]).toEqual([strategy, costOf(told, strategy)])
      }
      // What it has kept itself says the same.
      const own = await replayed(kept)
      expect(own).toMatchObject(expected)
      expect(costOf(own, strategy)).toBe(costOf(told, strategy))
    }
  })

  test('logs of Exim and spamd', async () => {
    await using spamd = await startSpamd()
    await using exim = await startExim({
      packages: 'exim-heavy',
      server: { mailboxes, spamdPort: spamd.port },
    })
    for (const score of scores)
      await exim.submit({ from: sender, to, headers: [`X-Test-Score: ${score}`] })
    await exim.empty()
    await until('spamd has written', async () => (await spamd.log()).split('result: ').length > 3)
    const logs = [
      await written('mainlog', await exim.log()),
      await written('spamd.log', await spamd.log()),
    ]
    const told = await replayed(...logs)
    expect(told).toMatchObject(expected)
    expect(told.strategies.find(({ strategy }) => strategy === 'late')).toMatchObject({
      splits: 2,
      refused: 6,
      despite: 0,
      delayed: 0,
    })
  })
})
