/**
 * The configuration's notation for times and sizes. Nothing here throws: what can't be read comes
 * back as a value that says what was expected. Pure.
 */

/**
 * A notation that was read, or what was expected in its place and, where it can be guessed, what
 * was meant.
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly expected: string; readonly hint?: string }

const millisecondsIn: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

const durationExpected = 'a duration such as 500ms, 60s, 5m, 2h, 5d or 00:01:00'

/**
 * `60s`, `5m`, `2h`, `5d`, `500ms` or `hh:mm:ss`, in ms. A bare number is refused: its unit would
 * be a guess.
 */
export function parseDuration(text: string): Parsed<number> {
  const clock = /^(\d{1,4}):([0-5]\d):([0-5]\d)$/.exec(text)
  if (clock !== null) {
    const [, hours, minutes, seconds] = clock
    return {
      ok: true,
      value: ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000,
    }
  }
  const counted = /^(\d{1,15}) ?(ms|s|m|h|d)$/.exec(text)
  if (counted === null) {
    const bare = /^\d{1,15}$/.test(text)
    return {
      ok: false,
      expected: durationExpected,
      ...(bare && { hint: `add the unit: "${text}s" for seconds` }),
    }
  }
  const value = Number(counted[1]) * (millisecondsIn.get(counted[2] ?? '') ?? Number.NaN)
  return Number.isSafeInteger(value)
    ? { ok: true, value }
    : { ok: false, expected: durationExpected }
}

const bytesIn: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1000],
  ['KIB', 1024],
  ['MB', 1000 ** 2],
  ['MIB', 1024 ** 2],
  ['GB', 1000 ** 3],
  ['GIB', 1024 ** 3],
])

const sizeExpected = 'a size such as 1000 (bytes), 64KiB, 1MB or 50MiB'

/**
 * `50MiB`, `64KiB` (powers of 1024), `1MB` (powers of 1000) or a bare number of bytes; in bytes.
 */
export function parseSize(text: string): Parsed<number> {
  const counted = /^(\d{1,15}) ?([a-zA-Z]{0,3})$/.exec(text)
  const factor = bytesIn.get((counted?.[2] ?? '?').toUpperCase())
  if (counted === null || factor === undefined) {
    const short = /^(\d{1,15}) ?([kKmMgG])$/.exec(text)
    const hint =
      short === null
        ? {}
        : { hint: `did you mean "${short[1] ?? ''}${(short[2] ?? '').toUpperCase()}iB"?` }
    return { ok: false, expected: sizeExpected, ...hint }
  }
  const value = Number(counted[1]) * factor
  return Number.isSafeInteger(value) ? { ok: true, value } : { ok: false, expected: sizeExpected }
}
