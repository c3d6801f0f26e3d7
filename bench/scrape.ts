/**
 * What a scrape costs with very many peer classes, in processor time of the threads that mail waits
 * for: of the process that answers, and of a worker that tells it what it has counted. Each figure
 * is one stop of an event loop, but for series that are new: they are put in order in slices.
 *
 *     node bench/scrape.ts [CLASSES]     1,000 classes
 */
import { setImmediate as turn } from 'node:timers/promises'
import { deserialize, serialize } from 'node:v8'
import { totalsOf } from '../src/app/live/totals.ts'
import { type Reading, Readings } from '../src/app/readings.ts'
import { metricsFromFacts } from '../src/metrics/from-facts.ts'
import { initialise } from '../src/metrics/initialise.ts'
import { createMetrics, type Metrics } from '../src/metrics/registry.ts'
import { Sums } from '../src/metrics/summed.ts'
import type { Told } from '../src/metrics/told.ts'
import { beginWithOptions } from '../src/service/v8-flags.ts'
import { everyKind } from '../test/metrics/sample-facts.ts'
import { median } from './rounds.ts'

// As `serve` does.
beginWithOptions()

const classes = Number(process.argv[2] ?? 1000)
const rounds = 15
const names = Array.from({ length: classes }, (_, n) => `class-${n}`)

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

async function take(step: () => unknown): Promise<number> {
  const before = cpuMs()
  await step()
  return cpuMs() - before
}

/** Something of every kind happens to each class, or to some of them that are spread over all. */
function feederOf(metrics: Metrics): (of: number) => void {
  const tell = metricsFromFacts(metrics)
  return (of) => {
    for (let n = 0; n < classes; n += Math.max(1, Math.floor(classes / of)))
      for (const fact of everyKind) tell('peer' in fact ? { ...fact, peer: names[n] ?? '' } : fact)
  }
}

const house = createMetrics(
  {
    strategies: () => names.map((peer) => ({ peer, strategy: 'auto' })),
    missing: () => [],
    countOpen: async () => await Promise.resolve([]),
  },
  { worker: 'primary' },
)
const worker = createMetrics({}, { worker: '1' })
const sums = new Sums()
const [feedHouse, feedWorker] = [feederOf(house), feederOf(worker)]
let reading: Reading | undefined
let told = 0
let sent: Buffer = Buffer.alloc(0)

const tell = async (): Promise<void> => {
  await worker.registry.collect()
  told += worker.registry.waiting
  sent = serialize(worker.registry.newlyTold())
}
const hearWorker = (): void => sums.hear(worker, deserialize(sent) as Told)
const answer = async (): Promise<void> => {
  told += house.registry.waiting
  reading = await readings.text([], 'prometheus')
  reading.done()
}
const total = (): unknown => totalsOf(readings.counted())

const stops = {
  'a worker tells': tell,
  'is heard': hearWorker,
  'the answer': answer,
  'totals for a console': total,
}

async function measure(what: string, between: () => void, times = rounds): Promise<void> {
  const taken = new Map<string, number[]>()
  for (let round = 0; round < times; round += 1) {
    between()
    told = 0
    for (const [stop, step] of Object.entries(stops)) {
      const all = taken.get(stop) ?? []
      taken.set(stop, all)
      all.push(await take(step))
      await turn()
    }
  }
  const figures = Array.from(taken, ([stop, all]) => {
    const first = (all[0] ?? 0).toFixed(0)
    if (times === 1) return `${stop} ${first}`
    return `${stop} ${median(all).toFixed(0)} (${first}, ${Math.max(...all).toFixed(0)})`
  })
  const lines = reading?.octets.toString('latin1').split('\n').length ?? 0
  console.log(
    `${what.padEnd(36)}${figures.join('; ')}; ` +
      `${told.toLocaleString('en')} series told, ${lines.toLocaleString('en')} lines`,
  )
}

console.log('ms: the median of all rounds (the first one, the longest)')
const peers = names.map((name) => ({ name, strategy: 'auto' as const }))
initialise(house, peers, { observes: false, judges: ['rspamd'], policySources: ['file'] })
const readings = new Readings(house, sums)
const inOrder = await take(async () => await readings.ready)
console.log(`${'put in order before mail comes'.padEnd(36)}${inOrder.toFixed(0)}, in slices`)
await measure('the first reading', () => undefined, 1)
await measure('nothing has happened', () => undefined)
await measure('mail of every class, one process', () => feedHouse(classes))
await measure('of ten classes', () => feedHouse(10))
await measure('of every class, in a worker', () => feedWorker(classes))
await measure('of ten classes, in a worker', () => feedWorker(10))
await measure('nothing has happened', () => undefined)
