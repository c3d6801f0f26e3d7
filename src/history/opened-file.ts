/**
 * Whether the file of the history is still the one that was opened: an operator may remove it, or
 * put another one in its place, and a disk may damage it. The house, which is one process, begins a
 * new one; the others wait for that.
 */
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { applicationId } from './schema.ts'

/** The database and the two files that SQLite keeps beside it. */
const suffixes = ['', '-wal', '-shm'] as const

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? undefined : `${found.dev}:${found.ino}`
}

/** As long as it is held, no other file has its number. */
interface Held {
  readonly descriptor: number
  readonly identity: string
}

function hold(path: string): Held | undefined {
  try {
    const descriptor = openSync(path, 'r')
    const { dev, ino } = fstatSync(descriptor, { bigint: true })
    return { descriptor, identity: `${dev}:${ino}` }
  } catch {
    return undefined
  }
}

export class OpenedFile {
  readonly #path: string
  readonly #held: readonly (Held | undefined)[]

  /** Of a database that has just been opened. */
  constructor(path: string) {
    this.#path = path
    this.#held = suffixes.map((suffix) => hold(path + suffix))
  }

  /** Another file is at its path, or none. */
  get isGone(): boolean {
    return !this.#isThere(0)
  }

  /** Another process has seen first that it is damaged. */
  get isPutAside(): boolean {
    return this.#isAt(damagedPathOf(this.#path), 0)
  }

  #isThere(i: number): boolean {
    return this.#isAt(this.#path + (suffixes[i] ?? ''), i)
  }

  #isAt(path: string, i: number): boolean {
    const identity = identityOf(path)
    return identity !== undefined && identity === this.#held[i]?.identity
  }

  /** Another process has put a new one there, and nothing of the old one is beside it. */
  get isReplaced(): boolean {
    return identityOf(this.#path) !== undefined && suffixes.every((_suffix, i) => !this.#isThere(i))
  }

  /** What it has left beside its path: SQLite would take it for part of the next one. */
  clearAway(): void {
    for (const [i, suffix] of suffixes.entries())
      if (i > 0 && this.#isThere(i)) rmSync(this.#path + suffix)
  }

  /** Only when SQLite has closed it and has not opened it again: a close ends its locks. */
  release(): void {
    for (const held of this.#held) if (held !== undefined) closeSync(held.descriptor)
  }
}

/** The path of a file that can be read no more; there is one, the last. */
export const damagedPathOf = (path: string): string => `${path}.damaged`

export const putAside = (path: string): void => renameSync(path, damagedPathOf(path))

const magic = Buffer.from('SQLite format 3\0')
const applicationIdAt = 68

/** Whether its first octets say that it is a history of ours. */
export function isHistory(path: string): boolean {
  const header = Buffer.alloc(100)
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, header.length, 0)
  } finally {
    closeSync(file)
  }
  return (
    header.subarray(0, magic.length).equals(magic) &&
    header.readUInt32BE(applicationIdAt) === applicationId
  )
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const damageCodes: ReadonlySet<number> = new Set([11, 26])

export const isDamage = (error: unknown): boolean =>
  error instanceof Error &&
  'errcode' in error &&
  typeof error.errcode === 'number' &&
  damageCodes.has(error.errcode & 0xff)
