/** One file as a source: a log, plain or gzip, or rspamd's history in JSON. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Entry, ReadCounts, Source } from './entry.ts'
import { jsonIn } from './json-values.ts'
import { LogLines } from './log-line.ts'
import { readRspamdHistory } from './rspamd-history.ts'
import { unreadable } from './sighting.ts'
import { TextLines } from './text-lines.ts'

/** A history in JSON is one document, and has to be there as a whole. */
export const longestDocument = 64 * 1024 * 1024

/** Octets that are read at once, of each file. */
const readAtOnce = 256 * 1024

export interface LogFile {
  /** A path, or `-` for stdin. */
  readonly path: string
  readonly counts: ReadCounts
  /** ms since the epoch. */
  readonly now: number
}

/** Rejects where the file can't be read. */
export async function* readLogFile(file: LogFile): AsyncGenerator<readonly Entry[]> {
  try {
    yield* entriesIn(file)
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new Error(`${file.path === '-' ? 'stdin' : file.path} can't be read: ${said}`, {
      cause: error,
    })
  }
}

async function* entriesIn(file: LogFile): AsyncGenerator<readonly Entry[]> {
  const chunks = octetsOf(
    file.path === '-' ? process.stdin : createReadStream(file.path, { highWaterMark: readAtOnce }),
  )
  const first = await chunks.next()
  if (first.done === true) return
  const all = joined(first.value, chunks)
  if (isDocument(first.value)) yield await documentIn(file, all)
  else yield* linesIn(file, all)
}

async function* joined(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* rest
}

/** Of gzip what is in it, whatever the file is called. */
async function* octetsOf(stream: Readable): AsyncGenerator<Buffer> {
  const raw = stream as AsyncIterable<Buffer>
  const chunks = raw[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) return
  const all = joined(first.value, { [Symbol.asyncIterator]: () => chunks })
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b
  yield* isGzip ? unpacked(all) : all
}

/** Rejects where the octets are damaged, or end too soon. */
async function* unpacked(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip()
  const filled = pipeline(packed, gunzip)
  // It rejects below, too, and is waited for at the end.
  filled.catch(() => undefined)
  yield* gunzip as AsyncIterable<Buffer>
  await filled
}

/** rspamd's history begins with its list, or with an object that has `version` or `rows`. */
function isDocument(first: Buffer): boolean {
  const begin = first.toString('latin1', 0, 64).trimStart()
  return begin.startsWith('[{') || begin.startsWith('[\n') || /^\{\s*"(?:version|rows)"/.test(begin)
}

async function documentIn(
  { path, counts }: LogFile,
  chunks: AsyncIterable<Buffer>,
): Promise<readonly Entry[]> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > longestDocument)
      throw new Error('it is one document of JSON, and larger than 64 MiB')
    parts.push(chunk)
  }
  const rows = readRspamdHistory(jsonIn(Buffer.concat(parts).toString('utf8')))
  if (rows === undefined) throw new Error('it is JSON, and no history of rspamd')
  const entries: Entry[] = []
  for (const [i, { at, seen }] of rows.entries()) {
    counts.lines++
    if (seen === unreadable) counts.bad({ file: path, line: i + 1, text: 'an entry of the list' })
    else if (seen !== undefined) entries.push({ at, sighting: seen })
  }
  for (const { at } of entries) counts.timed(at)
  return entries.sort((one, other) => one.at - other.at)
}

async function* linesIn(
  file: LogFile,
  chunks: AsyncIterable<Buffer>,
): Source & AsyncGenerator<readonly Entry[]> {
  const text = new TextLines()
  const reader = new LineReader(file)
  for await (const chunk of chunks) {
    const entries = reader.read(text.push(chunk))
    if (entries.length > 0) yield entries
  }
  yield reader.read(text.end())
}

class LineReader {
  readonly #file: LogFile
  readonly #lines: LogLines
  #number = 0
  #at = 0

  constructor(file: LogFile) {
    this.#file = file
    this.#lines = new LogLines(file.now)
  }

  read(lines: readonly string[]): readonly Entry[] {
    const { counts, path } = this.#file
    const entries: Entry[] = []
    counts.lines += lines.length
    for (const line of lines) {
      this.#number++
      const { at, seen } = this.#lines.read(line)
      if (at !== undefined) this.#at = at
      if (seen === undefined) continue
      if (seen === unreadable) {
        counts.bad({ file: path, line: this.#number, text: line })
        continue
      }
      counts.timed(this.#at)
      entries.push({ at: this.#at, sighting: seen })
    }
    return entries
  }
}
