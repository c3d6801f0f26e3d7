import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldsOf, headerOf, readHeader } from '../../src/dsn/header.ts'

describe('headerOf', () => {
  test.each([
    ['A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n', 'A: 1\r\nB: 2\r\n'],
    ['\r\nbody\r\n\r\n', ''],
    ['A: 1\r\n', 'A: 1\r\n'],
    ['', ''],
  ])('%j', (text, header) => expect(headerOf(Buffer.from(text)).toString()).toBe(header))
})

describe('fieldsOf', () => {
  test('unfolds, and leaves out what is no field', () => {
    expect(
      fieldsOf(Buffer.from('A: 1\r\n\t2\r\nno field\r\nB : x:y \r\n:empty\r\nC:\r\n')),
    ).toEqual([
      { name: 'a', value: '1\t2' },
      { name: 'b', value: 'x:y' },
      { name: 'c', value: '' },
    ])
  })
  test('takes any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        for (const { name } of fieldsOf(Buffer.from(octets))) expect(name).toMatch(/^[!-~]+$/)
      }),
    )
  })
})

describe('readHeader', () => {
  async function* pieces(text: string, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < text.length; at += size)
      yield await Promise.resolve(Buffer.from(text.slice(at, at + size)))
  }

  test.each([1, 2, 3, 4, 5, 100])('whatever the pieces: %d octets', async (size) => {
    const text = 'A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore\r\n'
    expect((await readHeader(pieces(text, size), 1000)).toString()).toBe('A: 1\r\nB: 2\r\n')
  })

  test('reads no further than it may', async () => {
    let read = 0
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        read++
        yield await Promise.resolve(Buffer.from('X: y\r\n'))
      }
    }
    expect(await readHeader(endless(), 20)).toHaveLength(20)
    expect(read).toBe(4)
  })
})
