/**
 * Writes the tables of reasons in docs/log.md, from the words of src/verdict/reason.ts:
 * `node tools/log-docs.ts`. A test fails when they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
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

/** The page, with its tables as they should be. */
export function renderLogPage(page: string): string {
  let next = 0
  return page.replaceAll(/^\| reason \|.*\n(?:\|.*\n)+/gm, () => `${tables[next++] ?? ''}\n`)
}

if (import.meta.main) writeFileSync(logPage, renderLogPage(readFileSync(logPage, 'utf8')))
