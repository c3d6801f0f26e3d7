import fc from 'fast-check'
import { expect, test } from 'vitest'
import { frontOf, withFront } from '../../../src/backend/wire/front.ts'
import { cut, cuts, octet } from '../../smtp/splits.ts'

const header = 'X-Spam-Flag: YES\r\n'
const texts = [
  '',
  'Subject: x\r\n\r\nhello\r\n',
  'From ann\r\nSubject: x\r\n',
  ' x\r\n',
  'hello\r\n',
  `${'a'.repeat(3000)}: b\r\n`,
]

async function together(chunks: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString('latin1')
}

async function* asItComes(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk)
}

test('a text in memory and one that still comes, in any pieces, get the same in front', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...texts), cuts, async (text, at) => {
      const pieces = cut(octet(text), at)
      const whole = Buffer.concat([frontOf(header, pieces), ...pieces]).toString('latin1')
      expect(whole).toBe(
        Buffer.concat([frontOf(header, [octet(text)]), octet(text)]).toString('latin1'),
      )
      expect(await together(withFront(header, asItComes(pieces)))).toBe(whole)
    }),
  )
})

test('without fields of ours every octet passes as it came', async () => {
  for (const text of texts) {
    expect(frontOf('', [octet(text)])).toHaveLength(0)
    expect(await together(withFront('', asItComes([octet(text)])))).toBe(text)
  }
})
