/**
 * `npm run fuzz -- --inputs 1000000 [--only NAME] [--seed N]`: each fuzzer with so many inputs
 * (docs/testing.md). The exit code is 0 only when everything held. An input is made again with its
 * own seed: `--only NAME --inputs 1 --seed SEED`.
 */
import { fuzzers } from '../test/fuzz/all.ts'
import { runFuzzer } from '../test/fuzz/fuzzer.ts'
import { commandLine } from '../test/support/command-line.ts'

const values = commandLine({ inputs: 10_000, only: String, seed: Number })
const seed = values.seed ?? Math.floor(Math.random() * 1_000_000_000)
const chosen = fuzzers.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0)
  throw new Error(`--only: one of ${fuzzers.map(({ name }) => name).join(', ')}`)
console.log(`| fuzzer | inputs | seconds | slowest input, ms | findings |\n|---|--:|--:|--:|--:|`)
let findings = 0
for (const fuzzer of chosen) {
  const run = runFuzzer(fuzzer, { inputs: values.inputs, seed })
  findings += run.findings.length
  console.log(
    `| ${run.name} | ${run.inputs} | ${run.seconds.toFixed(0)} | ${run.slowestMs.toFixed(0)} | ${run.findings.length} |`,
  )
  for (const finding of run.findings) console.log(`seed ${finding.seed}: ${finding.what}`)
}
console.log(findings === 0 ? `everything held, seed ${seed}` : `${findings} findings`)
process.exit(findings === 0 ? 0 : 1)
