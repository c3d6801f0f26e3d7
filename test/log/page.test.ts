import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { overrulingWords, reasonWords, thresholdWords } from '../../src/verdict/reason.ts'
import { eventWords } from '../../tools/log-events.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { everyKind } from '../metrics/sample-facts.ts'
import { logPage, renderLogPage } from '../../tools/log-docs.ts'

const page = readFileSync(logPage, 'utf8')
const besides = new Set(['time', 'level', 'event', 'pid', 'msg'])

/** Every line that the events of the product make. */
function writtenLines(): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = []
  const write = (text: string): void => {
    for (const line of text.split('\n').filter((one) => one !== ''))
      lines.push(JSON.parse(line) as Record<string, unknown>)
  }
  const listen = logFromFacts(createLog({ level: 'debug', format: 'json', write }))
  for (const fact of everyKind) listen(fact)
  return lines
}

test('log.md: “Each event has one line, and `event` names it.” The table has each, with its fields', () => {
  const wrong = writtenLines().flatMap((line) => {
    const words = eventWords[String(line['event'])]
    if (words === undefined) return [`${String(line['event'])} is missing`]
    const level = words.level.split(' or ').includes(String(line['level']))
      ? []
      : [`${String(line['event'])} is ${String(line['level'])}`]
    if (words.fields.startsWith('see')) return level
    const known = words.fields.split(' ')
    const fields = Object.keys(line).filter((name) => !besides.has(name) && !known.includes(name))
    return [...level, ...fields.map((name) => `${String(line['event'])} has ${name}`)]
  })
  expect([...new Set(wrong)]).toEqual([])
})

test('the table has the events that the source names, and no other', () => {
  const source = ['log', 'cli']
    .flatMap((folder) => {
      const path = join(import.meta.dirname, '../../src', folder)
      return readdirSync(path)
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(join(path, name), 'utf8'))
    })
    .join('\n')
  const named = [...source.matchAll(/event: '([^']+)'/g)].map(([, name = '']) => name)
  const kinds = new Set([
    ...everyKind.map(({ kind }) => kind),
    ...[...source.matchAll(/case '([a-zA-Z]+)':/g)].map(([, name = '']) => name),
    ...named,
  ])
  expect(named.filter((name) => eventWords[name] === undefined)).toEqual([])
  expect(Object.keys(eventWords).filter((name) => !kinds.has(name))).toEqual([])
})

test('log.md: “It is one of the words below, and no other.” (stale? node tools/log-docs.ts)', () => {
  expect(page).toBe(renderLogPage(page))
  for (const words of [reasonWords, thresholdWords, overrulingWords])
    for (const [word, meaning] of Object.entries(words))
      expect(page).toContain(`| \`${word}\` | ${meaning} |`)
})
