/** A file becomes the text that a client would send. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readMessage } from '../../../src/app/explain/message-text.ts'
import { loadConfig } from '../../../src/config/load.ts'

const loaded = loadConfig(undefined, {})
if (!loaded.ok) throw new Error('the built-in configuration is wrong')
const { config } = loaded

async function* cut(octets: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < octets.length; at += size)
    yield await Promise.resolve(octets.subarray(at, at + size))
}

const read = async (text: string, more: Partial<typeof config> = {}, size = 7) => {
  const message = await readMessage(cut(Buffer.from(text, 'latin1'), size), { ...config, ...more })
  return { ...message, text: Buffer.concat(message.whole() ?? []).toString('latin1') }
}

test('a file that was saved with LF alone has CRLF, wherever it is cut', async () => {
  const line = fc.stringMatching(/^[\x20-\x7e]{0,20}$/)
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      async (lines, size) => {
        fc.pre(lines.some((one) => one !== ''))
        const { text, fault, sizeBytes } = await read(`${lines.join('\n')}\n`, {}, size)
        expect(fault).toBeUndefined()
        expect(text).toBe(`${lines.join('\r\n')}\r\n`)
        expect(sizeBytes).toBe(text.length)
      },
    ),
  )
})

test('a file with CRLF stays as it is; a last line without an end gets one', async () => {
  expect((await read('A: b\r\n\r\n.dot\r\n')).text).toBe('A: b\r\n\r\n.dot\r\n')
  expect((await read('A: b\r\n\r\nend', {}, 1000)).text).toBe('A: b\r\n\r\nend\r\n')
})

describe('what a client would be refused for is found', () => {
  test('a bare newline among CRLF', async () =>
    expect((await read('A: b\r\nc\nd\r\n')).fault).toBe('bareNewline'))
  test('a text above the limit, of which nothing is kept', async () => {
    const limits = { ...config.limits, messageSizeBytes: 50 }
    const { fault, text, sizeBytes } = await read(`A: b\r\n\r\n${'x'.repeat(60)}\r\n`, { limits })
    expect(fault).toBe('tooLarge')
    expect(text).toBe('')
    expect(sizeBytes).toBeGreaterThan(50)
  })
})

test('a message is known again by its fingerprint and its Message-ID', async () => {
  const { identity } = await read('Message-ID: <a@b>\n\nbody\n')
  expect(identity?.messageId).toBe('<a@b>')
  expect(identity?.fingerprint).toMatch(/^[0-9a-f]+$/)
})
