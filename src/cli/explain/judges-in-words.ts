/** What each judge has found, in words. */
import type { Asked } from '../../app/explain/ask-judges.ts'
import type { JudgedEnvelope } from '../../judge/judge.ts'
import { visible } from '../../log/visible.ts'
import { readable } from '../../smtp/octets.ts'
import { describeReply } from '../../smtp/reply.ts'
import type { Finding, Opinion, Said } from '../../verdict/judgement.ts'
import { secondsOf } from './seconds.ts'

const failures = {
  accept: 'everyone gets the message',
  tag: 'everyone gets it tagged',
  defer: 'everyone has to wait',
} as const

export function judgesInWords(
  asked: Asked,
  envelope: JudgedEnvelope | undefined,
): readonly string[] {
  const { findings, removed, left } = asked
  if (findings.all.length === 0 && left.length === 0) return ['none: every policy accepts']
  return [
    ...(removed.length === 0
      ? []
      : [`fields that this client may not write, and nobody sees: ${removed.join(', ')}`]),
    ...findings.all.flatMap((finding) => findingInWords(finding, asked, envelope)),
    ...left.map((name) => `${name}  not asked, or not waited for: it would change nothing`),
  ].map(visible)
}

function findingInWords(
  finding: Finding,
  asked: Asked,
  envelope: JudgedEnvelope | undefined,
): readonly string[] {
  const { judge, judgement, onFailure, weighs } = finding
  const seconds = secondsOf(finding, asked)
  const after = seconds === undefined ? '' : ` after ${seconds} s`
  switch (judgement.kind) {
    case 'failed':
      return [
        `${judge}  failed${after}: ${judgement.why}`,
        `  on_failure: ${onFailure}: ${failures[onFailure]}`,
      ]
    case 'silent':
      return [
        `${judge}  says nothing${after}${judgement.why === undefined ? '' : `: ${judgement.why}`}`,
      ]
    case 'judged': {
      const own = [...(judgement.own ?? [])].map(([index, said]): string => {
        const { address = '' } = envelope?.recipients.find((one) => one.index === index) ?? {}
        return `  for ${readable(address)}: ${saidInWords(said)}${symbolsInWords(said)}`
      })
      // Of scans of their own each has told already what it found.
      const shared = [...(judgement.own?.values() ?? [])].every(
        (said) => said.symbols === undefined,
      )
      return [
        `${judge}  ${saidInWords(judgement)}${after}${weighs ? ', which the thresholds are about' : ''}`,
        ...own,
        ...(shared && judgement.symbols.length > 0
          ? [`  symbols: ${judgement.symbols.join(', ')}`]
          : []),
      ]
    }
  }
}

const symbolsInWords = ({ symbols = [] }: Said): string =>
  symbols.length === 0 ? '' : `, by ${symbols.join(', ')}`

function saidInWords({ score, opinion, edits }: Said): string {
  const words = [
    ...(score === undefined ? [] : [`score ${score}`]),
    ...(opinion === undefined ? [] : [opinionInWords(opinion)]),
    ...(edits === undefined ? [] : ['it changes the text']),
  ]
  return words.length === 0 ? 'no score' : words.join(', ')
}

const opinionInWords = ({ verdict, reply }: Opinion): string =>
  `it forces ${verdict}${reply === undefined ? '' : ` (${describeReply(reply)})`}`
