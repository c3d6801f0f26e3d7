/**
 * A chaos run: rounds, each with a set-up of its own, its trouble, then calm in which everything is
 * brought to its end, then the count.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { redisObstacle, startRedis } from '../interop/redis/redis-server.ts'
import { freePort } from '../support/lab/ports.ts'
import { Behind } from './behind.ts'
import { awayIn } from './away.ts'
import { courseOf, timeOf } from './course.ts'
import { faults, type Finding, type OpenSplit, Record } from './count.ts'
import { FrontEnd } from './front-end.ts'
import { type Away, type Entry, Journal, watchLag } from './journal.ts'
import { Mail } from './mail.ts'
import { recipientsFile } from './people.ts'
import { ScannerProcess } from './scanner-process.ts'
import { Random } from '../support/random.ts'
import { openOf, isCaller } from './senders.ts'
import { configuration, firstStrategy, type SetUp, setUps } from './set-ups.ts'
import { Trouble } from './trouble.ts'

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly directory: string
  readonly say: (line: string) => void
  /** The one set-up by the beginning of its name; all in turn unless set. */
  readonly only?: string
  /** Senders that work side by side. */
  readonly crowd?: number
}

export interface Round {
  readonly setUp: string
  readonly directory: string
  readonly findings: readonly Finding[]
  readonly figures: Readonly<{ [name: string]: number }>
  /** Of the messages of what nothing explains, what became of them. */
  readonly courses: readonly string[]
}

const shortestRoundMs = 15_000
const longestRoundMs = 180_000

export async function runChaos(options: ChaosOptions): Promise<readonly Round[]> {
  const { minutes, seed, say, only } = options
  const noRedis = redisObstacle()
  const possible = setUps.filter(
    ({ name, ledger }) =>
      (only === undefined || name.startsWith(only)) &&
      (ledger !== 'Redis' || noRedis === undefined),
  )
  const totalMs = minutes * 60_000
  const roundMs = Math.min(
    longestRoundMs,
    Math.max(shortestRoundMs, totalMs / possible.length / 1.25),
  )
  const end = performance.now() + totalMs
  const rounds: Round[] = []
  for (let number = 0; performance.now() < end; number++) {
    const setUp = possible[number % possible.length]
    if (setUp === undefined) throw new Error('there is no such set-up')
    const left = Math.max(shortestRoundMs / 2, end - performance.now())
    const round = await runRound({
      ...options,
      setUp,
      number,
      ms: Math.min(roundMs, left),
      seed: seed + number,
    })
    rounds.push(round)
    say(`round ${number}, ${setUp.name} (seed ${seed + number}): ${inWords(round)}`)
    for (const { fault, letter, recipient, what, because } of round.findings)
      if (because === undefined) say(`  ${fault}: ${letter} to ${recipient}: ${what}`)
    for (const line of round.courses) say(`    ${line}`)
  }
  return rounds
}

const inWords = ({ figures }: Round): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')

interface RoundOptions extends ChaosOptions {
  readonly setUp: SetUp
  readonly number: number
  readonly ms: number
}

async function runRound({
  setUp,
  number,
  ms,
  seed,
  crowd = 6,
  ...options
}: RoundOptions): Promise<Round> {
  const directory = join(options.directory, `round-${number}`)
  mkdirSync(directory, { recursive: true })
  const journal = new Journal(join(directory, 'journal.jsonl'))
  const lag = watchLag(journal)
  const ports = { behind: await freePort() }
  await using redis =
    setUp.ledger === 'Redis'
      ? await startRedis({ appendonly: 'yes', appendfsync: 'always' })
      : undefined
  writeFileSync(join(directory, 'recipients.yaml'), recipientsFile)
  let trouble: Trouble | undefined
  const behind = new Behind(
    {
      port: ports.behind,
      record: join(directory, 'taken.jsonl'),
      boxes: join(directory, 'boxes.json'),
      speaks: setUp.speaks,
      judges: setUp.judge === 'backend',
      seed,
    },
    journal,
    (step) => trouble?.step(step),
  )
  await behind.start()
  const scanner =
    setUp.judge === 'scanner' ? new ScannerProcess(await freePort(), journal) : undefined
  await scanner?.start()
  const fronts: { readonly frontEnd: FrontEnd; readonly port: number }[] = []
  for (let i = 0; i < setUp.frontEnds; i++) {
    const [listen, admin] = [await freePort(), await freePort()]
    const config = join(directory, `front-${i}.yaml`)
    const redisUrl = redis === undefined ? undefined : `${redis.url}/0`
    writeFileSync(
      config,
      configuration(
        setUp,
        { listen, admin, behind: ports.behind, redis: redisUrl, scanner: scanner?.port },
        `data-${i}`,
      ),
    )
    const log = join(directory, `front-${i}.log`)
    const random = new Random(seed, `front ${i}`)
    fronts.push({
      frontEnd: new FrontEnd({ number: i, directory, config, log, admin, random }, journal),
      port: listen,
    })
  }
  const frontEnds = fronts.map(({ frontEnd }) => frontEnd)
  try {
    for (const frontEnd of frontEnds) await frontEnd.ready()
    const mail = new Mail({
      journal,
      random: new Random(seed, 'mail'),
      frontEnds: fronts,
      round: String(number),
    })
    trouble = new Trouble(
      { journal, frontEnds, behind, redis, scanner },
      new Random(seed, 'trouble'),
    )
    const troubled = trouble.run()
    const sent = mail.run(crowd)
    await sleep(ms)
    trouble.end()
    await troubled
    for (const frontEnd of frontEnds) await frontEnd.ready()
    mail.calm()
    await sent
    return count({
      setUp,
      directory,
      entries: [...journal.entries, ...behind.entries(), ...frontEnds.flatMap(awayOf)],
      mail,
      splits: await splitsOf(frontEnds, directory),
    })
  } finally {
    lag[Symbol.dispose]()
    await Promise.all(frontEnds.map(async (frontEnd) => await frontEnd.stop()))
    await behind.kill()
    await scanner?.kill()
  }
}

const awayOf = ({ number, log }: FrontEnd): readonly Away[] =>
  awayIn(readFileSync(log, 'utf8'), number)

interface SplitsAnswer {
  readonly splits: readonly {
    readonly from: string
    readonly messageId?: string
    readonly recipients: readonly { readonly address: string; readonly state: string }[]
  }[]
}

/** What the ledger says is open. */
async function splitsOf(
  frontEnds: readonly FrontEnd[],
  directory: string,
): Promise<readonly OpenSplit[]> {
  const answer = (await frontEnds[0]?.api('GET', '/api/v1/splits?limit=1000')) as SplitsAnswer
  writeFileSync(join(directory, 'splits.json'), JSON.stringify(answer, undefined, 2))
  return answer.splits.map(({ from, messageId, recipients }) => ({
    from,
    ...(messageId !== undefined && { messageId }),
    recipients: recipients
      .filter(({ state }) => state !== 'answered')
      .map(({ address }) => address),
  }))
}

interface Ended {
  readonly setUp: SetUp
  readonly directory: string
  readonly entries: readonly Entry[]
  readonly mail: Mail
  readonly splits: readonly OpenSplit[]
}

function count({ setUp, directory, entries, mail, splits }: Ended): Round {
  const inTurn = entries.toSorted((one, other) => timeOf(one) - timeOf(other))
  const record = new Record(inTurn, firstStrategy)
  const open = mail.letters
    .filter((letter) => !isCaller(letter.kind) && openOf(letter).length > 0)
    .map((letter): [string, string[]] => [letter.id, openOf(letter)])
  const findings = [...record.findings(), ...record.undone(new Map(open), splits)]
  writeFileSync(
    join(directory, 'findings.jsonl'),
    findings.map((finding) => `${JSON.stringify(finding)}\n`).join(''),
  )
  const many = (what: Entry['what']): number => inTurn.filter((entry) => entry.what === what).length
  const figures = {
    messages: mail.letters.length,
    transactions: many('transaction'),
    copies: many('taken'),
    blows: many('blow'),
    'strategies set': many('switch'),
    ...Object.fromEntries(
      faults.map((fault) => [
        fault,
        findings.filter((one) => one.fault === fault && one.because === undefined).length,
      ]),
    ),
    'held by a guess': record.heldByGuess().length,
    'ledger away by itself': record.awayByItself().length,
    explained: findings.filter(({ because }) => because !== undefined).length,
  }
  const unknown = new Set(findings.filter(isUnexplained).map(({ letter }) => letter))
  const courses = [...unknown].flatMap((letter) => courseOf(inTurn, letter))
  return { setUp: setUp.name, directory, findings, figures, courses }
}

const isUnexplained = ({ because }: Finding): boolean => because === undefined

export const unexplained = (rounds: readonly Round[]): readonly Finding[] =>
  rounds.flatMap(({ findings }) => findings.filter(isUnexplained))

/** Figures by set-up, then what was explained, by its reason. */
export function chaosTable(rounds: readonly Round[]): string {
  const names = Object.keys(rounds[0]?.figures ?? {})
  const row = (title: string, some: readonly Round[]): string =>
    `| ${[title, ...names.map((name) => some.reduce((sum, { figures }) => sum + (figures[name] ?? 0), 0))].join(' | ')} |`
  const kinds = [...new Set(rounds.map(({ setUp }) => setUp))]
  const reasons = new Map<string, number>()
  for (const { fault, because } of rounds.flatMap(({ findings }) => findings)) {
    if (because === undefined) continue
    const reason = `${fault}: ${because}`
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  return [
    `| set-up | ${names.join(' | ')} |`,
    `|---|${names.map(() => '--:').join('|')}|`,
    ...kinds.map((kind) =>
      row(
        kind,
        rounds.filter(({ setUp }) => setUp === kind),
      ),
    ),
    row('all', rounds),
    '',
    'Explained by the record:',
    ...[...reasons]
      .toSorted(([, one], [, other]) => other - one)
      .map(([reason, count]) => `${count} ${reason}`),
  ].join('\n')
}
