/**
 * What rspamd and spamd answer, right and wrong: what of it reaches a log, a sender and a text; and
 * what they are asked, whatever a client is called.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { longestWords } from '../../src/judge/said.ts'
import {
  longestName,
  mostSymbols,
  readAnswer as readRspamd,
} from '../../src/judge/rspamd/answer.ts'
import { longestValue, questionOf } from '../../src/judge/rspamd/question.ts'
import { readAnswer as readSpamd, request } from '../../src/judge/spamd/wire.ts'
import { checkEdits, editedLineBytes, type Edit } from '../../src/message/edits.ts'
import { revised } from '../../src/message/revised-text.ts'
import { octetsOf as asOctets } from '../../src/smtp/octets.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, octetsOf, path, perhapsSpoiled, piece } from './octets.ts'

const unprintable = /[\x00-\x08\x0a-\x1f\x7f]/

export function isTold(octets: string, longest: number, what: string, input: unknown): void {
  holds(octets.length <= longest, `${what} is bounded`, input)
  holds(!unprintable.test(octets), `${what} stays on one line`, input)
  holds(octets === octetsOf(octets).toString('latin1'), `${what} is octets`, input)
}

const keys = [
  'score',
  'required_score',
  'action',
  'symbols',
  'milter',
  'messages',
  'smtp_message',
  'is_skipped',
  'passthrough_module',
  'subject',
  'error',
  'time_real',
  'add_headers',
  'remove_headers',
  'reject',
  'value',
  'order',
  'X-Spam',
  'Subject',
  'Bcc: x\r\nX',
  '__proto__',
  'constructor',
  'toString',
  '',
  '\u4e0a',
] as const
const numbers = [0, 1, -1, 9.5, 15, 1e308, -0.0001, 2 ** 53, 1e9] as const
const strings = [
  'no action',
  'add header',
  'rewrite subject',
  'soft reject',
  'greylist',
  'reject',
  'discard',
  'quarantine',
  'Try again later',
  '5.7.1 no\r\n250 yes',
  'a\n b\n\tc\nd',
  '\r\n\r\nbody',
  '\u4e0d\u4e0a',
  '\ud800',
  '\0',
] as const

function value(random: Random, depth: number): unknown {
  const kind = random.between(0, depth > 0 ? 8 : 5)
  if (kind === 0) return random.pick(numbers)
  if (kind === 1)
    return random.chance(0.02) ? 'x'.repeat(random.between(900, 70_000)) : piece(random)
  if (kind === 2) return random.pick([true, false, null])
  if (kind <= 5) return random.pick(strings)
  return kind === 6
    ? Array.from({ length: random.between(0, 4) }, () => value(random, depth - 1))
    : object(random, depth - 1)
}

const object = (random: Random, depth: number): Record<string, unknown> =>
  Object.fromEntries(
    Array.from({ length: random.between(0, 5) }, () => [random.pick(keys), value(random, depth)]),
  )

function rspamdAnswer(random: Random): string {
  if (random.chance(0.02)) return '['.repeat(random.between(1, 20_000))
  const few = <T>(make: () => T): Record<string, T> =>
    Object.fromEntries(
      Array.from({ length: random.between(0, random.chance(0.02) ? 400 : 4) }, (_, i) => [
        random.chance(0.5) ? random.pick(keys) : `N${i}`,
        make(),
      ]),
    )
  const answer = {
    ...object(random, 2),
    ...(random.chance(0.9) ? { score: random.pick(numbers), action: random.pick(strings) } : {}),
    ...(random.chance(0.7)
      ? { symbols: few(() => ({ score: random.pick(numbers), ...object(random, 1) })) }
      : {}),
    ...(random.chance(0.7)
      ? {
          milter: {
            add_headers: few(() => value(random, 2)),
            remove_headers: few(() => value(random, 1)),
            ...object(random, 1),
          },
        }
      : {}),
  }
  return asOctets(perhapsSpoiled(random, asOctets(JSON.stringify(answer)), 0.2))
}

const body = Buffer.from('body\r\n\r\n.\r\nend', 'latin1')
const sample = [Buffer.from('Subject: x\r\nX-Spam: y\r\nSubject: z\r\n\r\n', 'latin1'), body]

/** As the judge makes them: what can't be made is left out. */
export function holdsOfEdits(edits: readonly Edit[], input: string): void {
  const made = checkEdits(edits.filter((edit) => !('failed' in checkEdits([edit]))))
  if ('failed' in made) return
  const text = revised({ whole: () => sample, async *chunks() {} }, [[made]]).whole() ?? []
  const octets = Buffer.concat(text).toString('latin1')
  const end = octets.startsWith('\r\n') ? -2 : octets.indexOf('\r\n\r\n')
  same(octets.slice(end + 4), body.toString('latin1'), 'no change reaches the body', input)
  for (const line of octets.slice(0, Math.max(0, end)).split('\r\n')) {
    if (line === '' && end <= 0) continue
    holds(/^(?:[!-9;-~]+:|[ \t])/.test(line), 'each line is of a field', { line, input })
    holds(!/[\0\r\n]/.test(line), 'no line ends early', { line, input })
    holds(line.length <= editedLineBytes, 'no line is too long', { line, input })
  }
}

const hostileName = (random: Random): string =>
  random.chance(0.5) ? path(random) : anything(random, random.chance(0.05) ? 3000 : 40)

function holdsOfQuestion(random: Random): void {
  const asked = {
    clientAddress: '192.0.2.1',
    clientName: hostileName(random),
    helo: hostileName(random),
    reversePath: hostileName(random),
    recipients: Array.from({ length: random.between(0, 4) }, () => hostileName(random)),
    user: hostileName(random),
    tls: { version: 'TLSv1.3', cipher: hostileName(random) },
    hostname: 'mx.test',
    transaction: 'S1.1',
  }
  const { fields } = questionOf(asked)
  for (const [name, said] of fields) {
    validateHeaderName(name)
    validateHeaderValue(name, said)
    holds(said.length <= longestValue, 'a value is bounded', asked)
    holds(!/^(?:file|path|shm)/i.test(name), 'rspamd is told to read no file', asked)
  }
}

function onceRspamd(random: Random): void {
  const input = random.chance(0.03) ? anything(random, 300) : rspamdAnswer(random)
  const said = readRspamd(octetsOf(input))
  if ('failed' in said) isTold(said.failed, longestWords + 20, 'a failure', input)
  else {
    holds(Number.isFinite(said.score), 'a score is a number', input)
    holds(said.symbols.length <= mostSymbols, 'symbols are counted', input)
    for (const name of said.symbols) isTold(name, longestName, 'a symbol', input)
    isTold(said.action, longestWords, 'an action', input)
    if (said.forced?.words !== undefined)
      isTold(said.forced.words, longestWords, 'words for a sender', input)
    holdsOfEdits(said.edits, input)
  }
  holdsOfQuestion(random)
}

const spamdStatus = ['0 EX_OK', '76 Bad header line: (x)', '69 Service Unavailable', '0', ' 0 x']
const spamdSpam = [
  'Spam: True ; 15.3 / 5.0',
  'Spam: False ; -0.1 / 5.0',
  'Spam: Yes ; 1 / 5',
  'Spam: True ; 1e9 / 5.0',
  'Spam: True ; 99999999999 / 5',
]

function onceSpamd(random: Random): void {
  const names = Array.from({ length: random.between(0, random.chance(0.02) ? 900 : 5) }, () =>
    random.chance(0.8) ? `SYMBOL_${random.between(0, 99)}` : piece(random),
  ).join(',')
  const whole = [
    `SPAMD/1.${random.between(0, 9)} ${random.chance(0.7) ? '0 EX_OK' : random.pick(spamdStatus)}`,
    ...(random.chance(0.9) ? [`Content-length: ${names.length}`] : []),
    random.chance(0.7) ? 'Spam: True ; 15.3 / 5.0' : random.pick(spamdSpam),
    '',
    names,
  ].join('\r\n')
  const input = random.chance(0.05) ? anything(random, 200) : perhapsSpoiled(random, whole, 0.3)
  for (const text of [input, whole]) {
    const said = readSpamd(octetsOf(text))
    if ('failed' in said) {
      isTold(said.failed, 250, 'a failure', text)
      continue
    }
    holds(Number.isFinite(said.score), 'a score is a number', text)
    holds(said.symbols.length <= mostSymbols, 'symbols are counted', text)
    for (const name of said.symbols) isTold(name, 200, 'a symbol', text)
  }
  if (whole.includes('Content-length')) {
    const cut = whole.slice(0, random.between(0, whole.length - 1))
    const said = readSpamd(octetsOf(cut))
    holds('failed' in said, 'half an answer is none', { cut, whole })
  }
  const user = hostileName(random)
  const asked = request(100, user).split('\r\n')
  holds(asked.length <= 5, 'a user adds no line to what is asked', user)
  holds(!unprintable.test(asked.join('')), 'a user stays on its line', user)
}

export const rspamd: Fuzzer = { name: 'rspamd', once: onceRspamd }
export const spamd: Fuzzer = { name: 'spamd', once: onceSpamd }
