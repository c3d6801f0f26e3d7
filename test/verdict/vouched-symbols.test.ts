import { expect, test } from 'vitest'
import { vouchedBySymbols } from '../../src/verdict/vouched-symbols.ts'

test.each([
  [['R_SPF_ALLOW', 'BAYES_SPAM'], 'envelope'],
  [['SPF_PASS'], 'envelope'],
  [['DKIM_VALID', 'DKIM_VALID_EF'], 'envelope'],
  [['DKIM_VALID_AU'], 'author'],
  [['DMARC_POLICY_ALLOW'], 'author'],
  [['DKIM_VALID_AU', 'SPF_PASS'], 'envelope'],
  [['R_DKIM_ALLOW'], undefined],
  [['DKIM_VALID', 'DKIM_SIGNED'], undefined],
  [['SPF_FAIL', 'R_SPF_NEUTRAL', 'SPF_HELO_PASS'], undefined],
  [[], undefined],
])('%j', (symbols, expected) => expect(vouchedBySymbols(symbols)).toBe(expected))
