/** Fields in front of a text, in memory and while it still comes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Revision, onTop } from '../../src/message/edits.ts'
import { revised } from '../../src/message/revised-text.ts'
import type { TextSource } from '../../src/message/text-source.ts'
import { cut, cuts, octet } from '../smtp/splits.ts'

const flag: Revision = [[onTop([{ name: 'X-Spam-Flag', value: ' YES' }])]]
const texts = [
  '',
  'Subject: x\r\n\r\nhello\r\n',
  'From ann\r\nSubject: x\r\n',
  ' x\r\n',
  'hello\r\n',
  `${'a'.repeat(3000)}: b\r\n`,
]

async function together(source: TextSource): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of source.chunks()) all.push(chunk)
  return Buffer.concat(all).toString('latin1')
}

const source = (pieces: readonly Buffer[]): TextSource => ({
  whole: () => pieces,
  async *chunks() {
    for (const piece of pieces) yield await Promise.resolve(piece)
  },
  pour(taker) {
    for (const piece of pieces) taker.take(piece)
    taker.complete()
    return { goOn: () => undefined, stop: () => undefined }
  },
})

function poured(source: TextSource): string {
  const all: Buffer[] = []
  let ended = false
  source.pour?.({
    take: (chunk) => all.push(chunk) > 0,
    complete: () => (ended = true),
    brokenOff: () => undefined,
  })
  expect(ended).toBe(true)
  return Buffer.concat(all).toString('latin1')
}

const inMemory = (pieces: readonly Buffer[]): string =>
  Buffer.concat(revised(source(pieces), flag).whole() ?? []).toString('latin1')

test.each([
  [false, 'X-Spam-Flag', false],
  [false, '.x', true],
  [true, 'X-Spam-Flag', true],
  [undefined, 'X-Spam-Flag', true],
])('a text that has a dotted line (%s) behind %s has one: %s', (dotted, name, after) => {
  const fields = [
    { name: 'Received', value: ' by x' },
    { name, value: ' YES' },
  ]
  const text = { ...source([]), ...(dotted !== undefined && { dotted }) }
  expect(revised(text, [[onTop(fields)]]).dotted).toBe(after)
})

test('a text in memory and one that still comes, in any pieces, get the same in front', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...texts), cuts, async (text, at) => {
      const pieces = cut(octet(text), at)
      const whole = inMemory(pieces)
      expect(whole).toBe(inMemory([octet(text)]))
      expect(whole.endsWith(text)).toBe(true)
      expect(await together(revised(source(pieces), flag))).toBe(whole)
      expect(poured(revised(source(pieces), flag))).toBe(whole)
    }),
  )
})

test('without fields of ours every octet passes as it came', () => {
  for (const text of texts) {
    const came = source([octet(text)])
    expect(revised(came, [])).toBe(came)
    expect(revised(came, [[onTop([])]])).toBe(came)
  }
})
