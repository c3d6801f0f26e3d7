/** What `rcptwise explain` is asked, read from its command line. */
import { parseCommand } from '../../smtp/command.ts'
import { canonicalIp } from '../../smtp/ip-address.ts'
import { octetsOf } from '../../smtp/octets.ts'
import { nullPath, type Path } from '../../smtp/path.ts'
import {
  type ConfigurableStrategy,
  configurableStrategies,
  isConfigurableStrategy,
  strategyNames,
} from '../../strategy/names.ts'
import { addressesIn, notAnAddress, pathOf } from '../address-argument.ts'
import { CommandFailure } from '../command-failure.ts'
import { visible } from '../../log/visible.ts'

export interface ExplainOptions {
  readonly to: string
  readonly from: string
  readonly client?: string
  readonly helo?: string
  readonly strategy?: string
  readonly json?: true
}

export interface AskedFor {
  readonly recipients: readonly Path[]
  readonly sender: Path
  /** Absent: a stranger. */
  readonly client?: string
  readonly helo?: string
  readonly strategies: readonly ConfigurableStrategy[]
}

/** The message says what is expected. */
const wrong = (message: string): CommandFailure => new CommandFailure('usage', message)

/** @throws CommandFailure */
export function readOptions({ to, from, client, helo, strategy }: ExplainOptions): AskedFor {
  const recipients = addressesIn(to).map(addressIn)
  if (recipients.length === 0) throw wrong('--to names nobody: expected user@example.org')
  return {
    recipients,
    sender: from === '' || from === '<>' ? nullPath : addressIn(from),
    ...(client !== undefined && { client: ipIn(client) }),
    ...(helo !== undefined && { helo: heloIn(helo) }),
    strategies: strategy === undefined ? [] : strategiesIn(strategy),
  }
}

function addressIn(text: string): Path {
  const path = pathOf(text)
  if (path === undefined) throw wrong(notAnAddress(text))
  return path
}

function ipIn(text: string): string {
  const address = canonicalIp(text)
  if (address === undefined)
    throw wrong(`--client: "${visible(text)}" is no address: expected 192.0.2.1 or 2001:db8::1`)
  return address
}

function heloIn(text: string): string {
  const octets = octetsOf(text)
  const command = parseCommand(`EHLO ${octets}`)
  if (/\s/.test(text) || command.verb !== 'EHLO' || command.domain !== octets)
    throw wrong(`--helo: "${visible(text)}" is no name: expected mail.example.net`)
  return octets
}

function strategiesIn(list: string): readonly ConfigurableStrategy[] {
  const names = list.split(',').map((name) => name.trim())
  if (names.length === 1 && names[0] === 'all') return strategyNames
  return names.map((name) => {
    if (!isConfigurableStrategy(name))
      throw wrong(
        `--strategy: "${visible(name)}" is none: expected ${configurableStrategies.join(', ')}, or all`,
      )
    return name
  })
}
