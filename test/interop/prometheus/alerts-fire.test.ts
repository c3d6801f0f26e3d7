/**
 * Alerts fire when what they tell of has really come about: the whole product is brought into trouble, and a real Prometheus scrapes it.
 * The times that an alert waits (`for`) are made short; its expression is the one that operators have.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issue } from '../../../src/tls/issue.ts'
import { alertsFile } from '../../metrics/dashboard.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { Client } from '../../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { freePort } from '../../support/lab/ports.ts'
import { until } from '../../support/lab/until.ts'
import { findPrometheus } from './debian-prometheus.ts'
import { type RunningPrometheus, runPrometheus } from './running-prometheus.ts'

const found = await findPrometheus()

describe.skipIf(!found.ok)('alerts over a real run', () => {
  let directory: string
  let backend: FakeBackend
  let app: TestApp
  let prometheus: RunningPrometheus

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rcptwise-alerts-'))
    const [days, now] = [86_400_000, Date.now()]
    const request = { commonName: 'mx.test', names: ['mx.test'], notBefore: now - days, notAfter: now + 3 * days }
    const { cert, key } = await issue({ ...request, use: 'server', keyBits: 2048 })
    await writeFile(join(directory, 'cert.pem'), cert)
    await writeFile(join(directory, 'key.pem'), key)
    await mkdir(join(directory, 'ledger'))
    // Wants a login at first, and then breaks off each time.
    backend = await startFakeBackend({
      rules: [
        { on: 'MAIL', nth: 1, say: '530 5.7.0 Authentication required' },
        { on: 'MAIL', silent: true, then: 'reset' },
      ],
    })
    app = await startTestApp({
      directory,
      recipients: '"a@example.org": careful\n',
      config: `
ledger: ${join(directory, 'ledger')}
backend: { servers: ["smtp://127.0.0.1:${backend.port}", "smtp://127.0.0.1:${await freePort()}"] }
relay_domains: [example.org]
tls: { certificates: [{ cert: cert.pem, key: key.pem }] }
`,
    })
    const rules = join(directory, 'short.yaml')
    await copyFile(alertsFile, rules)
    const text = await readFile(rules, 'utf8')
    await writeFile(rules, text.replace(/^( *for:) .*$/gm, '$1 1s'))
    const target = `127.0.0.1:${app.app.admin?.port ?? 0}`
    prometheus = await runPrometheus({ program: found.ok ? found.prometheus : '', target, rules })
    await until('three scrapes', async () => ((await prometheus.query('count_over_time(up[1m])'))[0]?.value ?? 0) >= 3)
  }, 120_000)
  afterAll(async () => {
    await prometheus.close()
    await app[Symbol.asyncDispose]()
    await backend.stop()
    await rm(directory, { recursive: true, force: true })
  })

  const fires = async (alert: string): Promise<void> => {
    const firing = `ALERTS{alertname="${alert}",alertstate="firing"}`
    await until(`${alert} fires`, async () => (await prometheus.query(firing)).length > 0)
  }

  it('RcptwiseNoTraffic: nobody has connected', async () => {
    await fires('RcptwiseNoTraffic')
  })

  it('RcptwiseLedgerNotDurable: the ledger could not be opened at the start', async () => {
    await fires('RcptwiseLedgerNotDurable')
  })

  it('RcptwiseBackendDown: one of two servers is not there', async () => {
    await fires('RcptwiseBackendDown')
    const [down] = await prometheus.query('ALERTS{alertname="RcptwiseBackendDown",alertstate="firing"}')
    expect(down?.metric['server']).not.toBe(backend.url)
  })

  it('RcptwiseCertificateExpires: three days are left', async () => {
    await fires('RcptwiseCertificateExpires')
  })

  it('RcptwiseBackendRefusesUs and RcptwiseBackendErrors: a server wants a login, and then breaks off', async () => {
    for (let i = 0; i < 10; i++) {
      const client = await Client.connect(app.port)
      await client.reply()
      await client.ask('EHLO client.test')
      expect(await client.ask('MAIL FROM:<s@client.test>')).toMatch(/^[24]/)
      await client.ask('RCPT TO:<a@example.org>')
      client.close()
    }
    await fires('RcptwiseBackendRefusesUs')
    await fires('RcptwiseBackendErrors')
  })

  it('RcptwiseRecipientFileKept: a changed file is wrong', async () => {
    await writeFile(join(directory, 'recipients.yaml'), '"a@example.org": nonsense\n')
    await fires('RcptwiseRecipientFileKept')
  })

  it('RcptwiseNotScraped: it has ended', async () => {
    await app.app.close()
    await fires('RcptwiseNotScraped')
  })
})
