/**
 * Forged splits in somebody's name cost others nothing: few can be open, and looking at them is
 * bounded.
 */
import { expect, test } from 'vitest'
import { ReadSplits } from '../../src/ledger/read-splits.ts'
import type { Split } from '../../src/split/split.ts'
import { splitOf } from '../ledger/splits.ts'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'

test('limits.md: “table under Open splits” “Rcptwise then serves a message that would begin another split unsplit.” “The log line has `"unsplit":"crowded"`.” “A split that is open goes on.”', async () => {
  await using app = await startTestApp({
    recipients,
    config:
      'limits: { open_splits_per_sender: 5, open_splits_per_client: 8 }\npeers: [{ name: default, strategy: late }]',
  })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  const send = async (from: string, id: string): Promise<string> => {
    await client.ask(`MAIL FROM:<${from}>`)
    for (const to of ['tag', 'strict']) await client.ask(`RCPT TO:<${to}@example.org>`)
    await client.ask('DATA')
    return (
      await client.ask(`Message-ID: <${id}@x.test>\r\nX-Spam-Score: 9.5\r\n\r\nhello\r\n.`)
    ).slice(0, 3)
  }
  const inTurn = async (from: string, ids: readonly string[]): Promise<string[]> => {
    const said: string[] = []
    for (const id of ids) said.push(await send(from, id))
    return said
  }
  expect(await inTurn('bank@example.net', ['1', '2', '3', '4', '5', '6', '7'])).toEqual([
    ...Array<string>(5).fill('451'),
    '250',
    '250',
  ])
  expect(await inTurn('other@example.net', ['8', '9', '10', '11'])).toEqual([
    '451',
    '451',
    '451',
    '250',
  ])
  expect(await send('bank@example.net', '1'), 'it is open').toBe('451')
  client.close()
  expect(app.transactions().filter(({ unsplit }) => unsplit === 'crowded')).toHaveLength(3)
  expect(await app.metrics()).toContain(
    'rcptwise_limit_hits_total{limit="open_splits_per_sender"} 2',
  )
  expect(await app.metrics()).toContain(
    'rcptwise_limit_hits_total{limit="open_splits_per_client"} 1',
  )
})

test('a message with many recipients reads each open split of its sender once', () => {
  const read = new ReadSplits()
  const open = Array.from({ length: 100 }, (_, n) => splitOf(`split ${n}`))
  let parsed = 0
  const parse = (split: Split): Split => {
    parsed++
    return split
  }
  for (let recipient = 0; recipient < 1000; recipient++)
    for (const split of open) read.get(split.id, split.version, () => parse(split))
  expect(parsed).toBe(100)
  const [first] = open
  if (first !== undefined) read.get(first.id, 2, () => parse(first))
  expect(parsed, 'another version').toBe(101)
})
