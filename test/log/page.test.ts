import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { overrulingWords, reasonWords, thresholdWords } from '../../src/verdict/reason.ts'
import { logPage, renderLogPage } from '../../tools/log-docs.ts'

test('log.md: “It is one of the words below, and no other.” (stale? node tools/log-docs.ts)', () => {
  const page = readFileSync(logPage, 'utf8')
  expect(page).toBe(renderLogPage(page))
  for (const words of [reasonWords, thresholdWords, overrulingWords])
    for (const [word, meaning] of Object.entries(words))
      expect(page).toContain(`| \`${word}\` | ${meaning} |`)
})
