/**
 * One of several processes on the ledger PATH: opens first splits of new senders, NAME-0, NAME-1
 * and so on, and asks for those of the others as soon as they are saved. A file of each in
 * DIRECTORY has how many it has saved, and what it was told.
 */
import { openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite.ts'
import { recipientOf, splitOf } from '../splits.ts'

const [, , path = '', directory = '', name = ''] = process.argv

/** What is asked of SQLite by the ledger. */
let questions = 0
const prototype = StatementSync.prototype
const get: unknown = Object.getOwnPropertyDescriptor(prototype, 'get')?.value
prototype.get = function (...values) {
  questions += 1
  return typeof get === 'function' ? (Reflect.apply(get, this, values) as undefined) : undefined
}

const senderOf = (process: string, n: number): string => `${process}-${n}@example.net`

interface Other {
  readonly process: string
  readonly file: number
  /** So many of its senders were asked for, or had been saved before. */
  known: number
}

/** Splits saved; senders of others asked for, and those of them wrongly told to have nothing. */
const told = new Float64Array(4)
const ownFile = openSync(join(directory, name), 'w')
const tell = (): void => {
  writeSync(ownFile, told, 0, told.byteLength, 0)
}
tell()
const others = new Map<string, Other>()
const buffer = new Float64Array(4)

function savedBy({ file }: Other): number {
  readSync(file, buffer, 0, buffer.byteLength, 0)
  return buffer[0] ?? 0
}

function findOthers(): void {
  for (const process of readdirSync(directory)) {
    if (process === name || others.has(process)) continue
    const other = { process, file: openSync(join(directory, process), 'r'), known: 0 }
    others.set(process, { ...other, known: savedBy(other) })
  }
}

const ledger = await openSqliteLedger({ path, onFact: console.error })

function count(at: number): void {
  told[at] = (told[at] ?? 0) + 1
}

async function ask(other: Other): Promise<void> {
  for (const saved = savedBy(other); other.known < saved; other.known += 1) {
    const open = await ledger.openOf(senderOf(other.process, other.known))
    count(1)
    if (open !== 'many' && open.length === 0) count(2)
  }
}

/** Whether SQLite was not asked. */
async function asksOfNobody(n: number): Promise<boolean> {
  const before = questions
  await ledger.openOf(senderOf(`nobody-${name}`, n))
  return questions === before
}

while (!(await asksOfNobody(-1))) await new Promise((resolve) => setTimeout(resolve, 20))
for (let n = 0; ; n += 1) {
  if (n % 64 === 0) findOthers()
  const recipients = [recipientOf('a@example.org')]
  await ledger.save(splitOf(`${name}-${n}`, { reversePath: senderOf(name, n), recipients }))
  told[0] = n + 1
  tell()
  for (let round = 0; round < 8; round += 1) {
    for (const other of others.values()) await ask(other)
    if (await asksOfNobody(n * 8 + round)) count(3)
  }
  tell()
  if (n % 8 === 0) await nextTurn()
}
