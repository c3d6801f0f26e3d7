/** What a client hears, attempt by attempt. */
import { visible } from '../../log/visible.ts'
import type { Attempt } from '../../rehearsal/attempt.ts'
import type { Course } from '../../rehearsal/course.ts'
import { readable } from '../../smtp/octets.ts'
import { describeReply, type Reply } from '../../smtp/reply.ts'
import { elapsed } from '../table.ts'
import { verdictsInWords } from './verdicts-in-words.ts'

export function courseInWords({ attempts, ends }: Course): readonly string[] {
  return [...attempts.flatMap(attemptInWords), ...(ends === 'answered' ? [] : [endings[ends]])]
}

const endings = {
  waits:
    'and so on: who is told 4yz here waits for no other recipient, and hears the same until something else changes',
  cut: 'and so on: the attempts after these were not followed',
} as const

const results = { plain: 'unmarked', tagged: 'tagged', quarantined: 'for quarantine' } as const

function attemptInWords(attempt: Attempt, i: number, all: readonly Attempt[]): readonly string[] {
  const { afterMs } = attempt
  const when = afterMs === 0 ? '' : `, ${elapsed(0, afterMs)} after the first`
  const [title, lines, before] = [`attempt ${i + 1}${when}`, linesOf(attempt), all[i - 1]]
  if (before !== undefined && linesOf(before).join('\n') === lines.join('\n'))
    return [`${title}: the same`]
  return [title, ...lines]
}

function linesOf(attempt: Attempt): readonly string[] {
  const { mail, delivered, ended } = attempt
  const heard = heardIn(attempt)
  const width = Math.max(...heard.map(([what]) => what.length))
  return [
    ...heard.map(
      ([what, reply]) => `  ${visible(what.padEnd(width))}  ${visible(describeReply(reply))}`,
    ),
    ...delivered.map(({ recipient, result }) =>
      visible(`    your server is given it for ${readable(recipient)}, ${results[result]}`),
    ),
    ...(mail === undefined && ended !== undefined
      ? verdictsInWords(ended.recipients).map((line) => `    ${line}`)
      : []),
  ]
}

/** In the order in which the client hears it. */
function heardIn({ mail, told, last, inBlock }: Attempt): readonly (readonly [string, Reply])[] {
  if (mail !== undefined) return [['MAIL', mail]]
  const rcpts = told.map(({ recipient, rcpt }) => [`RCPT ${readable(recipient)}`, rcpt] as const)
  if (last === undefined) return rcpts
  const own = told.flatMap(({ recipient, text }): readonly (readonly [string, Reply])[] =>
    text === undefined ? [] : [[`text ${readable(recipient)}`, text]],
  )
  if (own.length === 0) return [...rcpts, ['DATA', last]]
  return inBlock ? [...rcpts, ...own, ['text, last line', last]] : [...rcpts, ['text', last]]
}
