/**
 * How long `rcptwise replay` takes, and how much memory: it makes a log of Postfix and one of
 * rspamd, and reads them as the command does.
 *
 *     node bench/past-mail.ts [--messages 1000000] [--keep DIRECTORY]
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { replay } from '../src/app/replay.ts'
import { replayInWords } from '../src/cli/replay/in-words.ts'
import { loadConfig } from '../src/config/load.ts'
import { senderTimes } from '../src/past/sender-model.ts'
import { draw, mix, randomFrom } from '../test/model/mix.ts'
import { commandLine } from '../test/support/command-line.ts'

const { messages, keep } = commandLine({ messages: 1_000_000, keep: String })
const directory = keep ?? (await mkdtemp(path.join(tmpdir(), 'rcptwise-past-mail-')))
const [serverLog, scannerLog] = ['mail.log', 'rspamd.log'].map((name) => path.join(directory, name))
const people = 5000
const policies = ['strict', 'careful', 'tag-only']

if (serverLog === undefined || scannerLog === undefined) throw new Error('no place')
await write(serverLog, scannerLog)
await writeFile(
  path.join(directory, 'recipients.yaml'),
  Array.from({ length: people }, (_, i) => `u${i}@example.org: ${policies[i % 3] ?? ''}\n`).join(
    '',
  ),
)
const configuration = path.join(directory, 'rcptwise.yaml')
await writeFile(
  configuration,
  `backend: { servers: ["smtp://127.0.0.1:9"] }
relay_domains: [example.org]
policies: { tag-only: { tag_at: 6 }, careful: { tag_at: 6, reject_at: 15 }, strict: { tag_at: 5, reject_at: 8 } }
recipients: { default: careful, sources: [{ file: recipients.yaml }] }
judges: [{ rspamd: { url: "http://127.0.0.1:9" } }]
data_directory: data
`,
)
const loaded = loadConfig(configuration)
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const bytes = (await stat(serverLog)).size + (await stat(scannerLog)).size
const begun = performance.now()
const before = process.cpuUsage()
const replayed = await replay(loaded.config, {
  files: [serverLog, scannerLog],
  usualTimes: senderTimes.postfix,
})
const seconds = (performance.now() - begun) / 1000
const { user, system } = process.cpuUsage(before)
process.stdout.write(`${replayInWords(replayed)}\n\n`)
process.stdout.write(
  `${messages} messages, ${Math.round(bytes / 1e6)} MB: ${seconds.toFixed(1)} s (${((user + system) / 1e6).toFixed(1)} s of the processor), ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at most\n`,
)
if (keep === undefined) await rm(directory, { recursive: true })

async function write(server: string, scanner: string): Promise<void> {
  const random = randomFrom(1)
  const [mail, scans] = [createWriteStream(server), createWriteStream(scanner)]
  const begin = Date.now() - messages * 1000
  for (let i = 0; i < messages; i++) {
    const at = begin + i * 1000
    const time = new Date(at).toISOString().replace('Z', '000+00:00')
    const id = (0xa00000000 + i).toString(16).toUpperCase()
    const host = Math.floor(random() ** 2 * 20_000)
    const client = `${(host >> 8) & 255}.${host & 255}.7`
    const name = `mail.s${host}.example[10.${client}]`
    const score = draw<number>(random, mix.scores)
    const count = draw<number>(random, mix.recipients)
    const to = Array.from({ length: count }, () => `u${Math.floor(random() * people)}@example.org`)
    const postfix = (program: string, text: string): string =>
      `${time} mx postfix/${program}[${1000 + (i % 50)}]: ${text}\n`
    const scan = `${time.slice(0, 10)} ${time.slice(11, 19)} #1466(rspamd_proxy) <${id}>; proxy; rspamd_task_write_log: id: <m${i}@s${host}.example.net>, qid: <${id}>, ip: 10.${client}, from: <news@s${host}.example.net>, (default: F (no action): [${score.toFixed(2)}/15.00] [R_SPF_ALLOW(-0.20){+ip4:10.${client};},MIME_GOOD(-0.10){text/plain;},ARC_NA(0.00){},FROM_EQ_ENVFROM(0.00){},RCVD_TLS_ALL(0.00){},TO_DN_NONE(0.00){},BAYES_HAM(-1.00){99.99%;}]), len: ${2000 + (i % 9000)}, time: 50.2ms, dns req: 12, digest: <3af1531aab817924ecd0265bf5be2c47>, rcpts: <${to.slice(0, 8).join(',')}${to.length > 8 ? ',...' : ''}>, mime_rcpts: <${to[0] ?? ''}>\n`
    const lines =
      postfix('smtpd', `connect from ${name}`) +
      postfix('smtpd', `${id}: client=${name}`) +
      postfix('cleanup', `${id}: message-id=<m${i}@s${host}.example.net>`) +
      postfix(
        'qmgr',
        `${id}: from=<news@s${host}.example.net>, size=${2000 + (i % 9000)}, nrcpt=${new Set(to).size} (queue active)`,
      ) +
      postfix(
        'smtpd',
        `disconnect from ${name} ehlo=2 starttls=1 mail=1 rcpt=${count} data=1 quit=1 commands=7`,
      ) +
      [...new Set(to)]
        .map((one) =>
          postfix(
            'lmtp',
            `${id}: to=<${one}>, relay=127.0.0.1[127.0.0.1]:24, delay=0.31, delays=0.29/0.01/0/0.01, dsn=2.0.0, status=sent (250 2.0.0 Ok)`,
          ),
        )
        .join('') +
      postfix('qmgr', `${id}: removed`)
    mail.write(lines)
    scans.write(scan)
    for (const stream of [mail, scans]) if (stream.writableNeedDrain) await once(stream, 'drain')
  }
  mail.end()
  scans.end()
  await Promise.all([once(mail, 'close'), once(scans, 'close')])
}
