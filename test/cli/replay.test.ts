/** What `rcptwise replay` prints: no wider than a terminal, and harmless to it. */
import { expect, test } from 'vitest'
import type { Replayed } from '../../src/app/replay.ts'
import { inJson } from '../../src/cli/replay/in-json.ts'
import { replayInWords } from '../../src/cli/replay/in-words.ts'
import type { Cost } from '../../src/past/play.ts'
import { senderTimes } from '../../src/past/sender-model.ts'
import { Tally } from '../../src/past/tally.ts'
import { strategyNames } from '../../src/strategy/names.ts'

const million = 1_234_567

function replayed(counted = million): Replayed {
  const tally = new Tally()
  const costs = strategyNames.map((strategy): Cost => ({
    strategy,
    forcedRetries: million,
    attempts: 4,
    delivered: [0, 1, million],
    refused: million,
    despite: million,
    reported: million,
    teaches: true,
  }))
  const sums = { costs, divided: true, auto: 'late' } as const
  tally.add({ ...sums, sender: 'evil\u001b[31m.example', times: senderTimes.farm })
  tally.add({ ...sums, sender: `${'long'.repeat(30)}.example`, times: senderTimes.smtplib })
  return {
    read: {
      files: 3,
      lines: 9 * million,
      unread: 2,
      shown: [
        { file: '/var/log/x\u001b.log', line: 7, text: `\u001b]0;title\u0007${'x'.repeat(200)}` },
      ],
      from: 0,
      until: 86_400_000,
    },
    counts: {
      messages: million,
      counted,
      recipients: million,
      refusedThen: million,
      recipientsUnknown: 1,
      policiesFailed: 1,
      leftOut: { unscored: 1, own: 1, putOff: 1, nobody: 1, prdr: 1, crowded: 1 },
    },
    unfinished: 1,
    tally,
  }
}

test('its lines have at most 80 columns, and nothing in them that acts on a terminal', () => {
  for (const text of [replayInWords(replayed()), replayInWords(replayed(0))]) {
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(/[\0-\x09\x0b-\x1f\x7f-\x9f]/.test(text)).toBe(false)
    expect(text).toContain('without a score')
  }
  expect(replayInWords(replayed(0))).toContain('Nothing can be said')
})

test('as JSON it has all strategies and senders', () => {
  const told = JSON.parse(JSON.stringify(inJson(replayed()))) as Record<string, unknown>
  expect(told['strategies']).toHaveLength(strategyNames.length + 1)
  expect(told['senders']).toHaveLength(2)
  expect(told['leftOut']).toMatchObject({ unscored: 1, unfinished: 1 })
})
