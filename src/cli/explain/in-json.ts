/** An explanation for programs. */
import type { Asked } from '../../app/explain/ask-judges.ts'
import type { RecipientFact } from '../../facts/transaction.ts'
import type { JudgedEnvelope } from '../../judge/judge.ts'
import { known } from '../../known.ts'
import type { Attempt, Told } from '../../rehearsal/attempt.ts'
import type { Course } from '../../rehearsal/course.ts'
import type { ServedAs } from '../../session/oracle.ts'
import { readable } from '../../smtp/octets.ts'
import { describeReply } from '../../smtp/reply.ts'
import type { Said } from '../../verdict/judgement.ts'
import { explainReason } from '../../verdict/reason-in-words.ts'
import { inJson as recipientInJson } from '../recipients.ts'
import { type About, unknowns } from './about.ts'
import { secondsOf } from './seconds.ts'

type Json = Readonly<Record<string, unknown>>

export function inJson(about: About): Json {
  const { question, serve, explanation } = about
  const { sender, client, helo, text } = question
  const { id, peer, recipients, judges, envelope, verdicts, prdr, legacy } = explanation
  return {
    id,
    message: {
      sizeBytes: text.sizeBytes,
      ...known({ messageId: text.identity?.messageId, fault: text.fault }),
      from: sender.address,
    },
    client: { address: client.address, ...known({ rdns: client.rdns }), helo },
    peer: servedAs(peer),
    serve: serve.kind === 'told' ? { asked: serve.url } : { notAsked: serve.why },
    recipients: recipients.map(recipientInJson),
    judges: judgesInJson(judges, envelope),
    notAsked: judges.left,
    fieldsRemoved: judges.removed,
    verdicts: verdicts.map(verdictInJson),
    prdr: courseInJson(prdr),
    legacy: legacy.map((one) => ({
      ...known({ asked: one.strategy }),
      ...servedAs(one.servedAs),
      ...courseInJson(one.course),
    })),
    notKnown: unknowns(about),
  }
}

const servedAs = ({ peer, trusted, sender }: ServedAs): Json => ({
  class: peer.name,
  strategy: peer.strategy,
  ...(peer.chosen !== undefined && { auto: { sender, why: peer.chosen.why } }),
  trusted,
})

function judgesInJson(asked: Asked, envelope: JudgedEnvelope | undefined): readonly Json[] {
  return asked.findings.all.map((finding): Json => {
    const { judge, judgement, weighs, onFailure } = finding
    const common = {
      judge,
      result: judgement.kind,
      ...known({ seconds: secondsOf(finding, asked) }),
    }
    if (judgement.kind !== 'judged')
      return {
        ...common,
        ...known({ why: judgement.why }),
        ...(judgement.kind === 'failed' && { onFailure }),
      }
    const own = [...(judgement.own ?? [])].map(([index, said]) => ({
      address: readable(envelope?.recipients.find((one) => one.index === index)?.address ?? ''),
      ...saidInJson(said),
    }))
    return {
      ...common,
      ...saidInJson(judgement),
      weighs,
      symbols: judgement.symbols,
      ...(own.length > 0 && { own }),
    }
  })
}

const saidInJson = ({ score, opinion, edits, symbols }: Said): Json => ({
  ...known({ score, symbols }),
  ...(opinion !== undefined && {
    forces: opinion.verdict,
    ...(opinion.reply !== undefined && { words: describeReply(opinion.reply) }),
  }),
  ...(edits !== undefined && { changesText: true }),
})

const verdictInJson = ({ address, fate, verdict, reason, final }: RecipientFact): Json => ({
  address,
  fate,
  ...known({ verdict }),
  reason,
  why: explainReason(reason),
  final,
})

const courseInJson = ({ attempts, ends }: Course): Json => ({
  attempts: attempts.map(attemptInJson),
  ends,
})

const attemptInJson = ({
  afterMs,
  mail,
  told,
  last,
  inBlock,
  delivered,
  ended,
}: Attempt): Json => ({
  afterSeconds: afterMs / 1000,
  ...(mail !== undefined && { mail: describeReply(mail) }),
  told: told.map(toldInJson),
  ...(last !== undefined && { last: describeReply(last) }),
  inBlock,
  delivered: delivered.map(({ recipient, result }) => ({ recipient: readable(recipient), result })),
  ...(ended !== undefined && {
    outcome: ended.outcome,
    recipients: ended.recipients.map(verdictInJson),
  }),
})

const toldInJson = ({ recipient, rcpt, text }: Told): Json => ({
  recipient: readable(recipient),
  rcpt: describeReply(rcpt),
  ...(text !== undefined && { text: describeReply(text) }),
})
