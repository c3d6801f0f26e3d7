/** The command line of a tool or a benchmark: told what is wrong with it, and what it can be. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

/** A default, or of what kind a value is that has none. */
type Option = string | number | false | StringConstructor | NumberConstructor

type ValueOf<Given> = Given extends StringConstructor
  ? string | undefined
  : Given extends NumberConstructor
    ? number | undefined
    : Given extends false
      ? boolean
      : Given extends number
        ? number
        : string

type Values<Options> = { readonly [Name in keyof Options]: ValueOf<Options[Name]> }

const isNumeric = (option: Option): boolean => option === Number || typeof option === 'number'

/**
 * What the program was started with. `--help` prints what stands on top of its file. Ends the
 * process with 2 where there is an option that it does not have, or no number where one belongs.
 */
export function commandLine<const Options extends Readonly<Record<string, Option>>>(
  options: Options,
): Values<Options> {
  try {
    return valuesOf(options)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage()}`)
    return process.exit(2)
  }
}

function valuesOf<Options extends Readonly<Record<string, Option>>>(
  options: Options,
): Values<Options> {
  const types = Object.entries(options).map(
    ([name, option]) => [name, { type: option === false ? 'boolean' : 'string' } as const] as const,
  )
  const given: Readonly<Record<string, unknown>> = parseArgs({
    options: { ...Object.fromEntries(types), help: { type: 'boolean' } },
  }).values
  if (given['help'] === true) {
    console.log(usage())
    process.exit(0)
  }
  const read = Object.entries(options).map(([name, option]) => {
    const value = given[name]
    if (value === undefined) return [name, typeof option === 'function' ? undefined : option]
    return [name, isNumeric(option) && typeof value === 'string' ? numberIn(name, value) : value]
  })
  return Object.fromEntries(read) as Values<Options>
}

function numberIn(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new Error(`--${name} is "${text}", expected a number`)
  return number
}

/** The comment on top of the file that was started. */
function usage(): string {
  const [, comment = ''] = readFileSync(process.argv[1] ?? '', 'utf8').split(/^\/\*\*\n|^ \*\/$/m)
  return comment.replace(/^ \* ?/gm, '').trim()
}
