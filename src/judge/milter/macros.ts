/** Macros: what a filter may ask for besides the event, by the names of Postfix. Pure. */
import type { JudgedEnvelope } from '../judge.ts'
import { ownEndOf } from '../own-end.ts'

export type Macros = readonly (readonly [name: string, value: string])[]

/** Numbers of the stages in which macros are told (libmilter: SMFIM_…). */
const stages = { connect: 0, helo: 1, mail: 2, rcpt: 3, data: 4, end: 5, endOfHeader: 6 } as const

/** As Postfix sends them, unless the filter has said which it wants. */
const usual: Readonly<Record<number, readonly string[]>> = {
  [stages.connect]: ['{client_ptr}', '{daemon_addr}', '{daemon_port}'],
  [stages.helo]: ['{tls_version}', '{cipher}'],
  [stages.mail]: ['i', '{auth_authen}', '{mail_addr}', '{mail_host}', '{mail_mailer}'],
  [stages.rcpt]: ['i', '{rcpt_addr}', '{rcpt_host}', '{rcpt_mailer}'],
  [stages.data]: ['i'],
  [stages.endOfHeader]: ['i'],
  [stages.end]: ['i'],
}
/** At every stage: a filter that does not want CONNECT is not told its macros. */
const always = ['j', '_', 'v', '{client_addr}', '{client_name}', '{client_port}', '{daemon_name}']

/** All that is known; `recipient` in the stage of one. */
function known(
  { id, client, tls, authenticated, reversePath, hostname, local }: JudgedEnvelope,
  { software, recipient }: { readonly software: string; readonly recipient?: string },
): ReadonlyMap<string, string> {
  const name = client.name ?? 'unknown'
  const ownEnd = ownEndOf(local)
  const all: readonly (readonly [string, string | undefined])[] = [
    ['i', id],
    ['j', hostname],
    ['v', software],
    ['_', `${name} [${client.address}]`],
    ['{client_addr}', client.address],
    ['{client_name}', name],
    ['{client_ptr}', name],
    ['{client_port}', String(client.port)],
    ['{daemon_name}', hostname],
    ['{daemon_addr}', ownEnd?.address],
    ['{daemon_port}', ownEnd === undefined ? undefined : String(ownEnd.port)],
    ['{tls_version}', tls?.protocol],
    ['{cipher}', tls?.cipher],
    // Who it is the server behind knows alone; that it is somebody is what rules look at.
    ['{auth_authen}', authenticated ? 'authenticated' : undefined],
    ['{mail_addr}', reversePath],
    ['{mail_host}', domainOf(reversePath)],
    ['{mail_mailer}', 'smtp'],
    ['{rcpt_addr}', recipient],
    ['{rcpt_host}', recipient === undefined ? undefined : domainOf(recipient)],
    ['{rcpt_mailer}', recipient === undefined ? undefined : 'smtp'],
  ]
  return new Map(all.filter((macro): macro is [string, string] => macro[1] !== undefined))
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

export interface MacroStage {
  readonly stage: number
  readonly recipient?: string
  /** Name and version of who asks. */
  readonly software: string
}

/**
 * Those of one stage; `asked`: what the filter has named. It may name a million, and is told at
 * each recipient: what is known is looked up among them, and not the other way round.
 */
export function macrosOf(
  envelope: JudgedEnvelope,
  { stage, ...about }: MacroStage,
  asked?: ReadonlySet<string>,
): Macros {
  const values = known(envelope, about)
  const names =
    asked === undefined
      ? [...always, ...(usual[stage] ?? [])]
      : [...values.keys()].filter((name) => asked.has(name))
  return names.flatMap((name) => {
    const value = values.get(name)
    return value === undefined ? [] : [[name, value] as const]
  })
}
