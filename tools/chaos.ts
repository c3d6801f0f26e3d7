/**
 * `npm run chaos -- --minutes 60 [--seed N] [--only NAME] [--keep DIRECTORY]
 * [--crowd 6]`: mail flows while everything is killed, and afterwards the run's own record is
 * counted (docs/testing.md). The exit code is 0 only when each count is explained.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { commandLine } from '../test/support/command-line.ts'
import { chaosTable, runChaos, unexplained } from '../test/chaos/run.ts'

const values = commandLine({ minutes: 2, seed: Number, only: String, keep: String, crowd: 6 })
const seed = values.seed ?? Math.floor(Math.random() * 1_000_000)
const directory =
  values.keep === undefined ? mkdtempSync(join(tmpdir(), 'rcptwise-chaos-')) : resolve(values.keep)
mkdirSync(directory, { recursive: true })
console.log(`chaos for ${values.minutes} minutes, seed ${seed}, record in ${directory}`)
const rounds = await runChaos({
  minutes: values.minutes,
  seed,
  directory,
  crowd: values.crowd,
  say: (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`),
  ...(values.only !== undefined && { only: values.only }),
})
console.log(chaosTable(rounds))
const count = unexplained(rounds).length
console.log(
  count === 0
    ? 'every count is explained'
    : `${count} not explained; the record is in ${directory}`,
)
// What there is to look into stays.
if (count === 0 && values.keep === undefined) rmSync(directory, { recursive: true, force: true })
process.exit(count === 0 ? 0 : 1)
