/** Asking an endpoint whether mail can go there at all. When it is asked is for endpoints.ts. */
import type { Extensions } from '../../smtp/ehlo.ts'
import { isFailed } from '../wire/command-reply.ts'
import { SmtpConnection } from '../wire/connection.ts'
import { tellsClient } from '../wire/tell-client.ts'
import { type ConnectOptions, type EndpointFailure, openConnection } from './connect.ts'
import type { EndpointState } from './endpoint-state.ts'
import {
  askWhetherItRelays,
  openRelay,
  questionsFor,
  type RelayQuestions,
  stranger,
  unsure,
  unsureAtMost,
} from './relay-guard.ts'
import type { Endpoint } from './route.ts'

/** Of an endpoint, what decides what it is asked. */
export type AskedEndpoint = Endpoint & Pick<EndpointState, 'safe' | 'relay' | 'unsure'>

/** It can be used, and offers this; `safe`: it does not relay, as far as that is asked. */
export interface EndpointAnswer {
  readonly extensions: Extensions
  readonly safe: boolean
}

interface AskOptions extends ConnectOptions {
  readonly signal: AbortSignal
  readonly relayQuestions?: RelayQuestions | undefined
}

/**
 * Asks an endpoint for its EHLO and, where that is to be known, whether it would relay. `keep` gets
 * a connection that is still good.
 */
export async function askEndpoint(
  options: AskOptions,
  endpoint: AskedEndpoint,
  keep: (connection: SmtpConnection) => void,
): Promise<EndpointAnswer | EndpointFailure> {
  const { relayQuestions: questions, now } = options
  const { safe, relay } = endpoint
  if (questions !== undefined && (!safe || relay.due(now())))
    return await askRelay(options, endpoint, questions)
  const opened = await openConnection(options, endpoint, undefined)
  if (!(opened instanceof SmtpConnection)) return opened
  if (questions !== undefined && relay.changed(opened.extensions)) {
    opened.quit()
    return await askRelay(options, endpoint, questions)
  }
  const { extensions } = opened
  keep(opened)
  return { extensions, safe: true }
}

async function askRelay(
  options: AskOptions,
  endpoint: AskedEndpoint,
  questions: RelayQuestions,
): Promise<EndpointAnswer | EndpointFailure> {
  const { clientAddress, now } = options
  const opened = await openConnection(
    options,
    endpoint,
    tellsClient(clientAddress) ? stranger : undefined,
  )
  if (!(opened instanceof SmtpConnection)) return opened
  const { extensions } = opened
  const answer = await askWhetherItRelays(
    opened,
    clientAddress,
    questionsFor(questions, ownAddress(endpoint)),
  )
  opened.quit()
  if (typeof answer === 'object') {
    if (isFailed(answer)) return { failed: answer.failed, step: 'connect' }
    return { failed: openRelay(answer.relays, clientAddress), step: 'relay', relays: true }
  }
  // Who was known to refuse before is not left alone for a 4yz.
  if (answer === 'unsure' && !endpoint.safe && ++endpoint.unsure < unsureAtMost)
    return { failed: unsure, step: 'relay' }
  endpoint.unsure = 0
  endpoint.relay.asked(now())
  return { extensions, safe: true }
}

const ownAddress = ({ server, address }: Endpoint): string =>
  server.socketPath === undefined ? address : ''
