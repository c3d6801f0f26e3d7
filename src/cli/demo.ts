/** `rcptwise demo`: the main job, on real sockets, told to someone who has never heard of PRDR. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { type Message, sendByPrdr, sendByRetrying } from '../demo/client.ts'
import { message, outcome, recipients, startScene, wishes } from '../demo/scene.ts'
import { paint } from '../log/colours.ts'
import { print, say, title } from '../demo/telling.ts'
import { showRspamd } from '../demo/with-rspamd.ts'

export function register(program: Command): void {
  program
    .command('demo')
    .description('show the main job: one message, three recipients, three answers; ends by itself')
    .action(demo)
}

/** The score that a scanner in front would have written. */
const scored = (subject: string): Message => message(subject, ['X-Spam-Score: 9.5'])

async function demo(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-demo-'))
  try {
    await show(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function show(directory: string): Promise<void> {
  const app = await startScene(directory)
  try {
    const port = app.addresses[0]?.port ?? 0
    introduce(port)
    await showPrdr(directory, port)
    await showLegacy(directory, port)
    showCost(await app.scrape())
  } finally {
    await app.close()
  }
  await showRspamd(directory)
  showNext()
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
  const fates = await sendByPrdr(port, scored('offer one'), recipients, say)
  await outcome(directory, 'offer one', fates)
  print(paint('bold', '  One transaction, no retry, everyone served as they wish.'))
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
  print(paint('bold', '  Attempt 1'))
  const { fates, attempts } = await sendByRetrying(port, scored('offer two'), recipients, {
    say,
    wait: async (attempt, seconds) => {
      print(
        `\n${paint('bold', `  Attempt ${attempt + 1}`)}, after the ${seconds} seconds that the hint asked for (real servers take minutes)`,
      )
      await pause(seconds * 1000)
    },
  })
  await outcome(directory, 'offer two', fates)
  print(
    paint(
      'bold',
      `  The same result, after ${attempts} attempts. Nothing is lost, nothing is delivered twice, and ann and bob never waited.`,
    ),
  )
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
}

function showNext(): void {
  print()
  print('  Next: README.md, "In front of Postfix". To send mail yourself: npm start, then')
  print('  swaks --to ann@example.org,bob@example.org --server 127.0.0.1:2525')
}
