/** An explanation for people at a terminal. */
import type { LegacyCourse } from '../../app/explain/explain.ts'
import { visible } from '../../log/visible.ts'
import type { ServedAs } from '../../session/oracle.ts'
import { inWords as recipientInWords } from '../recipients.ts'
import { type About, unknowns } from './about.ts'
import { courseInWords } from './course-in-words.ts'
import { judgesInWords } from './judges-in-words.ts'
import { verdictsInWords } from './verdicts-in-words.ts'

export function explanationInWords(about: About): string {
  const { explanation } = about
  const { recipients, judges, verdicts, prdr, legacy } = explanation
  return [
    headInWords(about),
    section('Recipients', recipients.map(recipientInWords).join('\n').split('\n')),
    section('Judges', judgesInWords(judges, explanation.envelope)),
    section('Verdicts, by each policy alone', verdictsInWords(verdicts)),
    section('A client with PRDR hears', courseInWords(prdr)),
    ...legacy.map((one) => section(legacyTitle(one), courseInWords(one.course))),
    section('What is not known', unknowns(about)),
  ].join('\n\n')
}

/** Lines below a title. */
const section = (title: string, lines: readonly string[]): string =>
  [title, ...lines.map((line) => `  ${line}`)].join('\n')

function headInWords({ question, serve, explanation: { id, peer } }: About): string {
  const { sender, client, helo, text } = question
  const name = client.rdns === undefined ? '' : ` (${client.rdns})`
  const messageId = text.identity?.messageId
  return [
    ['Message', `${text.sizeBytes} octets${messageId === undefined ? '' : `, ${messageId}`}`],
    ['From', sender.mailbox === '' ? '<>, a report' : sender.address],
    ['Client', `${client.address}${name}, which says EHLO ${helo}`],
    ['Class', `${peer.peer.name}, strategy ${servedInWords(peer)}`],
    ['Serve', serve.kind === 'told' ? `asked at ${serve.url}` : serve.why],
    ['Judges know it as', `${id}.1`],
  ]
    .map(([what = '', words = '']) => `${what.padEnd(17)}  ${visible(words)}`)
    .join('\n')
}

function servedInWords({ peer, trusted, sender }: ServedAs): string {
  if (trusted) return `${peer.strategy}, but this client is trusted: its messages are never split`
  const { chosen } = peer
  return chosen === undefined
    ? peer.strategy
    : `auto, which is ${peer.strategy} for ${sender} (${chosen.why})`
}

const legacyTitle = ({ strategy, servedAs: { peer } }: LegacyCourse): string =>
  strategy === undefined
    ? `A client without PRDR hears (${peer.strategy}, as it is served)`
    : `A client without PRDR would hear with ${strategy}`
