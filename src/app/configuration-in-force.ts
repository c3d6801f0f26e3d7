/**
 * Which configuration is in force, since when, and what the last reload refused: for the console.
 * What is secret (passwords, tokens) is in none of its values.
 */
import type { ConfigurationView } from '../admin/context.ts'
import type { EffectiveValue } from '../config/effective.ts'
import type { Fact } from '../facts/fact.ts'

export interface ConfigurationInForceOptions {
  readonly file: () => string | undefined
  readonly values: () => readonly EffectiveValue[]
  /** ms since the epoch. */
  readonly startedAt: number
}

export class ConfigurationInForce {
  readonly #options: ConfigurationInForceOptions
  #since: number
  #needRestart: readonly string[] = []
  #refused: ConfigurationView['refused']

  constructor(options: ConfigurationInForceOptions) {
    this.#options = options
    this.#since = options.startedAt
  }

  readonly hear = (fact: Fact): void => {
    if (fact.kind === 'configLoaded') {
      this.#since = fact.at
      this.#needRestart = fact.needRestart
      this.#refused = undefined
    } else if (fact.kind === 'configKept') this.#refused = { at: fact.at, why: fact.why }
  }

  view(): ConfigurationView {
    const file = this.#options.file()
    return {
      since: this.#since,
      ...(file !== undefined && { file }),
      needRestart: this.#needRestart,
      ...(this.#refused !== undefined && { refused: this.#refused }),
      values: this.#options.values(),
    }
  }
}
