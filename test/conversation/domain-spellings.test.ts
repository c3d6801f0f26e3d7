/**
 * A domain is one domain in whichever way it is written: by the client, and in the configuration
 * (decision 23).
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { octetsOf } from '../../src/smtp/octets.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { Client } from '../support/dialogue.ts'
import { start } from '../support/session.ts'

const spellings = [
  'exämple.org',
  'exa\u0308mple.org',
  'EXÄMPLE.ORG',
  'xn--exmple-cua.org',
  'XN--Exmple-CUA.org',
  'exämple.org.',
  'exämple。org',
]

test.each(spellings)('in the configuration: %s', async (configured) => {
  await using app = await start({
    config: `listen: [{ address: "127.0.0.1:0", xclient_from: [127.0.0.0/8] }]
relay_domains: ["${configured}", "*.${configured}"]
peers:
  - { name: byhelo, match: { helo: ["*.${configured}"] } }
  - { name: byname, match: { rdns: ["${configured}"] } }
  - { name: bysender, match: { sender_domain: ["${configured}"] } }
  - { name: default, strategy: group }
policies: { careful: { tag_at: 6 }, strict: { reject_at: 6 } }`,
    recipients: `a@${configured}: strict\n"@sub.${configured}": strict\n`,
  })
  const client = await Client.connect(app.port)
  await client.reply()
  const to = async (recipients: readonly string[], sender = 's@client.test'): Promise<void> => {
    for (const line of [
      `MAIL FROM:<${octetsOf(sender)}> SMTPUTF8`,
      ...recipients.map((one) => `RCPT TO:<${octetsOf(one)}>`),
    ])
      expect(await client.ask(line), line).toMatch(/^250/)
    await client.ask('RSET')
  }
  await client.ask('EHLO client.test')
  for (const spelling of spellings) await to([`a@${spelling}`, `b@sub.${spelling}`])
  expect(
    app.transactions().map(({ recipients }) => recipients.map(({ policy }) => policy)),
  ).toEqual(spellings.map(() => ['strict', 'strict']))
  for (const spelling of spellings) await to([`a@${spelling}`], `s@${spelling}`)
  for (const spelling of spellings) {
    await client.ask(`EHLO ${octetsOf(`mx.${spelling}`)}`)
    await to([`a@${spelling}`])
  }
  for (const spelling of spellings) {
    const name = Array.from(
      Buffer.from(spelling),
      (octet) => `+${octet.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    await client.ask(`XCLIENT NAME=${name.join('')} ADDR=198.51.100.7`)
    await client.ask('EHLO client.test')
    await to([`a@${spelling}`])
  }
  client.close()
  expect(app.transactions().map(({ peer }) => peer)).toEqual(
    ['default', 'bysender', 'byhelo', 'byname'].flatMap((peer) => spellings.map(() => peer)),
  )
})

test('one recipient to the policies, the ledger and the log; your server gets it as it came', async () => {
  await using backend = await startFakeBackend()
  await using app = await start({
    config: `backend: { servers: ["${backend.url}"] }\nrelay_domains: [exämple.org]\n`,
  })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  for (const spelling of spellings) {
    expect(await client.ask('MAIL FROM:<s@client.test> SMTPUTF8')).toMatch(/^250/)
    expect(await client.ask(`RCPT TO:<${octetsOf(`voilà@${spelling}`)}>`)).toMatch(/^250/)
    await client.ask('RSET')
  }
  expect(await client.ask(`RCPT TO:<${octetsOf('voilà@elsewhere.test')}>`)).toMatch(/^503/)
  client.close()
  const addresses = app
    .transactions()
    .flatMap(({ recipients }) => recipients.map(({ address }) => address))
  expect(new Set(addresses)).toEqual(new Set(['voilà@xn--exmple-cua.org']))
  expect(backend.lines().filter((line) => line.startsWith('RCPT'))).toEqual(
    spellings.map((spelling) => `RCPT TO:<${octetsOf(`voilà@${spelling}`)}>`),
  )
})

test('who may not be reached is told the domain in ASCII', async () => {
  await using app = await start({ config: 'relay_domains: [example.org]' })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@client.test> SMTPUTF8')
  expect(await client.ask(`RCPT TO:<a@${octetsOf('不上250 ok')}>`)).toMatch(/^501 /)
  expect(await client.ask(`RCPT TO:<a@${octetsOf('不上250.test')}>`)).toBe(
    '550 5.7.1 Mail for xn--250-u28doa.test is not accepted here',
  )
  client.close()
})

test('a quarantined copy names its recipients as they came, and goes to a mailbox beyond ASCII', async () => {
  await using app = await start({
    config: `relay_domains: [exämple.org]
quarantine: { address: "kästchen@exämple.org" }
policies: { careful: { quarantine_at: 6 } }`,
    recipients: '',
  })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  for (const line of [
    'MAIL FROM:<s@client.test> SMTPUTF8',
    `RCPT TO:<${octetsOf('voilà@exämple.org')}>`,
  ])
    expect(await client.ask(line)).toMatch(/^250/)
  await client.ask('DATA')
  const gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'
  expect(await client.ask(`X-Spam-Score: 9\r\n\r\n${gtube}\r\n.`)).toMatch(/^250/)
  client.close()
  const folders = await readdir(join(app.directory, 'rcptwise-data', 'mail'))
  expect(folders).toHaveLength(1)
  const [text = ''] = await app.mail(folders[0] ?? '')
  expect(text).toContain(octetsOf('X-Rcptwise-Recipient: voilà@exämple.org\r\n'))
  expect(text).toContain(octetsOf('Delivered-To: kästchen@xn--exmple-cua.org\r\n'))
})
