/**
 * What a sender was at when Rcptwise ended says nothing about the sender: its message is split as
 * before when Rcptwise is there again (rule 5).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const recipients = '"ann@example.org": tag-only\n"cho@example.org": strict\n'
const config =
  'timeouts: { shutdown: 200ms }\npeers: [{ name: default, strategy: group }]\n' +
  'policies: { tag-only: { tag_at: 6 }, strict: { reject_at: 8 }, careful: { reject_at: 15 } }'

async function envelope(port: number): Promise<{ client: Client; codes: string[] }> {
  const client = await Client.connect(port)
  await client.reply()
  const codes: string[] = []
  for (const line of ['EHLO client.test', 'MAIL FROM:<s@x.test>']) await client.ask(line)
  for (const to of ['ann', 'cho'])
    codes.push((await client.ask(`RCPT TO:<${to}@example.org>`)).slice(0, 3))
  return { client, codes }
}

test('a transaction that is broken off at the end of timeouts.shutdown is no attempt in vain', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-test-'))
  try {
    const first = await startTestApp({ directory, config, recipients })
    const { client, codes } = await envelope(first.port)
    expect(codes).toEqual(['250', '451'])
    expect(await client.ask('DATA')).toMatch(/^354/)
    client.send('Subject: half of a message\r\n')
    await first.app.close()
    client.close()
    expect(first.facts).toContainEqual(
      expect.objectContaining({ kind: 'sessionClosed', why: 'shutdown' }),
    )
    await using again = await startTestApp({ directory, config, recipients })
    const second = await envelope(again.port)
    expect(second.codes.toSorted()).toEqual(['250', '451'])
    second.client.close()
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
