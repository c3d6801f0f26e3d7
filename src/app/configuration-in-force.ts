/**
 * Which configuration is in force, since when, and what the last reload refused: for the console.
 * What a key may hide (passwords, tokens, paths of keys) is in none of these lines.
 */
import type { ConfigurationView } from '../admin/context.ts'
import type { Config, JudgeConfig } from '../config/config.ts'
import type { Fact } from '../facts/fact.ts'

export class ConfigurationInForce {
  readonly #config: () => Config
  #since: number
  #needRestart: readonly string[] = []
  #refused: ConfigurationView['refused']

  constructor(config: () => Config, startedAt: number) {
    this.#config = config
    this.#since = startedAt
  }

  readonly hear = (fact: Fact): void => {
    if (fact.kind === 'configLoaded') {
      this.#since = fact.at
      this.#needRestart = fact.needRestart
      this.#refused = undefined
    } else if (fact.kind === 'configKept') this.#refused = { at: fact.at, why: fact.why }
  }

  view(): ConfigurationView {
    const config = this.#config()
    return {
      since: this.#since,
      ...(config.file !== undefined && { file: config.file }),
      needRestart: this.#needRestart,
      ...(this.#refused !== undefined && { refused: this.#refused }),
      values: valuesOf(config).map(([key, value]) => ({ key, value })),
    }
  }
}

function valuesOf(config: Config): readonly (readonly [string, string])[] {
  const { backend, recipients, ledger, history, limits } = config
  return [
    ['mode', config.mode],
    ['hostname', config.hostname],
    ['listen', config.listen.map(({ host, port, tls }) => `${host}:${port} ${tls}`).join(', ')],
    ['workers', String(config.workers)],
    ['backend.servers', backend.servers.map(({ url }) => withoutPassword(url)).join(', ')],
    ['backend.client_address', backend.clientAddress],
    ['relay_domains', config.relayDomains?.join(', ') ?? 'the server behind decides'],
    ['policies', [...config.policies.keys()].join(', ')],
    ['recipients.sources', String(recipients.sources.length)],
    ['unknown_recipients', config.unknownRecipients],
    ['judges', config.judges.map(nameOf).join(', ')],
    ['last_word', config.lastWord],
    ...config.peers.map(
      ({ name, strategy, shadow }) =>
        [
          `peers: ${name}`,
          shadow === undefined ? strategy : `${strategy}, shadow ${shadow}`,
        ] as const,
    ),
    ['trusted', config.trusted.join(', ')],
    ['ledger', ledger.kind],
    ['ledger.keep', `${hours(ledger.keepMs)} h`],
    [
      'history',
      history === undefined
        ? 'off'
        : `kept for ${hours(history.keepMs)} h, addresses ${history.addresses}`,
    ],
    ['limits.message_size', `${limits.messageSizeBytes} octets`],
    ['limits.recipients', String(limits.recipients)],
    ['limits.sessions', String(limits.sessions)],
    ['log.level', config.log.level],
  ]
}

const nameOf = (judge: JudgeConfig): string => judge.kind
const hours = (ms: number): number => Math.round(ms / 36_000) / 100
const withoutPassword = (url: string): string => url.replace(/\/\/[^@/]*@/, '//')
