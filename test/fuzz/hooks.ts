/** What a hook answers, right and spoiled: what of it reaches a log, a sender and a text. */
import { readAnswer } from '../../src/judge/hook/answer.ts'
import { longestWords } from '../../src/judge/said.ts'
import { octetsOf as asOctets } from '../../src/smtp/octets.ts'
import { encodeReply, isPermanent, isTransient } from '../../src/smtp/reply.ts'
import type { Opinion } from '../../src/verdict/judgement.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds } from './fuzzer.ts'
import { anything, octetsOf, perhapsSpoiled, piece } from './octets.ts'
import { holdsOfEdits, isTold } from './scanners.ts'

const actions = ['accept', 'reject', 'discard', 'quarantine', 'greylist', 7, null] as const
const statuses = [550, 554, 451, 421, 250, 99, 1e9, -1, '550', null] as const
const enhanced = ['5.7.1', '4.7.1', '5.1111.1', 'x', '', 5] as const
const words = ['no', '5.7.1 no\r\n250 yes', '\0', '\u4e0d\u4e0a', '\ud800', '', ' '] as const
const types = [
  'addHeader',
  'insertHeader',
  'changeHeader',
  'deleteHeader',
  'replaceContents',
  'changeFrom',
  'addRecipient',
  '__proto__',
  7,
] as const
const names = ['X-A', 'Subject', 'X-Spam', 'Bcc: x\r\nX', '', '\u4e0a', 7] as const
const values = [
  'b',
  'a\r\nBcc: x\r\n\r\nbody',
  'a\n b\n\tc\nd',
  '\0',
  '',
  '\u4e0d\u4e0a',
  7,
] as const
const places = [0, 1, 2, -1, 0.5, 1e9, '1', null] as const
const addresses = ['ann@y.example', 'j\u00fcrgen@y.example', '__proto__', '', '\r\n'] as const

const said = (random: Random): Record<string, unknown> => ({
  ...(random.chance(0.95) ? { action: random.pick(actions) } : {}),
  ...(random.chance(0.7)
    ? {
        response: {
          status: random.pick(statuses),
          [random.pick(['enhanced_status', 'enhancedStatus'])]: random.pick(enhanced),
          message: random.chance(0.5) ? random.pick(words) : piece(random),
          disconnect: random.chance(0.1),
        },
      }
    : {}),
})

function answer(random: Random): string {
  if (random.chance(0.02)) return random.pick(['[', '{"a":']).repeat(random.between(1, 20_000))
  const most = random.chance(0.02) ? 900 : 4
  const modifications = Array.from({ length: random.between(0, most) }, () => ({
    type: random.pick(types),
    name: random.pick(names),
    value: random.chance(0.01) ? 'x'.repeat(random.between(900, 70_000)) : random.pick(values),
    index: random.pick(places),
  }))
  const recipients = Object.fromEntries(
    Array.from({ length: random.between(0, 3) }, () => [random.pick(addresses), said(random)]),
  )
  const whole = {
    ...said(random),
    ...(random.chance(0.7) ? { modifications } : {}),
    ...(random.chance(0.5) ? { recipients } : {}),
  }
  return asOctets(perhapsSpoiled(random, asOctets(JSON.stringify(whole)), 0.2))
}

function holdsOfOpinion(opinion: Opinion | undefined, input: string): void {
  if (opinion?.reply === undefined) return
  const { verdict, reply } = opinion
  holds(verdict === 'reject' ? isPermanent(reply) : isTransient(reply), 'a reply fits', input)
  holds(reply.code !== 421, 'no reply ends the session', input)
  isTold(reply.lines.join(''), longestWords, 'words for a sender', input)
  holds(/^\d{3} [45]\.\d+\.\d+ [^\r\n]*\r\n$/.test(encodeReply(reply)), 'one line', input)
}

function once(random: Random): void {
  const input = random.chance(0.03) ? anything(random, 300) : answer(random)
  const read = readAnswer(octetsOf(input))
  if ('failed' in read) {
    isTold(read.failed, 2 * longestWords + 40, 'a failure', input)
    return
  }
  for (const opinion of [read.opinion, ...read.recipients.values()]) holdsOfOpinion(opinion, input)
  for (const what of read.leftOut) isTold(what, longestWords, 'what is left out', input)
  holdsOfEdits(
    read.edits.filter((edit) => edit.do !== 'replaceBody'),
    input,
  )
}

export const hooks: Fuzzer = { name: 'hooks', once }
