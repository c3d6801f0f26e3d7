import { describe, expect, it } from 'vitest'
import { askedAt, failureInWords } from '../../src/exchange/octets.ts'

const withCode = (code: string): Error => Object.assign(new Error('words'), { code })

describe('what an operator is told of a failure', () => {
  it.each<[unknown, string]>([
    [withCode('ECONNREFUSED'), 'ECONNREFUSED'],
    [withCode('HPE_INVALID_CONSTANT'), 'it does not speak HTTP (HPE_INVALID_CONSTANT)'],
    [
      new Error('it closed the connection without an answer'),
      'it closed the connection without an answer',
    ],
    ['no error at all', 'no error at all'],
  ])('%s', (error, words) => expect(failureInWords(error)).toBe(words))

  it('check says what to do when nobody answers, and leaves other words as they are', () => {
    expect(askedAt('ECONNREFUSED', 'judges[].rspamd.url')).toBe(
      'does not answer (ECONNREFUSED); is it running, and does it listen there (judges[].rspamd.url)?',
    )
    expect(askedAt('it does not speak HTTP (HPE_X)', 'x')).toBe('it does not speak HTTP (HPE_X)')
  })
})
