import { expect, test } from 'vitest'
import { readFields } from '../../src/message/header-fields.ts'
import { authorDomain } from '../../src/sender-auth/author.ts'

test.each([
  ['From: ann@example.org', 'example.org'],
  ['From: <ann@Example.ORG>', 'example.org'],
  ['From: Ann <ann@example.org>', 'example.org'],
  ['From: "Shop, Ann @ example.net" <ann@example.org>', 'example.org'],
  ['From:\r\n Ann\r\n <ann@example.org>', 'example.org'],
  ['From: Ann <voilà@voilà.example.org>', 'xn--voil-3na.example.org'],
  ['Subject: none', undefined],
  ['From: ann', undefined],
  ['From: a@example.net, <ann@example.org>', undefined],
  ['From: <a@example.net> <ann@example.org>', undefined],
  ['From: a@example.net\r\nFrom: ann@example.org', undefined],
  ['From: group: ann@example.org;', undefined],
])('%j', (header, domain) =>
  expect(authorDomain(readFields(Buffer.from(`${header}\r\n`))?.all ?? [])).toBe(domain),
)
