/**
 * `npm run simulate -- --nodes 100 --minutes 60 --rate 20 [--strategy auto] [--seed N]`: a site of
 * many front-ends in virtual time (docs/scale.md). The exit code is 0 only when each count is
 * explained.
 */
import { isConfigurableStrategy } from '../src/strategy/names.ts'
import { courseOf } from '../test/chaos/course.ts'
import { reportOf } from '../test/nodes/report.ts'
import { simulateNodes, unexplained } from '../test/nodes/run.ts'
import { commandLine } from '../test/support/command-line.ts'

const values = commandLine({
  nodes: 100,
  minutes: 10,
  rate: 20,
  strategy: 'auto',
  seed: 1,
  ledgers: 1,
  balance: 'any',
  calm: false,
})
const { strategy } = values
if (!isConfigurableStrategy(strategy)) throw new Error(`there is no strategy ${strategy}`)
const began = performance.now()
const outcome = await simulateNodes({
  strategy,
  nodes: values.nodes,
  minutes: values.minutes,
  rate: values.rate,
  seed: values.seed,
  ledgers: values.ledgers,
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
