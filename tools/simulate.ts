/**
 * `npm run simulate -- --nodes 100 --minutes 60 --rate 20 [--strategy auto] [--seed N]`: a site of
 * many front-ends in virtual time (docs/scale.md). The exit code is 0 only when each count is
 * explained.
 */
import { parseArgs } from 'node:util'
import { isConfigurableStrategy } from '../src/strategy/names.ts'
import { courseOf } from '../test/chaos/course.ts'
import { reportOf } from '../test/nodes/report.ts'
import { simulateNodes, unexplained } from '../test/nodes/run.ts'

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '20' },
    strategy: { type: 'string', default: 'auto' },
    seed: { type: 'string', default: '1' },
    ledgers: { type: 'string', default: '1' },
    balance: { type: 'string', default: 'any' },
    calm: { type: 'boolean', default: false },
  },
})
const { strategy } = values
if (!isConfigurableStrategy(strategy)) throw new Error(`there is no strategy ${strategy}`)
const began = performance.now()
const outcome = await simulateNodes({
  strategy,
  nodes: Number(values.nodes),
  minutes: Number(values.minutes),
  rate: Number(values.rate),
  seed: Number(values.seed),
  ledgers: Number(values.ledgers),
  balance: values.balance === 'client' ? 'by client' : 'any',
  trouble: !values.calm,
})
console.log(reportOf(outcome))
const left = unexplained(outcome)
for (const { fault, letter, recipient, what } of left.slice(0, 10)) {
  console.log(`${fault}: ${letter} to ${recipient}: ${what}`)
  for (const line of courseOf(outcome.entries, letter)) console.log(`    ${line}`)
}
console.log(`${((performance.now() - began) / 1000).toFixed(1)} s of this machine`)
process.exitCode = left.length === 0 ? 0 : 1
