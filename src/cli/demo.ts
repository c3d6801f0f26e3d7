/** `rcptwise demo`: the main job, on real sockets, told to someone who has never heard of PRDR. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { startApp } from '../app.ts'
import { parseConfig } from '../config/load.ts'
import { describeProblem } from '../config/problem.ts'
import { type Fates, type Message, sendByPrdr, sendByRetrying } from '../demo/client.ts'

export function register(program: Command): void {
  program
    .command('demo')
    .description('show the main job: one message, three recipients, three answers; ends by itself')
    .action(demo)
}

const hintSeconds = 2
const config = `
hostname: mx.example.org
listen: [{ address: "127.0.0.1:0" }]
admin: off
backend: { servers: ["sink:mail"] }
policies:
  patient: { tag_at: 12 }
  careful: { tag_at: 6, reject_at: 15 }
  strict:  { tag_at: 5, reject_at: 8 }
recipients:
  default: careful
  sources: [{ file: recipients.yaml }]
peers:
  - { name: default, strategy: late, retry_hint: ${hintSeconds}s }
`
const recipients = ['ann@example.org', 'bob@example.org', 'cho@example.org'] as const
const wishes = [
  'patient: wants it as it is, up to a score of 12',
  'careful: wants it marked as spam from 6 on',
  'strict:  refuses it from 8 on',
]
const policies =
  '"ann@example.org": patient\n"bob@example.org": careful\n"cho@example.org": strict\n'

const message = (subject: string): Message => ({
  from: 'shop@sender.example',
  text: [
    'From: Shop <shop@sender.example>',
    'To: ann, bob and cho',
    `Subject: ${subject}`,
    `Message-ID: <${subject.replaceAll(' ', '-')}@sender.example>`,
    'X-Spam-Score: 9.5',
    '',
    'Everything must go!',
  ],
})

const colour = process.stdout.isTTY
const paint = (code: number, text: string): string =>
  colour ? `\x1b[${code}m${text}\x1b[0m` : text
const print = (text = ''): void => void process.stdout.write(`${text}\n`)
const title = (text: string): void =>
  print(`\n${paint(1, text)}\n${paint(1, '-'.repeat(text.length))}`)
const say = (line: string): void =>
  print(
    `    ${paint(line.startsWith('C:') ? 36 : /^S: 5/.test(line) ? 31 : /^S: 4/.test(line) ? 33 : 32, line)}`,
  )

async function demo(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-demo-'))
  try {
    await show(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function show(directory: string): Promise<void> {
  await writeFile(join(directory, 'recipients.yaml'), policies)
  const loaded = parseConfig(config, join(directory, 'demo.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  const app = await startApp(loaded.config, { processMetrics: false })
  try {
    const port = app.addresses[0]?.port ?? 0
    introduce(port)
    await showPrdr(directory, port)
    await showLegacy(directory, port)
    showCost(await app.metrics.registry.metrics())
  } finally {
    await app.close()
  }
}

function introduce(port: number): void {
  title('The problem')
  print(
    'A spam scanner gives this message 9.5 points. Its three recipients want different things done with it:',
  )
  print()
  recipients.forEach((recipient, i) => print(`    ${recipient}   ${wishes[i] ?? ''}`))
  print()
  print('SMTP has one reply after the text, for all of them. So a usual server has to choose.')
  print('If it refuses the message for everyone, ann and bob lose mail that they wanted.')
  print(
    'If it takes the message for everyone, cho gets spam, and the sender believes that cho wanted it.',
  )
  print('Rcptwise gives each recipient their own answer.')
  print(`It runs now on 127.0.0.1:${port}, in front of a backend that keeps mail in Maildirs.`)
}

async function showPrdr(directory: string, port: number): Promise<void> {
  title('1. A client that speaks PRDR (per-recipient data responses; Exim does)')
  print(
    'C: is the sending server, S: is Rcptwise. Look at the lines after the text: one reply per recipient.',
  )
  print()
  const fates = await sendByPrdr(port, message('offer one'), recipients, say)
  await outcome(directory, 'offer one', fates)
  print(paint(1, '  One transaction, no retry, everyone served as they wish.'))
}

async function showLegacy(directory: string, port: number): Promise<void> {
  title('2. A client that does not (most servers)')
  print(
    'Such a client gets only one reply per message. Most messages need no more: everyone agrees.',
  )
  print(
    'This message divides its recipients. So ann and bob get it at once, and the sender gets 451,',
  )
  print(
    '"please try again in N seconds". Every mail server keeps the message in its queue and retries.',
  )
  print('Then Rcptwise acknowledges ann and bob without a second copy, and cho has to come alone.')
  print(
    'If Rcptwise refused cho beside others, some senders would bounce the message to all (rule 2).',
  )
  print(
    'Rcptwise has never seen this sender before. So it knows the first retry by its text alone,',
  )
  print('and answers 451 once more. If it guessed, another message might have to wait (rule 10).')
  print()
  print(paint(1, '  Attempt 1'))
  const { fates, attempts } = await sendByRetrying(port, message('offer two'), recipients, {
    say,
    wait: async (attempt, seconds) => {
      print(
        `\n${paint(1, `  Attempt ${attempt + 1}`)}, after the ${seconds} seconds that the hint asked for (real servers take minutes)`,
      )
      await pause(seconds * 1000)
    },
  })
  await outcome(directory, 'offer two', fates)
  print(
    paint(
      1,
      `  The same result, after ${attempts} attempts. Nothing is lost, nothing is delivered twice, and ann and bob never waited.`,
    ),
  )
}

/** What each recipient has in the end, read from their Maildirs. */
async function outcome(directory: string, subject: string, fates: Fates): Promise<void> {
  print()
  for (const recipient of recipients) {
    const folder = join(directory, 'mail', recipient, 'new')
    const names = await readdir(folder).catch((): string[] => [])
    const mails = await Promise.all(
      names.map(async (name) => await readFile(join(folder, name), 'latin1')),
    )
    const copies = mails.filter((mail) => mail.includes(`Subject: ${subject}\r\n`))
    const tagged = copies.some((mail) => mail.includes('X-Spam-Flag: YES\r\n'))
    const has =
      copies.length === 0
        ? 'nothing; the sender knows'
        : `${copies.length} copy, ${tagged ? 'marked as spam' : 'as it was sent'}`
    print(`  ${recipient} has ${has.padEnd(26)}  the sender got: ${fates.get(recipient) ?? ''}`)
  }
}

function showCost(metrics: string): void {
  title('3. What it cost, as Prometheus and Grafana see it')
  const wanted =
    /^rcptwise_(?:forced_retries_total|retry_delay_seconds_(?:sum|count)|split_duration_seconds_sum|splits_total|transactions_total|recipients_total)\{/
  for (const line of metrics.split('\n')) {
    if (wanted.test(line) && !line.endsWith(' 0')) print(`    ${line}`)
  }
  const value = (name: string): number => {
    const line = metrics.split('\n').find((each) => each.startsWith(`rcptwise_${name}{`))
    return Number(line?.slice(line.lastIndexOf(' ') + 1) ?? 0)
  }
  const retries = value('forced_retries_total')
  const delay = value('retry_delay_seconds_sum') / Math.max(1, value('retry_delay_seconds_count'))
  print()
  print(`  The PRDR client caused no forced retry. The other client caused ${retries}:`)
  print(
    `  ${retries} times Rcptwise deferred a recipient only because their answer differs from the others'.`,
  )
  print(`  They came back after ${delay.toFixed(1)} s on average. That is the number to watch:`)
  print('  the dashboard in grafana/ shows it by class of sender.')
  print('  `rcptwise strategy set PEER STRATEGY` changes how Rcptwise serves a class at run time.')
  print()
  print('  Next: README.md, "In front of Postfix". To send mail yourself: npm start, then')
  print('  swaks --to ann@example.org,bob@example.org --server 127.0.0.1:2525')
}
