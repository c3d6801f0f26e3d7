/**
 * How long a message that divides its recipients waits for its answer, and for how much of that for
 * the DNS: `late` asks nobody, `auto` asks SPF and DKIM who the sender is.
 *
 *     node bench/vouched-splits.ts [MESSAGES] [MS]     400 messages; the DNS answers after 20 ms
 *
 * The messages are from twenty domains, whose SPF records include another one each.
 */
import { startTestApp } from '../test/support/app.ts'
import { Client } from '../test/support/dialogue.ts'
import { startTxtServer } from '../test/support/txt-server.ts'

const messages = Number(process.argv[2] ?? 400)
const dnsMs = Number(process.argv[3] ?? 20)
const domains = 20
const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'

const records = Object.fromEntries(
  Array.from({ length: domains }, (_, n) => [
    [`sender${n}.example`, `v=spf1 include:spf.sender${n}.example -all`],
    [`spf.sender${n}.example`, 'v=spf1 ip4:192.0.2.0/24 -all'],
  ]).flat(),
) as Record<string, string>

/** From the end of the text to the reply, in ms. */
async function answerMs(client: Client, n: number): Promise<number> {
  await client.ask(`MAIL FROM:<s${n}@sender${n % domains}.example>`)
  for (const to of ['tag', 'strict']) await client.ask(`RCPT TO:<${to}@example.org>`)
  await client.ask('DATA')
  const begun = performance.now()
  const reply = await client.ask(
    `Subject: ${n}\r\nMessage-ID: <${n}@x.example>\r\nX-Spam-Score: 9.5\r\n\r\nx\r\n.`,
  )
  if (!reply.startsWith('451')) throw new Error(reply)
  return performance.now() - begun
}

async function measure(what: string, strategy: string, keep: string): Promise<void> {
  await using dns = await startTxtServer(records, { afterMs: dnsMs })
  const config =
    `peers: [{ name: default, strategy: ${strategy} }]\n` +
    `bounces: { dns_servers: ["${dns.address}"], dns_keep: ${keep} }\n` +
    'limits: { dns_questions_per_minute: off, all_dns_questions_per_minute: off }\n'
  await using app = await startTestApp({ config, recipients })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  // What is loaded with the first message is not what is compared.
  for (let n = 0; n < 30; n += 1) await answerMs(client, n)
  const before = dns.asked.length
  const used = process.cpuUsage()
  const taken: number[] = []
  for (let n = 0; n < messages; n += 1) taken.push(await answerMs(client, 1000 + n))
  const { user, system } = process.cpuUsage(used)
  client.close()
  taken.sort((a, b) => a - b)
  const at = (part: number): string => (taken[Math.floor(part * messages)] ?? 0).toFixed(1)
  const asked = ((dns.asked.length - before) / messages).toFixed(2)
  console.log(
    `${what.padEnd(26)}half within ${at(0.5)} ms, 99 % within ${at(0.99)} ms; ` +
      `${((user + system) / messages / 1000).toFixed(2)} ms of CPU, ${asked} questions a message`,
  )
}

for (let round = 0; round < 2; round += 1) {
  await measure('late', 'late', '5m')
  await measure('auto, dns_keep: 0s', 'auto', '0s')
  await measure('auto', 'auto', '5m')
}
