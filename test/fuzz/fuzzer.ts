/**
 * What a fuzzer is, and how it is run: inputs made by a seed, and after each one what has to hold
 * whatever the input was.
 */
import { inspect } from 'node:util'
import { Random } from '../support/random.ts'

export interface Fuzzer {
  readonly name: string
  /** Makes one input, tries it, and throws when something does not hold. */
  readonly once: (random: Random) => void
}

export interface FuzzFinding {
  /** Of this input alone: `--inputs 1` with it makes the same. */
  readonly seed: number
  readonly what: string
}

export interface FuzzRun {
  readonly name: string
  readonly inputs: number
  readonly seconds: number
  /** The input that took longest. */
  readonly slowestMs: number
  readonly findings: readonly FuzzFinding[]
}

export interface FuzzOptions {
  readonly inputs: number
  readonly seed: number
  /** Ends earlier when this much time has gone. */
  readonly limitMs?: number
}

/** More of them say nothing new. */
const mostFindings = 20

/** The n-th input has the seed `seed + n`. */
export function runFuzzer(
  fuzzer: Fuzzer,
  { inputs, seed, limitMs = Infinity }: FuzzOptions,
): FuzzRun {
  const findings: FuzzFinding[] = []
  const begun = performance.now()
  let slowestMs = 0
  let done = 0
  for (
    let before = begun;
    done < inputs && before - begun < limitMs && findings.length < mostFindings;
    done++
  ) {
    try {
      fuzzer.once(new Random(seed + done, fuzzer.name))
    } catch (error) {
      findings.push({
        seed: seed + done,
        what: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    }
    const after = performance.now()
    slowestMs = Math.max(slowestMs, after - before)
    before = after
  }
  return {
    name: fuzzer.name,
    inputs: done,
    seconds: (performance.now() - begun) / 1000,
    slowestMs,
    findings,
  }
}

/** Throws, with the input, unless it holds. */
export function holds(condition: boolean, what: string, input: unknown): asserts condition {
  if (!condition)
    throw new Error(
      `${what}: ${inspect(input, { depth: 6, maxStringLength: 2000, breakLength: 140 })}`,
    )
}

/** Throws, with the input, unless both are equal as JSON. */
export function same(one: unknown, other: unknown, what: string, input: unknown): void {
  const [left, right] = [JSON.stringify(one), JSON.stringify(other)]
  if (left !== right)
    throw new Error(
      `${what}: ${left} is not ${right}, for ${inspect(input, { depth: 6, maxStringLength: 2000 })}`,
    )
}
