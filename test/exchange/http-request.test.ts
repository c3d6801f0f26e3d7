import { describe, expect, it } from 'vitest'
import { requestHead } from '../../src/exchange/http-request.ts'

describe('the head of a request', () => {
  it('is lines of octets', () =>
    expect(
      requestHead({
        method: 'POST',
        path: '/checkv2?x=1',
        fields: [
          ['Host', 'a:1'],
          ['X', ' \xe9\t'],
        ],
      }),
    ).toBe('POST /checkv2?x=1 HTTP/1.1\r\nHost: a:1\r\nX:  \xe9\t\r\n\r\n'))

  it.each<[string, string, string]>([
    ['/a b', 'X', 'y'],
    ['/\r\n', 'X', 'y'],
    ['', 'X', 'y'],
    ['/caf\xe9', 'X', 'y'],
    ['/', 'X', 'a\r\nY: b'],
    ['/', 'X', 'a\n'],
    ['/', 'X', '\0'],
    ['/', 'X', '\u4e0d\u4e0a'],
    ['/', 'X\r\nY', 'b'],
    ['/', '', 'b'],
    ['/', 'X:', 'b'],
  ])('%j %j: %j can not be said, and nothing is', (path, name, value) =>
    expect(requestHead({ method: 'GET', path, fields: [[name, value]] })).toEqual({
      failed: expect.stringContaining("HTTP can't say") as string,
    }),
  )
})
