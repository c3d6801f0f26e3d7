/**
 * What docs/strategies.md says of its tables is what stands in them. How they are made is a test of
 * its own (test/model).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/verdict/verdict.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { draw, mix, randomFrom } from '../model/mix.ts'
import { modelSenders } from '../model/senders.ts'

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'strategies.md'), 'utf8')

type Row = Readonly<Record<string, string>>

/** The rows of the table behind a title, by their head. */
function tableOf(title: string): Row[] {
  const [, text = ''] = page.split(`**${title}`)
  const [, table = ''] = /\n((?:\|.*\n)+)/.exec(text) ?? []
  const lines = table.trimEnd().split('\n')
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''))
  const [head = [], , ...rows] = lines.map(cells)
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [head[i] ?? '', cell])))
}

const retries = tableOf('Forced retries for each message')
const delays = tableOf('Delay of accepted mail')
const givenUp = tableOf('Given up')
const lost = tableOf('Lost; bounced although wanted; doubled')
const strategies = ['single', 'group', 'late', 'bounce', 'lenient', 'off', 'auto'] as const
const makesOneAttempt = ['msmtp, curl', 'smtplib, nodemailer']

test('each table has each sender of the model', () => {
  const names = modelSenders.map(({ name }) => name)
  for (const table of [retries, delays, givenUp, lost])
    expect(table.map(({ sender }) => sender)).toEqual(names)
})

test('strategies.md: “Nothing is lost in any cell, and nothing is delivered twice.”', () => {
  for (const row of lost)
    for (const strategy of strategies) expect(row[strategy], row['sender']).toBe('0; 0; 0')
})

describe('strategies.md: “late and auto cost a retry only for those messages, and nobody who takes the message waits for it.”', () => {
  test.each(['late', 'auto'] as const)('%s', (strategy) => {
    for (const row of delays) expect(row[strategy], row['sender']).toBe('0 s; 0 s; 0 s')
    for (const row of retries) expect(Number(row[strategy]), row['sender']).toBeLessThan(0.2)
  })
})

test("strategies.md: “With group and single mail that is accepted in the end waits for the sender's retries”", () => {
  const waits = delays.filter(
    ({ group, single }) => !`${group} ${single}`.endsWith('0 s; 0 s; 0 s'),
  )
  expect(waits.map(({ sender }) => sender)).toEqual(
    expect.arrayContaining(['Postfix', 'Exim', 'sendmail', 'OpenSMTPD']),
  )
})

test('strategies.md: “Programs that make one attempt (msmtp, curl, smtplib) give up with group and single.” “With late and auto everybody who takes the message has it.”', () => {
  const rows = givenUp.filter(({ sender = '' }) => makesOneAttempt.includes(sender))
  expect(rows).toHaveLength(makesOneAttempt.length)
  for (const row of rows) {
    expect([row['late'], row['auto']]).toEqual(['0', '0'])
    for (const strategy of ['group', 'single']) expect(row[strategy]).toMatch(/ %$/)
  }
})

test('strategies.md: “Fewer than three messages in a hundred really divide their recipients with this mix.”', () => {
  const random = randomFrom(11)
  const messages = 10_000
  let divided = 0
  for (let n = 0; n < messages; n++) {
    const score = draw(random, mix.scores)
    const policies = Array.from({ length: draw(random, mix.recipients) }, () =>
      draw<Policy>(random, mix.policies),
    )
    const refusing = policies.filter((policy) => decide(score, policy).verdict === 'reject').length
    if (refusing > 0 && refusing < policies.length) divided++
  }
  expect(divided / messages).toBeLessThan(0.03)
})

test('strategies.md: “The mix, for each sender and strategy 10,000 messages:” “recipients: 1 (60 %), 2 (20 %)” “policies, drawn for each recipient:” “a score that nobody minds (80 %)”', () => {
  const shares = (of: readonly (readonly [number, unknown])[]): number[] =>
    of.map(([share]) => share)
  const [, text = ''] =
    /The mix, for each sender and strategy 10,000 messages:([\s\S]*?)\nThere is one MX name/.exec(
      page,
    ) ?? []
  const said = [...text.matchAll(/(\d+) %/g)].map(([, share]) => Number(share))
  expect(said).toEqual([...shares(mix.recipients), ...shares(mix.policies), ...shares(mix.scores)])
})
