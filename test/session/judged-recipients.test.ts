/** Whom a judge is told of: those who get the text that it judges, and nobody else. */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'

const recipients = { 'strict@example.org': policies.strict, 'vip@example.org': policies.vip }
const replies: Readonly<Record<string, Reply>> = {
  'unknown@example.org': { code: 550, lines: ['5.1.1 Unknown'] },
  'full@example.org': { code: 452, lines: ['4.2.2 Full'] },
}
const world = {
  rcpt: (address: string): Reply => replies[address] ?? { code: 250, lines: ['2.1.5 Ok'] },
}
const offered = [
  'Careful@Example.org',
  'unknown@example.org',
  'strict@example.org',
  'full@example.org',
]

describe('a judge is told of', () => {
  test.each<[string, MachineOptions, string[]]>([
    ['nobody who was refused, postponed or deferred', {}, ['Careful@example.org']],
    [
      'all who went through',
      { peer: { strategy: 'late' } },
      ['Careful@example.org', 'strict@example.org'],
    ],
    [
      'nobody whose refusal is concealed',
      { peer: { strategy: 'late' }, session: { unknownRecipients: 'conceal' } },
      ['Careful@example.org', 'strict@example.org'],
    ],
    [
      'those who were deferred and get it all the same',
      { peer: { deliverDeferred: true } },
      ['Careful@example.org', 'strict@example.org'],
    ],
  ])('%s', (_name, options, told) => {
    for (const command of ['DATA', 'BDAT 10 LAST']) {
      const machine = Machine.ready({ recipients, world, ...options })
      machine.send('MAIL FROM:<s@example.net>', ...offered.map((address) => `RCPT TO:<${address}>`))
      machine.send(command)
      const effect = machine.effects.find(
        ({ do: what }) => what === 'receiveText' || what === 'receiveChunk',
      )
      if (effect === undefined || !('judged' in effect)) throw new Error('nothing is judged')
      const judged = effect.judged.recipients
      expect(
        judged.map(({ address }) => address),
        command,
      ).toEqual(told)
      for (const { index, address, policy } of judged) {
        expect(offered[index]?.toLowerCase()).toBe(address.toLowerCase())
        expect(policy).toBe(address === 'strict@example.org' ? 'strict' : 'careful')
      }
    }
  })
})

test('addresses are octets, as on the wire: SMTPUTF8', () => {
  const machine = Machine.ready()
  const octets = (text: string): string => Buffer.from(text).toString('latin1')
  machine.send(
    `MAIL FROM:<${octets('u\u017cytkownik@example.net')}> SMTPUTF8`,
    `RCPT TO:<${octets('\u4e0d\u4e0a@example.org')}>`,
    'DATA',
  )
  const effect = machine.effects.find(({ do: what }) => what === 'receiveText')
  expect(effect).toMatchObject({
    judged: {
      reversePath: octets('u\u017cytkownik@example.net'),
      recipients: [{ address: octets('\u4e0d\u4e0a@example.org') }],
      firstRecipients: [octets('\u4e0d\u4e0a@example.org')],
    },
  })
})

test('a judge is told of the client, the sender, and which transaction it is', () => {
  const machine = Machine.ready({
    client: { address: '192.0.2.9', port: 4000, rdns: 'mail.example.net', local: '192.0.2.80:25' },
  })
  machine.send('STARTTLS')
  machine.tell({ kind: 'secured', protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' })
  machine.send('EHLO other.example.net')
  machine.send('MAIL FROM:<S@example.net> BODY=8BITMIME', 'RCPT TO:<a@example.org>', 'DATA')
  const effect = machine.effects.find(({ do: what }) => what === 'receiveText')
  expect(effect).toMatchObject({
    judged: {
      id: 'session1.1',
      client: {
        address: '192.0.2.9',
        port: 4000,
        name: 'mail.example.net',
        helo: 'other.example.net',
      },
      tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' },
      authenticated: false,
      reversePath: 'S@example.net',
      parameters: new Map([['BODY', '8BITMIME']]),
      hostname: 'mx.test',
      local: '192.0.2.80:25',
    },
  })
})
