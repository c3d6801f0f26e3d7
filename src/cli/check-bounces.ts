/**
 * The part of `check` for strategy `bounce`: would the servers behind bring reports to senders in
 * other domains?
 */
import { backendSettings, openBackend } from '../app/backend.ts'
import { openEnvelope } from '../bounce/report-envelope.ts'
import type { Config } from '../config/config.ts'
import type { Fact } from '../facts/fact.ts'
import { describeReply, isPositive } from '../smtp/reply.ts'
import { bad, type Finding, ok } from './finding.ts'

/** Nobody's address, in a domain that takes no mail (RFC 2606); no text is sent. */
const nobody = 'report-probe@example.net'

/** Nothing where no class has the strategy. Never rejects. */
export async function checkBounces(config: Config): Promise<Finding[]> {
  if (!config.peers.some(({ strategy }) => strategy === 'bounce')) return []
  let refusal: string | undefined
  const onFact = (fact: Fact): void => {
    if (fact.kind === 'backendRefusesUs') refusal = fact.reply
  }
  const backend = openBackend(backendSettings(config), { onFact, now: Date.now })
  try {
    const plain = { eightBit: false, international: false, requireTls: false }
    const envelope = openEnvelope(backend, config.hostname, {
      transaction: 'check',
      to: nobody,
      ...plain,
    })
    const answer = await envelope.answer
    envelope.abandon()
    if (answer !== undefined && isPositive(answer))
      return [ok('bounces', 'the backend takes reports from <> to senders in other domains')]
    const said = refusal ?? (answer === undefined ? 'no answer' : describeReply(answer))
    return [bad('bounces', refused(config, said))]
  } finally {
    await backend.close()
  }
}

function refused({ backend: { clientAddress } }: Config, said: string): string {
  const seen =
    clientAddress === 'none' || clientAddress === 'xforward'
      ? 'the address of this host'
      : '127.0.0.1'
  return (
    `the backend takes no report from <> to ${nobody}: ${said}; strategy bounce is then served as lenient. ` +
    `It has to relay for ${seen}, as which reports come (Postfix: mynetworks; docs/bounces.md)`
  )
}
