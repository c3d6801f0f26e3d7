/**
 * `late` needs a ledger that keeps what is written: without one a class is served as `group`, and
 * as configured again when it is back.
 */
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

async function envelope(app: TestApp): Promise<string[]> {
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  const said: string[] = []
  const recipients = ['strict@example.org', 'tag@example.org']
  client.send(`MAIL FROM:<s@x.test>\r\n${recipients.map((to) => `RCPT TO:<${to}>\r\n`).join('')}`)
  for (let i = 0; i < 1 + recipients.length; i++)
    said.push((await client.reply()).join('\n').slice(0, 3))
  client.close()
  return said
}
const recipients = '"strict@example.org": strict\n"tag@example.org": tag-only\n'
const peers = 'peers: [{ name: default, strategy: late }]'

test('a ledger in memory by choice is one that remembers', async () => {
  await using app = await startTestApp({
    recipients,
    config: `${peers}\nledger: "sqlite::memory:"`,
  })
  expect(await envelope(app)).toEqual(['250', '250', '250'])
})

test('a ledger whose file can not be opened: group', async () => {
  await using before = await startTestApp({ recipients, config: peers })
  const directory = join(before.directory, 'in-the-way')
  await writeFile(directory, '') // a file where the ledger's directory should be
  await chmod(directory, 0o400)
  try {
    await using app = await startTestApp({
      recipients,
      config: `${peers}\nledger: "sqlite:${directory}/ledger.db"`,
    })
    expect(app.facts.filter(({ kind }) => kind === 'ledgerTrouble')).toHaveLength(1)
    expect(await envelope(app)).toEqual(['250', '250', '451'])
  } finally {
    await rm(directory, { force: true })
  }
})
