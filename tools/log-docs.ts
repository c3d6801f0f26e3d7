/**
 * Writes the tables of reasons and of events in docs/log.md, from the words of
 * src/verdict/reason.ts and of log-events.ts:
 * `node tools/log-docs.ts`. A test fails when they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventWords } from './log-events.ts'
import { overrulingWords, reasonWords, thresholdWords } from '../src/verdict/reason.ts'

export const logPage = fileURLToPath(new URL('../docs/log.md', import.meta.url))

const table = (words: Readonly<Record<string, string>>): string =>
  [
    '| reason | what it means |',
    '|---|---|',
    ...Object.entries(words).map(([word, meaning]) => `| \`${word}\` | ${meaning} |`),
  ].join('\n')

const tables = [
  table({
    ...reasonWords,
    ...thresholdWords,
    limit: 'A limit is reached ([limits.md](limits.md)).',
  }),
  table(overrulingWords),
]

const code = (words: string): string =>
  words === '' || words.startsWith('see')
    ? words
    : words
        .split(' ')
        .map((word) => `\`${word}\``)
        .join(', ')

const events = [
  '| event | level | its fields | what it means, and what to do |',
  '|---|---|---|---|',
  ...Object.entries(eventWords).map(
    ([name, { level, fields, what }]) => `| \`${name}\` | ${level} | ${code(fields)} | ${what} |`,
  ),
].join('\n')

/** The page, with its tables as they should be. */
export function renderLogPage(page: string): string {
  let next = 0
  return page
    .replace(/^\| event \|.*\n(?:\|.*\n)+/m, () => `${events}\n`)
    .replaceAll(/^\| reason \|.*\n(?:\|.*\n)+/gm, () => `${tables[next++] ?? ''}\n`)
}

if (import.meta.main) writeFileSync(logPage, renderLogPage(readFileSync(logPage, 'utf8')))
