/**
 * What a scrape costs with very many peer classes, in processor time of the thread: the first one,
 * one that follows without mail, and one behind messages of every class.
 *
 *     node bench/scrape.ts [CLASSES]     1,000 classes
 */
import { exposition } from '../src/metrics/exposition.ts'
import { metricsFromFacts } from '../src/metrics/from-facts.ts'
import { initialise } from '../src/metrics/initialise.ts'
import { createMetrics, type Metrics } from '../src/metrics/registry.ts'
import { Sums } from '../src/metrics/summed.ts'
import { everyKind } from '../test/metrics/sample-facts.ts'
import { median } from './rounds.ts'

const classes = Number(process.argv[2] ?? 1000)
const rounds = 15
const nameOf = (n: number): string => `class-${n}`

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

async function take(step: () => Promise<unknown>): Promise<number> {
  const before = cpuMs()
  await step()
  return cpuMs() - before
}

/** Something of every kind happens to each class, or to some of them that are spread over all. */
function feed(metrics: Metrics, of = classes): void {
  const tell = metricsFromFacts(metrics)
  for (let n = 0; n < classes; n += Math.max(1, Math.floor(classes / of)))
    for (const fact of everyKind) tell('peer' in fact ? { ...fact, peer: nameOf(n) } : fact)
}

const house = createMetrics({}, { processMetrics: true })
initialise(
  house,
  Array.from({ length: classes }, (_, n) => ({
    peer: nameOf(n),
    name: nameOf(n),
    strategy: 'auto',
  })),
  { observes: false, judges: ['rspamd'], policySources: ['file'] },
)
const worker = createMetrics({}, { worker: '1' })
const sums = new Sums()
let text: Buffer = Buffer.alloc(0)
let told = 0
const scrape = async (): Promise<void> => {
  for (const { registry } of [worker, house]) {
    await registry.collect()
    const changes = registry.newlyTold()
    told += changes.places.length
    sums.hear(registry, changes)
  }
  text = exposition(sums, [await house.ofNode(), await worker.ofNode()], 'prometheus')
}

async function measure(what: string, between: () => void): Promise<void> {
  const taken: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    between()
    told = 0
    taken.push(await take(scrape))
  }
  taken.sort((a, b) => a - b)
  const series = told.toLocaleString('en')
  const lines = text.toString().split('\n').length.toLocaleString('en')
  console.log(
    `${what.padEnd(44)}median ${median(taken).toFixed(0)} ms, least ${(taken[0] ?? 0).toFixed(0)}, ` +
      `most ${(taken.at(-1) ?? 0).toFixed(0)}; ${series} series told, ${lines} lines`,
  )
}

console.log(`${'the first'.padEnd(44)}${(await take(scrape)).toFixed(0)} ms`)
await measure('nothing has happened', () => undefined)
await measure('something in one process, of every class', () => feed(house))
await measure('in ten classes', () => feed(house, 10))
await measure('and in another one, of every class', () => feed(worker))
await measure('nothing has happened', () => undefined)
