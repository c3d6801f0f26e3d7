import { expect, test } from 'vitest'
import { mergeExtensions } from '../../../src/backend/endpoints/merge.ts'

const of = (keywords: Record<string, string>): Map<string, string> =>
  new Map(Object.entries(keywords))

test.each<[string, Record<string, string>[], Record<string, string>]>([
  ['nobody', [], {}],
  ['one', [{ SIZE: '10', DSN: '' }], { SIZE: '10', DSN: '' }],
  ['what all have', [{ DSN: '', SMTPUTF8: '' }, { DSN: '' }], { DSN: '' }],
  ['the smaller size', [{ SIZE: '10' }, { SIZE: '5' }], { SIZE: '5' }],
  ['0 is no limit', [{ SIZE: '0' }, { SIZE: '5' }], { SIZE: '5' }],
  ['no size is no limit', [{ DSN: '' }, { SIZE: '5', DSN: '' }], { SIZE: '5', DSN: '' }],
  ['no limit at all', [{ SIZE: '' }, { SIZE: '0' }], { SIZE: '' }],
  ['the longer least time', [{ DELIVERBY: '60' }, { DELIVERBY: '120' }], { DELIVERBY: '120' }],
  ['words that both say', [{ AUTH: 'PLAIN LOGIN' }, { AUTH: 'LOGIN GSSAPI' }], { AUTH: 'LOGIN' }],
  ['no word in common', [{ AUTH: 'PLAIN' }, { AUTH: 'GSSAPI' }], {}],
  [
    'with and without parameter',
    [{ 'MT-PRIORITY': 'MIXER' }, { 'MT-PRIORITY': '' }],
    { 'MT-PRIORITY': '' },
  ],
  [
    'three',
    [
      { A: '', B: '', C: '' },
      { B: '', C: '' },
      { C: '', A: '' },
    ],
    { C: '' },
  ],
])('%s', (_name, servers, merged) =>
  expect(Object.fromEntries(mergeExtensions(servers.map(of)))).toEqual(merged),
)
