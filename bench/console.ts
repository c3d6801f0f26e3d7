/**
 * What consoles cost: messages a second through one Rcptwise, and its processor time for each, with
 * nobody looking and with ten consoles looking, in alternating rounds, so that what else the machine
 * does meets both. Where it does much else, the processor time is what tells.
 *
 *   node bench/console.ts [--rounds 8] [--seconds 10] [--consoles 10]
 *
 * A console here is what the page does: the stream of events, and its questions at the page's pace.
 * No browser runs: its own work would be measured with it.
 */
import { parseArgs } from 'node:util'
import { letterOf, offer, Scene } from '../test/support/console/scene.ts'
import { cpuSeconds } from './cpu-time.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '10' },
    consoles: { type: 'string', default: '10' },
    senders: { type: 'string', default: '16' },
  },
})
const [rounds, seconds, consoles, senders] = [
  Number(values.rounds),
  Number(values.seconds),
  Number(values.consoles),
  Number(values.senders),
]

/** The view "now", which asks most often. */
async function look(url: string, end: AbortSignal): Promise<void> {
  const stream = async (): Promise<void> => {
    const { body } = await fetch(`${url}/api/v1/events?kinds=hello,totals,strategyChanged`, {
      signal: end,
    })
    const reader = body?.getReader()
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read());
  }
  const poll = async (): Promise<void> => {
    while (!end.aborted) {
      await (await fetch(`${url}/api/v1/recent?minutes=61`, { signal: end })).text()
      await new Promise((resolve) => setTimeout(resolve, 2000))
    }
  }
  await Promise.all([stream(), poll()]).catch(() => undefined)
}

interface Round {
  /** Messages a second. */
  readonly rate: number
  /** Of processor time, ms a message. */
  readonly cost: number
}

async function messagesIn({ port, served }: Scene, ms: number): Promise<Round> {
  const before = cpuSeconds(served.pid) ?? 0
  const until = Date.now() + ms
  let count = 0
  const send = async (i: number): Promise<void> => {
    while (Date.now() < until) {
      await offer(port, letterOf(i, { to: ['eve@example.org'], score: 0.1 }))
      count += 1
    }
  }
  await Promise.all(Array.from({ length: senders }, async (_, i) => await send(i)))
  const used = (cpuSeconds(served.pid) ?? 0) - before
  return { rate: count / (ms / 1000), cost: (used * 1000) / count }
}

await using scene = await Scene.begin()
await messagesIn(scene, 3000)
const rounded: Record<'alone' | 'looked at', Round[]> = { alone: [], 'looked at': [] }
for (let round = 0; round < rounds; round++) {
  rounded.alone.push(await messagesIn(scene, seconds * 1000))
  const end = new AbortController()
  const looking = Array.from(
    { length: consoles },
    async () => await look(scene.adminUrl, end.signal),
  )
  rounded['looked at'].push(await messagesIn(scene, seconds * 1000))
  end.abort()
  await Promise.all(looking)
}
const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
for (const [name, all] of Object.entries(rounded)) {
  const rates = all.map(({ rate }) => rate.toFixed(0)).join(' ')
  const rate = median(all.map((one) => one.rate)).toFixed(0)
  const cost = median(all.map((one) => one.cost)).toFixed(3)
  console.log(`${name.padEnd(10)} ${rate} messages a second (${rates}), ${cost} ms each`)
}
const more = (of: (round: Round) => number): string => {
  const shares = rounded.alone.map((round, i) => of(rounded['looked at'][i] ?? round) / of(round))
  return `${((median(shares) - 1) * 100).toFixed(1)} %`
}
console.log(
  `${consoles} consoles: ${more(({ rate }) => rate)} of the rate, ${more(({ cost }) => cost)} of processor time`,
)
