/**
 * Alerts fire when what they tell of has really come about: the whole product is brought into
 * trouble, and a real Prometheus scrapes it. The times that an alert waits (`for`) are made short;
 * its expression is the one that operators have.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { alertsFile, readAlerts } from '../../metrics/dashboard.ts'
import { until } from '../../support/lab/until.ts'
import { findPrometheus } from './debian-prometheus.ts'
import { type RunningPrometheus, runPrometheus } from './running-prometheus.ts'
import { Forsaken } from './situations/forsaken.ts'
import { Hung } from './situations/hung.ts'
import { Pair } from './situations/pair.ts'
import { Troubled } from './situations/troubled.ts'

const found = await findPrometheus()

interface Situation extends AsyncDisposable {
  /** `host:port` of the admin address. */
  readonly admin: string
  /** Of further front-ends. */
  readonly others?: readonly string[]
}

interface Case<S> {
  readonly alert: string
  /** What has come about. */
  readonly when: string
  /** Brings it about; absent where it is so from the start. */
  readonly bring?: (situation: S) => void | Promise<void>
  /** What the alert that fires has to say. */
  readonly labels?:
    Readonly<Record<string, string>> | ((situation: S) => Readonly<Record<string, string>>)
}

async function watch({ admin, others = [] }: Situation): Promise<RunningPrometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-alerts-'))
  try {
    const rules = join(directory, 'short.yaml')
    const text = await readFile(alertsFile, 'utf8')
    await writeFile(rules, text.replace(/^( *for:) .*$/gm, '$1 1s'))
    const prometheus = await runPrometheus({
      program: found.ok ? found.prometheus : '',
      target: admin,
      others,
      rules,
    })
    await until(
      'three scrapes',
      async () => ((await prometheus.query('count_over_time(up[1m])'))[0]?.value ?? 0) >= 3,
    )
    return prometheus
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const covered: string[] = []

function describeSituation<S extends Situation>(
  name: string,
  start: () => Promise<S>,
  cases: readonly Case<S>[],
): void {
  covered.push(...cases.map(({ alert }) => alert))
  describe.skipIf(!found.ok)(name, () => {
    const parts = new AsyncDisposableStack()
    let situation: S
    let prometheus: RunningPrometheus
    beforeAll(async () => {
      situation = parts.use(await start())
      prometheus = parts.adopt(await watch(situation), async (running) => await running.close())
    })
    afterAll(async () => await parts.disposeAsync())

    it.each(cases)('$alert: $when', async ({ alert, bring, labels = {} }) => {
      await bring?.(situation)
      const selectors = Object.entries({
        alertname: alert,
        alertstate: 'firing',
        ...(typeof labels === 'function' ? labels(situation) : labels),
      })
      const firing = `ALERTS{${selectors.map(([label, value]) => `${label}="${value}"`).join(',')}}`
      await until(`${firing} is there`, async () => (await prometheus.query(firing)).length > 0, {
        limitMs: 150_000,
      })
    })
  })
}

describeSituation('a front-end in trouble', async () => await Troubled.start(), [
  { alert: 'RcptwiseNoTraffic', when: 'nobody has connected' },
  { alert: 'RcptwiseLedgerNotDurable', when: 'the ledger could not be opened at the start' },
  {
    alert: 'RcptwiseBackendDown',
    when: 'one of two servers is not there',
    labels: ({ away }) => ({ server: away }),
  },
  { alert: 'RcptwiseCertificateExpires', when: 'three days are left' },
  {
    alert: 'RcptwiseBackendRefusesUs',
    when: 'a server wants a login',
    bring: async (troubled) => await troubled.offer(1),
    labels: ({ refusing }) => ({ server: refusing }),
  },
  {
    alert: 'RcptwiseBackendErrors',
    when: 'a server breaks off',
    bring: async (troubled) => await troubled.offer(9),
    labels: ({ refusing }) => ({ server: refusing }),
  },
  {
    alert: 'RcptwiseRecipientFileKept',
    when: 'a changed file is wrong',
    bring: async (troubled) => await troubled.spoilRecipients(),
  },
  {
    alert: 'RcptwiseCertificateKept',
    when: 'a changed certificate is wrong',
    bring: async (troubled) => await troubled.spoilCertificate(),
  },
  {
    alert: 'RcptwiseNotScraped',
    when: 'it has ended',
    bring: async (troubled) => await troubled.end(),
  },
])

const labels = { peer: 'default', strategy: 'group' }
describeSituation(
  'senders that do not come back, a scanner that writes nonsense, one that is away, and wishes that are none',
  async () => await Forsaken.start(),
  [
    {
      alert: 'RcptwiseJudgeFails',
      when: 'the field of the scanner holds no number',
      bring: async (forsaken) => await forsaken.sendUnjudgeable(),
      labels: { judge: 'headers' },
    },
    {
      alert: 'RcptwisePolicyWrong',
      when: 'what stands in the database is no policy',
      bring: async (forsaken) => await forsaken.sendToOdd(),
      labels: ({ wishes }) => ({ source: `sqlite:${wishes}` }),
    },
    {
      alert: 'RcptwisePolicySourceFails',
      when: 'the database has lost its table',
      bring: async (forsaken) => await forsaken.sendWithoutWishes(),
      labels: ({ wishes }) => ({ source: `sqlite:${wishes}` }),
    },
    {
      alert: 'RcptwiseForcedRetries',
      when: 'every message is split',
      bring: async (forsaken) => await forsaken.split(25),
      labels: { peer: 'default' },
    },
    {
      alert: 'RcptwiseRetryDelay',
      when: 'a sender comes back after five hours',
      bring: async (forsaken) => await forsaken.comeBackAfter({ hours: 5 }),
      labels,
    },
    {
      alert: 'RcptwiseAbandonedRecipients',
      when: 'a deferred recipient is not seen again within ledger.patience',
      bring: async (forsaken) => await forsaken.forsake({ days: 6 }),
      labels,
    },
    {
      alert: 'RcptwiseMissingRecipients',
      when: 'a deferred recipient is not offered again within ledger.missing_after',
      bring: async (forsaken) => await forsaken.forsake({ hours: 5 }),
      labels,
    },
  ],
)

describeSituation('worker processes', async () => await Hung.start(), [
  {
    alert: 'RcptwiseWorkerLost',
    when: 'a worker is killed from outside',
    bring: async (hung) => await hung.killOne(),
  },
  {
    alert: 'RcptwiseWorkerHung',
    when: 'the event loop of a worker stands still',
    bring: async (hung) => await hung.stopOne(),
  },
  {
    alert: 'RcptwiseConfigKept',
    when: 'it is told to read a configuration that is wrong',
    bring: async (hung) => await hung.spoilConfig(),
  },
])

describeSituation(
  'two front-ends, and a scanner with two servers of which one is away',
  async () => await Pair.start(),
  [
    {
      alert: 'RcptwiseJudgeServerDown',
      when: 'the other server of the scanner does the work',
      bring: async (pair) => await pair.scan(),
      labels: { judge: 'rspamd' },
    },
    {
      alert: 'RcptwiseBackendUnreachable',
      when: 'one wants TLS that the server does not have',
      labels: ({ server, other }) => ({ server, instance: other }),
    },
    {
      alert: 'RcptwiseLimitReached',
      when: 'there are more clients than may be',
      bring: async (pair) => await pair.crowd(),
      labels: { limit: 'sessions' },
    },
    {
      alert: 'RcptwiseSpoolNearLimit',
      when: 'a text that does not end fills nine tenths of the room',
      bring: async (pair) => await pair.fill(),
    },
    {
      alert: 'RcptwiseFrontEndDown',
      when: 'one of the two has ended',
      bring: async (pair) => await pair.end(),
      labels: ({ other }) => ({ instance: other }),
    },
  ],
)

it('every alert of grafana/alerts.yaml has its case here', () => {
  expect(covered.toSorted()).toEqual(
    readAlerts()
      .map(({ alert }) => alert)
      .toSorted(),
  )
})
