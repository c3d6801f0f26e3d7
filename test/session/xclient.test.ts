/** XCLIENT in: from proxies that the listener believes, and from nobody else. */
import { describe, expect, test } from 'vitest'
import { Machine, type MachineOptions } from '../support/machine.ts'

const proxy = { address: '192.0.2.1', port: 40_000, rdns: 'proxy.example.org' }
const believing = (options: MachineOptions = {}): Machine =>
  Machine.ready({
    client: proxy,
    ...options,
    oracle: { xclientFrom: (address) => address === '192.0.2.1' },
  })
const clientOf = (machine: Machine): unknown => {
  machine.message(['a@example.org'])
  return machine.transactions.at(-1)?.client
}

describe('from a proxy that is believed', () => {
  test('EHLO names the attributes; the session begins anew, and the transaction is that of the client', () => {
    const machine = believing()
    expect(machine.send('EHLO proxy.example.org')).toContain(
      '250 XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT',
    )
    expect(machine.send('XCLIENT ADDR=198.51.100.7 PORT=1234 NAME=Mail.Client.Example')).toEqual([
      '220 mx.test ESMTP Rcptwise',
    ])
    expect(machine.send('MAIL FROM:<s@example.net>')[0]).toMatch(/^503/)
    machine.send('EHLO client.example')
    expect(clientOf(machine)).toMatchObject({
      address: '198.51.100.7',
      port: 1234,
      helo: 'client.example',
    })
    expect(machine.session.client.rdns).toBe('mail.client.example')
  })

  test('several commands say it together; another address is another client', () => {
    const machine = believing()
    machine.send('XCLIENT NAME=one.example ADDR=198.51.100.7')
    machine.send('XCLIENT PORT=99')
    expect(machine.session.client).toMatchObject({
      address: '198.51.100.7',
      port: 99,
      rdns: 'one.example',
    })
    machine.send('XCLIENT ADDR=IPV6:2001:db8::1')
    expect(machine.session.client).toEqual({ address: '2001:db8::1', port: 0 })
  })

  test.each([
    ['an attribute that is not known', 'XCLIENT FOO=1', '501'],
    ['one that is not offered', 'XCLIENT ADDR=198.51.100.7 LOGIN=admin', '501'],
    ['no address', 'XCLIENT ADDR=300.1.1.1', '501'],
    ['nothing', 'XCLIENT', '501'],
  ])('%s: refused, and nothing of it is in force', (_name, line, code) => {
    const machine = believing()
    expect(machine.send(line)[0]?.slice(0, 3)).toBe(code)
    expect(machine.session.client).toEqual(proxy)
  })

  test('not within a transaction, and nothing behind it', () => {
    const machine = believing()
    machine.send('MAIL FROM:<s@example.net>')
    expect(machine.send('XCLIENT ADDR=198.51.100.7')[0]).toMatch(/^503/)
    machine.send('RSET')
    expect(machine.send('XCLIENT ADDR=198.51.100.7', 'EHLO x.example')[0]).toMatch(/^(554|421)/)
    expect(machine.closed).toBe(true)
  })
})

test('from anybody else: not offered, and 502', () => {
  const machine = believing({ client: { address: '192.0.2.2', port: 1 } })
  expect(machine.send('EHLO x.example').join()).not.toContain('XCLIENT')
  expect(machine.send('XCLIENT ADDR=198.51.100.7')[0]).toMatch(/^502/)
  expect(machine.session.client.address).toBe('192.0.2.2')
})

test('whom the proxy names can not name others: it is the proxy that is asked', () => {
  const machine = believing()
  machine.send('XCLIENT ADDR=198.51.100.7')
  expect(machine.send('EHLO x.example').join()).toContain('XCLIENT')
  const other = believing({ client: { address: '198.51.100.7', port: 1 } })
  expect(other.send('XCLIENT ADDR=192.0.2.1')[0]).toMatch(/^502/)
})
