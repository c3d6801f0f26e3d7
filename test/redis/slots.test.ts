import { expect, test } from 'vitest'
import { slotOf, spreadTags } from '../../src/redis/slots.ts'

test.for([
  // The check of CRC16/XMODEM, and what `CLUSTER KEYSLOT` says.
  ['123456789', 12_739],
  ['foo', 12_182],
  ['user1000', 3443],
  ['', 0],
] as const)('the slot of %s is %i', ([tag, slot]) => {
  expect(slotOf(tag)).toBe(slot)
})

test('tags are spread evenly over nodes with as many slots each, whatever they begin with', () => {
  for (const stem of ['rcptwise:3', 'x3', 'ü/3']) {
    const tags = spreadTags(stem, 16)
    expect(new Set(tags).size).toBe(16)
    for (const tag of tags) expect(tag.startsWith(`${stem}.`)).toBe(true)
    for (const nodes of [2, 3, 4, 5, 6, 8, 16]) {
      const counts = Array.from({ length: nodes }, () => 0)
      for (const tag of tags) {
        const node = Math.floor((slotOf(tag) * nodes) / 16_384)
        counts[node] = (counts[node] ?? 0) + 1
      }
      expect(Math.min(...counts), `${nodes} nodes`).toBeGreaterThanOrEqual(
        Math.floor(16 / nodes) - 1,
      )
      expect(Math.max(...counts), `${nodes} nodes`).toBeLessThanOrEqual(Math.ceil(16 / nodes) + 1)
    }
  }
})
