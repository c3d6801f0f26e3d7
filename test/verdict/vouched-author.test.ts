/** Whose From field a list of senders may believe. */
import { describe, expect, test } from 'vitest'
import type { Findings } from '../../src/verdict/judgement.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { describeReason } from '../../src/verdict/reason.ts'
import { vouchedAuthor } from '../../src/verdict/vouched-author.ts'
import { wantedOf } from '../../src/verdict/wanted.ts'

function findings(symbols: readonly string[], author?: string, score = 20): Findings {
  const [local = '', domain = ''] = author?.split('@') ?? []
  return {
    all: [
      {
        judge: 'rspamd',
        weighs: true,
        onFailure: 'accept',
        judgement: { kind: 'judged', score, symbols },
      },
    ],
    revision: [],
    ...(author === undefined ? {} : { author: { local, domain } }),
  }
}

const bounce = 'bounce-17@mailer.example.net'

describe('the author is believed', () => {
  test.each([
    {
      of: 'DMARC says so',
      symbols: ['DMARC_POLICY_ALLOW'],
      author: 'Ann@Shop.Example',
      expected: 'Ann@shop.example',
    },
    { of: 'its signature is valid', symbols: ['DKIM_VALID_AU'], author: 'ann@shop.example' },
    {
      of: 'the reverse-path is of its domain',
      symbols: ['R_SPF_ALLOW'],
      author: 'a@x.example',
      sender: 'b@x.example',
    },
    {
      of: 'it is not ASCII',
      symbols: ['DMARC_PASS'],
      author: 'a@\xc3\xbc.example',
      expected: 'a@xn--tda.example',
    },
  ])('$of', ({ symbols, author, sender = bounce, expected = author }) =>
    expect(vouchedAuthor(findings(symbols, author), sender)).toBe(expected),
  )

  test.each([
    ['nobody vouches for it', ['BAYES_HAM'], 'ann@shop.example', bounce],
    [
      'some signature is valid, and nobody says whose',
      ['R_DKIM_ALLOW'],
      'ann@shop.example',
      bounce,
    ],
    [
      'the reverse-path of another domain is vouched for',
      ['R_SPF_ALLOW'],
      'a@shop.example',
      bounce,
    ],
    ['the reverse-path is of a domain below', ['R_SPF_ALLOW'], 'a@x.example', 'b@m.x.example'],
    ['it has no domain that can be one', ['DMARC_PASS'], 'a@b c', bounce],
    ['there is none', ['DMARC_PASS'], undefined, bounce],
    ['of a report nobody vouches for a reverse-path', ['R_SPF_ALLOW'], 'a@x.example', ''],
  ])('but not where %s', (_of, symbols, author, sender) =>
    expect(vouchedAuthor(findings(symbols, author), sender)).toBeUndefined(),
  )
})

describe('lists of senders', () => {
  const policy = (lists: Partial<Policy>): Policy => ({
    name: 'p',
    neverDefer: false,
    rejectAt: 15,
    ...lists,
  })
  const listing = (entry: string): ReadonlySet<string> => new Set([entry])
  const wanted = (lists: Partial<Policy>, found: Findings): string => {
    const { verdict, reason } = wantedOf(
      found,
      { index: 0, policy: policy(lists) },
      { sender: bounce },
    )
    return `${verdict}: ${describeReason(reason)}`
  }
  const vouched = findings(['DMARC_POLICY_ALLOW'], 'ann@shop.example')
  const forged = findings([], 'ann@shop.example')

  test.each([
    ['accept_senders', { acceptSenders: listing('ann@shop.example') }, 'accept: accept_senders'],
    ['its domain', { acceptSenders: listing('@shop.example') }, 'accept: accept_senders'],
    ['refuse_senders', { refuseSenders: listing('@shop.example') }, 'reject: refuse_senders'],
    [
      'the special entry of both names',
      {
        refuseSenders: listing('@mailer.example.net'),
        acceptSenders: listing('ann@shop.example'),
      },
      'accept: accept_senders',
    ],
  ])(
    'policies.md: “The author in the From field counts, too, where a judge says that DKIM or DMARC vouches for it.”: %s',
    (_of, lists, expected) => {
      expect(wanted(lists, vouched)).toBe(expected)
    },
  )

  test('a forged author counts for nothing', () => {
    const lists = { acceptSenders: listing('ann@shop.example') }
    expect(wanted(lists, forged)).toBe('reject: reject_at (score 20, threshold 15)')
  })
})
