/**
 * What the history costs: its size, the writing of a batch, and searches in a large one.
 *
 *     node bench/history.ts [RECIPIENTS] [DIRECTORY] [full | domain | hash] [MESSAGES]
 *
 * 1e6 in the temporary directory, with whole addresses, and 64 messages in each batch, unless said: a
 * site that gets no more than four messages a second has one in each.
 *
 * Messages of a site: 1.3 recipients of 20,000, senders of which some write often, eight symbols of
 * a judge, a reply with a queue id. One of ten is deferred once. One newsletter is a twentieth of all
 * mail, and so is what one mailbox gets, but that mailbox does not get the newsletter. All but the
 * last hundredth is written in large batches, and not measured. Searches are measured with the file
 * in the system's memory, and from the disk.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecipientFact, TransactionFact } from '../src/facts/transaction.ts'
import { addressKeeper, type AddressMode, writtenWithAddresses } from '../src/history/addresses.ts'
import { attemptOf } from '../src/history/attempt.ts'
import { type AttemptsText, writtenOf } from '../src/history/batch-text.ts'
import { type Question, questionOf } from '../src/history/question.ts'
import { openHistoryFile } from '../src/history/schema.ts'
import { search } from '../src/history/search.ts'
import { HistoryStore } from '../src/history/store.ts'

const wanted = Number(process.argv[2] ?? 1e6)
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'rcptwise-bench-'))
const path = join(directory, 'history.db')
const file = { path, maxSizeBytes: 64 * 1024 ** 3 }
const mode = (process.argv[4] ?? 'full') as AddressMode
/** In a batch; a part of 6400. */
const perBatch = Number(process.argv[5] ?? 64)
const keeper = addressKeeper(mode, Buffer.alloc(32))
const database = openHistoryFile(file)
const store = new HistoryStore(database)
const start = Date.now() - 30 * 86_400_000

let state = 1
/** The same numbers in each run. */
function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const symbols = [
  'R_SPF_ALLOW',
  'R_DKIM_ALLOW',
  'DMARC_POLICY_ALLOW',
  'MIME_GOOD',
  'ARC_NA',
  'ASN',
  'RCVD_TLS_LAST',
  'TO_DN_NONE',
]
const userOf = (n: number): string => `firstname.lastname${n}@example.org`
const senderOf = (n: number): string => `someone.somewhere${n}@sender${n % 5000}.example`

const newsletter = 2_000_000
const busyMailbox = 20_000
const senderNumber = (): number => (random(4) === 0 ? random(100) : 100 + random(1_000_000))

function recipientOf(n: number, queueId: string, waits: boolean): RecipientFact {
  const common = { address: userOf(n), policy: 'careful', group: 1, verdict: 'accept' } as const
  return waits
    ? {
        ...common,
        fate: 'deferred',
        reason: { because: 'other group' },
        final: false,
        reply:
          '451 4.5.3 The recipients of this message are answered separately; please try again in 60 seconds; retry=00:01:00',
      }
    : {
        ...common,
        fate: 'through',
        reason: { because: 'below limits' },
        final: true,
        reply: `250 2.0.0 Ok: queued as ${queueId}`,
        taken: { queueId },
      }
}

function messageOf(n: number): TransactionFact {
  const queueId = `4${n.toString(16).toUpperCase().padStart(10, '0')}`
  const waits = random(10) === 0
  const kind = random(20)
  const sender = kind === 0 ? newsletter : senderNumber()
  const recipients = Array.from({ length: random(10) < 8 ? 1 : 2 + random(2) }, (_, i) =>
    recipientOf(kind === 1 && i === 0 ? busyMailbox : random(20_000), queueId, waits && i > 0),
  )
  return {
    kind: 'transactionEnded',
    at: start + Math.floor((n * 30 * 86_400_000) / wanted),
    session: 's',
    transaction: `abcdefghijkl${(n % 4096).toString(16).padStart(4, '2')}.${n % 9}`,
    peer: 'default',
    client: {
      address: `192.0.${random(256)}.${random(256)}`,
      port: 1,
      helo: `mail${sender % 100}.sender.example`,
      tls: true,
    },
    reversePath: senderOf(sender),
    recipients,
    mode: 'plain',
    outcome: 'accepted',
    strategy: 'late',
    sizeBytes: 20_000,
    messageId: `<${n}.${random(1e9)}@mail.sender${sender % 5000}.example>`,
    score: 1.5,
    judges: [{ judge: 'rspamd', result: 'scored', score: 1.5, symbols }],
    deliveries: [],
    reply: `250 2.0.0 Ok: queued as ${queueId}`,
    ...(waits && { split: `SPLIT${n.toString(36).toUpperCase().padStart(11, 'A')}` }),
    ms: 80,
  }
}

const messagesOf = (count: number): readonly TransactionFact[] =>
  Array.from({ length: count }, () => messageOf(messages++))

const textOf = (facts: readonly TransactionFact[]): AttemptsText => writtenOf(facts.map(attemptOf))

/** What the thread does with batches. */
function write(batches: readonly AttemptsText[]): void {
  const written = batches.map((batch) => writtenWithAddresses(batch, keeper))
  store.write('primary', { written, closings: [], gaps: [], until: 0 })
}

const recipientsOf = (facts: readonly TransactionFact[]): number =>
  facts.reduce((sum, fact) => sum + fact.recipients.length, 0)

/** To files by this process, also what a later write to the same page makes superfluous. */
const writtenBytes = (): number =>
  Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? NaN)

const begun = performance.now()
let [recipients, messages, measured, onMain] = [0, 0, 0, 0]
/** Of some of them, to be asked about. */
const messageIds: string[] = []
const splits: string[] = []

database.exec('pragma synchronous = off; pragma cache_size = -4000000')
while (recipients < wanted * 0.99) {
  const facts = messagesOf(6400)
  messageIds.push(facts[0]?.messageId ?? '')
  splits.push(facts.find(({ split }) => split !== undefined)?.split ?? '')
  const starts = Array.from({ length: facts.length / perBatch }, (_, i) => i * perBatch)
  write(starts.map((from) => textOf(facts.slice(from, from + perBatch))))
  recipients += recipientsOf(facts)
  if (messages % 640_000 === 0)
    console.error(`${recipients} after ${Math.round((performance.now() - begun) / 1000)} s`)
}

while (store.gather());
// As `serve` has it.
database.exec(
  'pragma wal_checkpoint(truncate); pragma synchronous = normal; pragma cache_size = -32768',
)
const batches: number[] = []
const writtenBefore = writtenBytes()
const cpuBefore = process.cpuUsage()
while (recipients < wanted) {
  const facts = messagesOf(perBatch)
  const began = performance.now()
  const text = textOf(facts)
  onMain += performance.now() - began
  const writing = performance.now()
  write([text])
  batches.push(performance.now() - writing)
  recipients += recipientsOf(facts)
  measured += facts.length
}
const cpu = process.cpuUsage(cpuBefore)
const writes = writtenBytes() - writtenBefore
const sorted = batches.toSorted((a, b) => a - b)
const at = (part: number): string =>
  (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(1)
const bytes = store.usedBytes()
console.log(
  `${recipients} recipients of ${messages} messages: ${(bytes / 1024 ** 2).toFixed(0)} MiB, ${(bytes / recipients).toFixed(0)} bytes a recipient`,
)
console.log(`on the main thread ${((onMain / measured) * 1000).toFixed(1)} µs a message`)
console.log(`in all ${((cpu.user + cpu.system) / measured).toFixed(0)} µs CPU a message`)
console.log(`written to files ${(writes / measured / 1024).toFixed(1)} KiB a message`)
console.log(
  `written by the thread: a batch of ${perBatch} in ${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (longest)`,
)
store.close()
console.log(`file ${(statSync(path).size / 1024 ** 2).toFixed(0)} MiB`)

const questions: Readonly<Record<string, () => Partial<Question>>> = {
  'a recipient': () => ({ address: userOf(random(20_000)) }),
  'a recipient, the last two hours': () => ({
    address: userOf(random(20_000)),
    since: Date.now() - 7_200_000,
  }),
  'a frequent sender': () => ({ from: senderOf(random(100)) }),
  'a rare sender': () => ({ from: senderOf(100 + random(1_000_000)) }),
  'a frequent sender and a recipient': () => ({
    from: senderOf(random(100)),
    address: userOf(random(20_000)),
  }),
  'a Message-ID': () => ({ messageId: messageIds[random(messageIds.length)] ?? '' }),
  'a client': () => ({ client: `192.0.${random(256)}.${random(256)}` }),
  'a queue id': () => ({
    queueId: `4${random(messages).toString(16).toUpperCase().padStart(10, '0')}`,
  }),
  'a split': () => ({ split: splits[random(splits.length)] ?? '' }),
  'the newsletter': () => ({ from: senderOf(newsletter) }),
  'a newsletter and a mailbox that never meet': () => ({
    from: senderOf(newsletter),
    address: userOf(busyMailbox),
  }),
  nobody: () => ({ address: `nobody${random(1e9)}@example.org` }),
}

interface Measured {
  readonly question: () => Partial<Question>
  readonly times: number
  readonly before: () => HistoryStore
}

/** Searches of one kind; `before` each, and not measured. */
function measure(name: string, { question, times, before }: Measured): void {
  const wall: number[] = []
  const cpuTimes: number[] = []
  let found = 0
  for (let i = 0; i < times; i++) {
    const searched = before()
    const [asked, cpuBefore] = [performance.now(), process.cpuUsage()]
    found += search(searched, questionOf({ limit: 100, ...question() }), { keeper, mode }).attempts
      .length
    wall.push(performance.now() - asked)
    const { user, system } = process.cpuUsage(cpuBefore)
    cpuTimes.push((user + system) / 1000)
  }
  const said = (all: number[]): string => {
    const inOrder = all.toSorted((a, b) => a - b)
    return `${(inOrder[Math.floor(times / 2)] ?? 0).toFixed(1)} and ${(inOrder.at(-1) ?? 0).toFixed(1)} ms`
  }
  console.log(
    `${name}: ${said(wall)} (median, longest); processor time ${said(cpuTimes)}; ${Math.round(found / times)} attempts`,
  )
}

let again = new HistoryStore(openHistoryFile(file))
for (const [name, question] of Object.entries(questions))
  measure(name, { question, times: 50, before: () => again })

/** As after a start of the machine: nothing of the file is in memory, of SQLite or the system. */
function forgotten(): HistoryStore {
  again.close()
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' })
  again = new HistoryStore(openHistoryFile(file))
  return again
}
for (const [name, question] of Object.entries(questions))
  measure(`from the disk, ${name}`, { question, times: 10, before: forgotten })
again.close()
rmSync(directory, { recursive: true, force: true })
