/** What `check` says of MX records. */
import { expect, test } from 'vitest'
import { adviseOnDomains, adviseOnMx, type MxHost } from '../../src/cli/check-mx.ts'

const host = (name: string, priority: number, ...addresses: string[]): MxHost => ({
  name,
  priority,
  addresses,
})

test.each<[string, MxHost[], RegExp]>([
  ['none', [], /example\.org has no MX record; publish two or three MX names/],
  [
    'one',
    [host('mx.example.org', 10, '192.0.2.1')],
    /one MX name, mx\.example\.org.*"example\.org\. MX 20 mx2\.example\.org\."/,
  ],
  ['one with a number', [host('mx1.example.org', 5)], /"example\.org\. MX 15 mx2\.example\.org\."/],
  [
    'one that is the domain',
    [host('example.org', 0)],
    /MX 10 example2\.org|MX 10 mx2\.example\.org/,
  ],
  [
    'two, one address',
    [host('mx2.example.org', 20, '192.0.2.1'), host('mx1.example.org', 10, '192.0.2.1')],
    /2 MX names with one address \(mx1\.example\.org, mx2\.example\.org\).*for Exim the names need different addresses/,
  ],
  [
    'three',
    [
      host('a.example', 1, '192.0.2.1'),
      host('b.example', 1, '192.0.2.2'),
      host('c.example', 2, '192.0.2.3'),
    ],
    /3 MX names .*Postfix, sendmail and Exim finish a split at once/,
  ],
  [
    'the same name twice',
    [host('mx.example.org', 10), host('mx.example.org', 20)],
    /has one MX name/,
  ],
])('%s', (_name, hosts, words) => expect(adviseOnMx('example.org', hosts)).toMatch(words))

test('each domain has its line; patterns are not looked up, and a failure is no end', async () => {
  const asked: string[] = []
  const lookUp = async (domain: string): Promise<MxHost[]> => {
    asked.push(domain)
    if (domain === 'gone.example') throw new Error('queryMx ESERVFAIL gone.example')
    return await Promise.resolve([host('mx.example.org', 10)])
  }
  const lines = await adviseOnDomains(['example.org', '*.example.org', 'gone.example'], lookUp)
  expect(asked).toEqual(['example.org', 'gone.example'])
  expect(lines).toHaveLength(2)
  expect(lines[1]?.text).toMatch(
    /could not be looked up \(queryMx ESERVFAIL gone\.example\); publish two or three/,
  )
  expect(await adviseOnDomains([], lookUp)).toEqual([
    {
      level: 'note',
      what: 'mx',
      text: expect.stringMatching(/^publish two or three/) as string,
    },
  ])
})
