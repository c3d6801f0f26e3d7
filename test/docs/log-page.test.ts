/**
 * docs/log.md explains the line of a transaction field by field: a real line has the fields of the
 * page's example, and what any transaction can have is in the page's tables.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TransactionFact } from '../../src/facts/transaction.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { recipient, transaction } from '../metrics/sample-facts.ts'

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'log.md'), 'utf8')
const [, rest = ''] = page.split('## The line of a transaction')
const [line = ''] = rest.split('\n## ')
const [, example = '{}'] = /```json\n([\s\S]*?)```/.exec(line) ?? []
const documented = [...line.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name)

/** `recipients[].to`, `client.helo`, …; of a list all entries together. */
function fieldsOf(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value))
    return [...new Set(value.flatMap((entry) => fieldsOf(entry, `${prefix}[]`)))]
  if (typeof value !== 'object' || value === null) return [prefix]
  return Object.entries(value).flatMap(([name, field]) =>
    fieldsOf(field, prefix === '' ? name : `${prefix}.${name}`),
  )
}

function lineOf(fact: TransactionFact): unknown {
  const lines: string[] = []
  logFromFacts(
    createLog({ level: 'info', format: 'json', pid: 1, write: (one) => lines.push(one) }),
  )(fact)
  return JSON.parse(lines.join(''))
}

async function firstAttempt(): Promise<TransactionFact> {
  await using front = await startTestApp({
    config: 'peers: [{ name: default, strategy: auto }]',
    recipients: 'ann@example.org: tag-only\ncho@example.org: strict\n',
  })
  const client = await Client.connect(front.port)
  await client.reply()
  await client.ask('EHLO mail.sender.example')
  await client.ask('MAIL FROM:<shop@sender.example>')
  for (const to of ['ann', 'cho']) await client.ask(`RCPT TO:<${to}@example.org>`)
  await client.ask('DATA')
  await client.ask(
    'X-Spam-Score: 9.5\r\nMessage-ID: <42@sender.example>\r\nSubject: Offer\r\n\r\nBuy.\r\n.',
  )
  client.close()
  const [fact] = front.transactions()
  if (fact === undefined) throw new Error('no transaction')
  return fact
}

test('a real line has the fields of the example, in its order', async () => {
  const real = lineOf(await firstAttempt())
  expect(fieldsOf(real)).toEqual(fieldsOf(JSON.parse(example)))
})

test('log.md: “table under The line of a transaction” What any transaction can have is in it, and nothing else', () => {
  const many = Array.from({ length: 1000 }, (_, i) =>
    recipient(`r${i}@example.org`, {
      reason:
        i === 0
          ? { because: 'lenient', overrules: { because: 'reject_at', score: 9, threshold: 8 } }
          : { because: 'limit', limit: 'header' },
      duplicate: true,
      reported: true,
      returnedAfterMs: 1,
    }),
  )
  const full = transaction({
    recipients: many,
    chosen: { sender: 'example.net', why: 'it comes back' },
    vouched: true,
    cameBack: { sameConnection: false, elsewhere: true, otherHost: true },
    guess: 'right',
    shadow: { strategy: 'group', forcedRetries: 1 },
    unsplit: 'forgiven',
    split: 'SPLIT',
    observed: true,
  })
  expect(documented.toSorted()).toEqual(fieldsOf(lineOf(full)).toSorted())
})
