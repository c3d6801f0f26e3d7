/** Files with the certificates of authorities. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readAuthorities } from '../../src/tls/authorities.ts'
import { makeAuthority } from '../../src/tls/development-ca.ts'

let directory: string
let one: string
let other: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-test-'))
  one = (await makeAuthority('one', 1, Date.now())).cert
  other = (await makeAuthority('other', 1, Date.now())).cert
})
afterAll(async () => await rm(directory, { recursive: true, force: true }))

const read = async (text: string): Promise<string[] | string> => {
  const file = join(directory, 'ca.pem')
  await writeFile(file, text)
  try {
    return readAuthorities(file, 'ledger.ca')
  } catch (error) {
    return error instanceof Error ? error.message.replace(file, 'FILE') : String(error)
  }
}

test('all certificates are taken, whatever stands between them', async () => {
  const found = await read(`${one}# the other one\r\n${other.replaceAll('\n', '\r\n')}`)
  expect(found).toHaveLength(2)
})

test.for([
  ['nothing', ''],
  ['text', 'hello'],
  ['a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
])('a file that holds no certificate, but %s', async ([, text = '']) => {
  expect(await read(text)).toBe('FILE: holds no certificate in PEM form; check ledger.ca')
})

test('a certificate that is damaged is said to be so', async () => {
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  expect(await read(damaged)).toMatch(/^FILE: .+; check ledger\.ca$/)
  expect(await read(one + damaged)).toMatch(/^FILE: .+; check ledger\.ca$/)
})

test('a file that is not there', () => {
  expect(() => readAuthorities(join(directory, 'nowhere.pem'), 'ledger.ca')).toThrow(
    /nowhere\.pem: ENOENT.*; check ledger\.ca$/,
  )
})
