/**
 * What a hook is told of a message, in Stalwart's dialect of MTA Hooks: all but the text, which
 * `request.ts` puts in its place. Pure. Names and addresses are octets here; JSON has them as
 * Unicode.
 */
import type { HeaderField } from '../../message/header-fields.ts'
import { readable } from '../../smtp/octets.ts'
import type { JudgedEnvelope } from '../judge.ts'
import { ownEndOf } from '../own-end.ts'

export interface QuestionAbout {
  readonly envelope: JudgedEnvelope
  readonly fields: readonly HeaderField[]
  /** Octets of the whole text. */
  readonly size: number
}

/** What stands in front of the text as a JSON string without its quotes, and behind it. */
export interface Around {
  readonly before: string
  readonly after: string
}

/** The keys of the text: what stands behind the header section, or all octets in base64. */
export const textKeys = { contents: 'contents', raw: 'rawMessage' } as const

export function questionAround(about: QuestionAbout, key: keyof typeof textKeys): Around {
  const { envelope, fields, size } = about
  const headers = fields.map(({ writtenName, value }) => [writtenName, readable(value.trim())])
  const question = { context: contextOf(envelope), envelope: envelopeOf(envelope) }
  const message = JSON.stringify({ headers, serverHeaders: [], size })
  return {
    before: `${JSON.stringify(question).slice(0, -1)},"message":${message.slice(0, -1)},"${textKeys[key]}":"`,
    after: '"}}',
  }
}

function contextOf({ id, client, tls, authenticated, hostname, local }: JudgedEnvelope): unknown {
  const ownEnd = ownEndOf(local)
  return {
    stage: 'data',
    client: {
      ip: client.address,
      port: client.port,
      ptr: client.name === undefined ? null : readable(client.name),
      helo: client.helo === '' ? null : readable(client.helo),
      activeConnections: 1,
    },
    // Who it is the server behind knows alone; that it is somebody is what filters look at.
    ...(authenticated ? { sasl: { login: 'authenticated' } } : {}),
    ...(tls === undefined ? {} : { tls: { version: tls.protocol, cipher: tls.cipher } }),
    // A number is wanted, known or not.
    server: { name: hostname, port: ownEnd?.port ?? 0, ip: ownEnd?.address ?? null },
    queue: { id },
    protocol: { version: 1 },
  }
}

const envelopeOf = ({ reversePath, parameters, recipients }: JudgedEnvelope): unknown => ({
  from: {
    address: readable(reversePath),
    parameters: Object.fromEntries(
      [...parameters].map(([name, value]) => [readable(name), readable(value ?? '')]),
    ),
  },
  to: recipients.map(({ address }) => ({ address: readable(address) })),
})
