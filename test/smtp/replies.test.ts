import { describe, expect, test } from 'vitest'
import { refusedForSome, replies } from '../../src/smtp/replies.ts'
import { encodeReply, isTransient, type Reply } from '../../src/smtp/reply.ts'

/** Every reply that can be said, those that take arguments with some. */
const all = Object.entries(replies).map(([name, made]): [string, Reply] => {
  if (typeof made !== 'function') return [name, made]
  const make = made as (...given: readonly unknown[]) => Reply
  if (name === 'deferred') return [name, make(451, 'a@example.org', 60)]
  if (name === 'ehlo') return [name, make('mx.test', ['PRDR'])]
  return [name, make(name === 'refusalKept' ? 60 : 'text')]
})

describe.each(all)('%s', (_name, reply) => {
  test('fits a reply line of 512 octets (RFC 5321 4.5.3.1.5)', () => {
    for (const line of encodeReply(reply).split('\r\n'))
      expect(line.length).toBeLessThanOrEqual(510)
  })
  if (isTransient(reply)) {
    test('says when to come back, once in words and at the very end in the form of the draft', () => {
      const [text] = reply.lines
      expect(text).toMatch(/again in [0-9]+ seconds; retry=[0-9:]+$/)
      // Postal takes the first number (senders)
      expect(text.match(/[0-9]+ (?:seconds|minutes)/g)).toHaveLength(1)
    })
    test('has no word that senders take for something else (rule 3)', () => {
      expect(reply.lines[0]).not.toMatch(/storage|quota|\bfull\b/i)
    })
  }
  const bare = [220, 250, 353, 354]
  test('has an enhanced status code, but for greeting, EHLO, 353 and 354 (RFC 2034 4)', () => {
    expect(reply.detail !== undefined || bare.includes(reply.code)).toBe(true)
  })
})

describe('a refusal for some recipients only', () => {
  const refusal: Reply = { code: 552, lines: ['5.2.2 <b@x> Quota exceeded'] }
  const whole = (words: string): Reply => ({ code: 550, lines: ['5.7.1 No', words] })

  test('keeps the words of the backend, and says behind them whom they are for', () => {
    expect(encodeReply(refusedForSome(refusal, ['b@x', 'c@x']))).toBe(
      '552 5.2.2 <b@x> Quota exceeded (only for <b@x>, <c@x>; the other recipients have the message)\r\n',
    )
    expect(refusedForSome(whole('5.7.1 Never'), ['a@x']).lines).toEqual([
      '5.7.1 No',
      '5.7.1 Never (only for <a@x>; the other recipients have the message)',
    ])
  })

  test('fits a reply line, however many and long they are', () => {
    const long = `${'l'.repeat(250)}@x`
    expect(refusedForSome(refusal, [long, long, long]).lines[0]).toMatch(/> and 2 more; the other/)
    expect(refusedForSome(whole('w'.repeat(400)), ['a@x', 'b@x']).lines[1]).toMatch(
      /w \(only for 2 more; /,
    )
    const many = Array.from({ length: 1000 }, (_, i) => `r${i}@example.org`)
    expect(refusedForSome(refusal, many).lines[0].length).toBeLessThan(500)
  })
})
