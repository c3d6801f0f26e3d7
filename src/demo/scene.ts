/**
 * What both parts of the demonstration have in common: three recipients, what they want, and one
 * message.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type App, startApp } from '../app.ts'
import { parseConfig } from '../config/load.ts'
import { describeProblem } from '../config/problem.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Fates, Message } from './client.ts'
import { print } from './telling.ts'

export const recipients = ['ann@example.org', 'bob@example.org', 'cho@example.org'] as const
export const wishes = [
  'patient: wants it as it is, up to a score of 12',
  'careful: wants it marked as spam from 6 on',
  'strict:  refuses it from 8 on',
]
const policies =
  '"ann@example.org": patient\n"bob@example.org": careful\n"cho@example.org": strict\n'

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

/** Rcptwise as people start it, in a directory of its own; `more` is added to its configuration. */
export async function startScene(
  directory: string,
  { more = '', onFact }: { readonly more?: string; readonly onFact?: FactListener } = {},
): Promise<App> {
  await writeFile(join(directory, 'recipients.yaml'), policies)
  const loaded = parseConfig(`${config}${more}`, join(directory, 'demo.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return await startApp(loaded.config, {
    processMetrics: false,
    ...(onFact === undefined ? {} : { onFact }),
  })
}

/** `fields`: above its own. */
export const message = (subject: string, fields: readonly string[] = []): Message => ({
  from: 'shop@sender.example',
  text: [
    'From: Shop <shop@sender.example>',
    'To: ann, bob and cho',
    `Subject: ${subject}`,
    `Message-ID: <${subject.replaceAll(' ', '-')}@sender.example>`,
    ...fields,
    '',
    'Everything must go!',
  ],
})

/** What each recipient has in the end, read from their Maildirs. */
export async function outcome(directory: string, subject: string, fates: Fates): Promise<void> {
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
