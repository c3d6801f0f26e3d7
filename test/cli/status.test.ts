/** `rcptwise status` and `top`: what a real serve says of itself, and what wants attention. */
import { Command } from 'commander'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import * as status from '../../src/cli/status.ts'
import { stateInWords } from '../../src/cli/status/in-words.ts'
import { ratesBetween } from '../../src/cli/status/rates.ts'
import { Samples } from '../../src/cli/status/samples.ts'
import { type State, stateOf } from '../../src/cli/status/state.ts'
import { widthOf } from '../../src/cli/text-width.ts'
import * as top from '../../src/cli/top.ts'
import { metricDescriptions } from '../../src/metrics/metrics.ts'
import { type SampleContext, sampleContext } from '../admin/sample-context.ts'

const scrape = `# HELP rcptwise_x X
rcptwise_started_seconds 1000
rcptwise_config_loaded_seconds 2000
rcptwise_messages_total{peer="default",mode="plain"} 10
rcptwise_messages_total{peer="default",mode="prdr"} 5
rcptwise_observed_messages_total{peer="default",result="agreed"} 5
rcptwise_observed_recipients_total{peer="default",verdict="accept"} 7
rcptwise_recipients_total{peer="default",verdict="accept"} 20
rcptwise_recipients_total{peer="default",verdict="tag"} 0
rcptwise_sessions_open{peer="default",tls="yes"} 3
rcptwise_splits_open{peer="default",strategy="late"} 2
rcptwise_recipients_missing{peer="default",strategy="late"} 1
rcptwise_backend_up{server="smtp://a,b\\"c"} 1
rcptwise_backend_up{server="smtp://d"} 0
rcptwise_judge_servers_down{judge="rspamd"} 0
rcptwise_strategy_in_force{peer="default",strategy="late"} 1
rcptwise_ledger_durable 0
`
const ready = { ready: true, reasons: [], draining: false }

describe('the state', () => {
  const state = stateOf(ready, new Samples(scrape))

  test('has what the metrics say', () => {
    expect(state).toMatchObject({
      mail: { messages: 15, sessionsOpen: 3, recipients: { accept: 20 } },
      splits: { open: 2, missing: 1 },
      servers: [
        { server: 'smtp://a,b"c', up: true },
        { server: 'smtp://d', up: false },
      ],
      strategies: { default: 'late' },
      ledger: { durable: false },
      configuration: { kept: false, loadedAt: 2000 },
    })
  })

  test('is one screen, on which what is wrong is in capitals', () => {
    const text = stateInWords(state, 3_000_000)
    expect(text.split('\n').length).toBeLessThan(24)
    expect(text).toContain('smtp://d DOWN')
    expect(text).toContain('IN MEMORY ONLY')
    expect(text).toContain('1 recipient: rcptwise splits --missing')
    const wrong: State = { ...state, ready: false, reasons: ['no backend'], draining: true }
    expect(stateInWords(wrong, 3_000_000)).toMatch(
      /NOT READY, mail gets 451: no backend; it drains/,
    )
  })

  test('fits 80 columns, whatever servers are called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (server) => {
        const text = stateInWords({ ...state, servers: [{ server, up: true }] }, 3_000_000)
        expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(80)
        expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/)
      }),
    )
  })

  test('each metric that it reads exists', () => {
    const names = new Set<string>(Object.values(metricDescriptions).map(({ name }) => name))
    const asked = new Set<string>()
    const spy = new Proxy(new Samples(''), {
      get:
        (target, key: keyof Samples) =>
        (name: string, ...more: never[]) => {
          asked.add(name)
          return (target[key] as (...args: unknown[]) => unknown).call(target, name, ...more)
        },
    })
    stateOf(ready, spy)
    ratesBetween({ at: 0, samples: spy }, { at: 1, samples: spy })
    expect([...asked].filter((name) => !names.has(name))).toEqual([])
    expect(asked.size).toBeGreaterThan(15)
  })
})

test('rates are a second, and go on after a restart', () => {
  const before = { at: 0, samples: new Samples(scrape) }
  const more = { at: 2000, samples: new Samples(scrape.replace('"plain"} 10', '"plain"} 30')) }
  expect(ratesBetween(before, more)).toMatchObject([
    { peer: 'default', messages: 10, splitsOpen: 2, sessionsOpen: 3 },
  ])
  const restarted = { at: 2000, samples: new Samples(scrape.replaceAll(/\} (10|5)$/gm, '} 1')) }
  expect(ratesBetween(before, restarted)).toMatchObject([{ messages: 1 }])
})

describe('the commands', () => {
  let admin: Admin
  let context: SampleContext
  beforeAll(async () => {
    context = sampleContext()
    context.metrics = async () =>
      await Promise.resolve({ contentType: 'text/plain', octets: Buffer.from(scrape) })
    admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
  })
  afterAll(async () => {
    process.exitCode = 0
    await admin.close()
  })

  async function run(...args: readonly string[]): Promise<string> {
    let out = ''
    const program = new Command('rcptwise')
      .exitOverride()
      .configureOutput({ writeOut: (text) => (out += text) })
    for (const { register } of [status, top]) register(program)
    await program.parseAsync([...args, '--admin', `http://127.0.0.1:${admin.port}`], {
      from: 'user',
    })
    return out
  }

  test('status says it on one screen, or as JSON', async () => {
    expect(await run('status')).toContain('15 messages')
    expect(JSON.parse(await run('status', '--json'))).toMatchObject({ mail: { messages: 15 } })
  })

  test('cli.md: “On a terminal `top` looks again every two seconds, and elsewhere it looks once.”', async () => {
    expect(await run('top', '--every', '1s')).toMatch(/^PEER +MESSAGES\/S .*\ndefault +0\.0/m)
    expect(JSON.parse(await run('top', '--every', '1s', '--json'))).toMatchObject({
      rates: [{ peer: 'default' }],
    })
  })
})
