/** Compressed and back: whatever the pieces, and what is no zstd or too much of it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { zstdCompressSync } from 'node:zlib'
import { compressed, decompressed } from '../../../src/judge/rspamd/zstd.ts'
import type { TextSource } from '../../../src/message/text-source.ts'
import { runs } from '../../support/properties.ts'
import { ComingText, textOf } from '../texts.ts'

async function all(text: TextSource): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of text.chunks()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('property: what is compressed in any pieces comes back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 })), async (pieces) => {
      const text = textOf(pieces.map((piece) => Buffer.from(piece)))
      const back = await decompressed(await all(compressed(text)), 1_000_000)
      expect(back.equals(Buffer.concat(pieces))).toBe(true)
    }),
    { numRuns: runs(200) },
  )
})

test('a text that will never be complete is an error, and no end', async () => {
  const text = new ComingText()
  text.push(Buffer.from('Subject: x'))
  const reading = all(compressed(text))
  text.breakOff()
  await expect(reading).rejects.toThrow()
})

test('who reads no further leaves nothing behind', async () => {
  const text = textOf(Array.from({ length: 1000 }, (_, i) => Buffer.alloc(100_000, i)))
  for await (const chunk of compressed(text).chunks()) {
    expect(chunk.length).toBeGreaterThan(0)
    break
  }
})

test('an answer that becomes longer than the limit is an error', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(50_000_000))
  expect(bomb.length).toBeLessThan(10_000)
  await expect(decompressed(bomb, 65_536)).rejects.toThrow()
})

test('what is no zstd is an error', async () => {
  await expect(decompressed(Buffer.from('{"score":1}'), 65_536)).rejects.toThrow()
})
