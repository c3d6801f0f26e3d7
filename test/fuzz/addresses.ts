/** Paths, mailboxes and parameters of MAIL and RCPT; addresses in files. */
import { parseAddressPattern } from '../../src/policy/address-pattern.ts'
import { parseExtensions } from '../../src/smtp/ehlo.ts'
import {
  checkMailParameters,
  checkRcptParameters,
  encodeParameters,
  parseParameters,
} from '../../src/smtp/parameters.ts'
import { parseCommand } from '../../src/smtp/command.ts'
import { ledgerKey, parsePath } from '../../src/smtp/path.ts'
import { isRouted } from '../../src/smtp/routed.ts'
import { parseReply } from './reading.ts'
import { replies } from '../../src/smtp/replies.ts'
import { encodeReply } from '../../src/smtp/reply.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, path, perhapsSpoiled } from './octets.ts'

const offered = parseExtensions([
  'mx',
  'SIZE 1000',
  '8BITMIME',
  'SMTPUTF8',
  'DSN',
  'PRDR',
  'AUTH PLAIN',
  'DELIVERBY',
  'MT-PRIORITY',
  'REQUIRETLS',
])

const parameters = [
  'SIZE=100',
  'BODY=8BITMIME',
  'body=7bit',
  'SMTPUTF8',
  'RET=HDRS',
  'ENVID=abc+3Dx',
  'PRDR',
  'AUTH=<>',
  'AUTH=a+2Bb',
  'NOTIFY=SUCCESS,FAILURE',
  'ORCPT=rfc822;bob@example.org',
  'BY=120;R',
  'MT-PRIORITY=3',
  'REQUIRETLS',
  'X=',
  '=',
  'SIZE=',
  'SIZE=99999999999999999999',
] as const

const control = /[\x00-\x1f\x7f]/

function once(random: Random): void {
  const given = perhapsSpoiled(random, path(random))
  const more = Array.from({ length: random.between(0, 4) }, () => random.pick(parameters)).join(
    random.pick([' ', ' ', '  ', '\t']),
  )
  const text = random.chance(0.05)
    ? anything(random, 60)
    : given + (more === '' ? '' : ` ${perhapsSpoiled(random, more, 0.2)}`)
  const found = parsePath(text)
  const pattern = parseAddressPattern(text)
  holds(typeof pattern.ok === 'boolean', 'a pattern is one or none', text)
  parseCommand(`RCPT TO:${text}`)
  if (found === undefined) return
  const { path: read, rest } = found
  holds(text.includes(read.mailbox), 'a mailbox goes out in the octets in which it came', {
    text,
    read,
  })
  holds(
    !control.test(read.mailbox) && !control.test(read.address),
    'no control character is in an address',
    {
      text,
      read,
    },
  )
  holds(read.mailbox === '' || !read.mailbox.startsWith('@'), 'a source route is gone', {
    text,
    read,
  })
  const again = parsePath(`<${read.mailbox}>`)
  same(again?.path, read, 'what goes to the backend is read as the same address', text)
  holds(again?.rest === '', 'nothing stands behind it', text)
  holds(ledgerKey(read).length <= 8 * text.length + 10, 'a key is of bounded length', {
    text,
    read,
  })
  isRouted(read.mailbox)
  // Whatever the address, what we say of it is one reply.
  const said = Buffer.from(encodeReply(replies.relayDenied(read.domain)), 'latin1').toString(
    'latin1',
  )
  same(parseReply(said), 1, 'a reply that names it is one reply', { text, said })
  const list = parseParameters(rest)
  if (list === undefined) return
  checkMailParameters(list, offered)
  checkRcptParameters(list, offered)
  const encoded = encodeParameters(list)
  const back = parseParameters(encoded)
  same(
    [...(back ?? [])],
    [...list].filter(([name]) => name !== 'PRDR'),
    'parameters that are written are read as the same',
    text,
  )
}

export const addresses: Fuzzer = { name: 'addresses', once }
