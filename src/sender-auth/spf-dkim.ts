/**
 * SPF (RFC 7208) and DKIM (RFC 6376) of one message, by the library mailauth, which is loaded with
 * the first message that needs it.
 */
import { Resolver } from 'node:dns/promises'
import { Readable } from 'node:stream'
import { readFields } from '../message/header-fields.ts'
import { readHeader } from '../message/header-section.ts'
import { canonicalDomain, canonicalDomainOf } from '../smtp/domain.ts'
import { aligned } from './alignment.ts'
import { authorDomain } from './author.ts'
import type { Answer, KnownAnswers } from './known-answers.ts'
import {
  boundedQuestions,
  type QuestionAllowance,
  type Questions,
  type Resolve,
} from './questions.ts'
import { chooseSignatures, nameInDns } from './signatures.ts'
import { vouchedBySymbols } from '../verdict/vouched-symbols.ts'
import { withHeader } from './text-to-verify.ts'
import type { VouchedBy, VouchedMessage, SenderAuthenticator, Vouching } from './sender-auth.ts'

export interface VoucherOptions {
  /** Who may vouch, in the order of what costs least: `symbols`, `spf`, `dkim`. */
  readonly by: readonly VouchedBy[]
  /** Our own name, for SPF's macros. */
  readonly hostname: string
  /** For all of it, look-ups and reading the text. */
  readonly limitMs: number
  /** More octets of a header section are not looked at. */
  readonly headerBytes: number
  /** Signatures of a message that are looked at. */
  readonly mostSignatures: number
  /** Questions to the DNS for one message. */
  readonly mostQuestions: number
  /** Questions of one client, and of all. */
  readonly allowance: QuestionAllowance
  readonly known: KnownAnswers
  readonly resolve: Resolve
}

const order: readonly VouchedBy[] = ['symbols', 'spf', 'dkim']
/** RFC 8301: shorter keys can be broken. */
const minBitLength = 1024

/**
 * The system's resolvers, or those at `servers` (address, or address:port). One that does not
 * answer is given up after `limitMs`.
 */
export function dnsResolve(servers: readonly string[], limitMs: number): Resolve {
  const tries = 2
  const resolver = new Resolver({
    timeout: Math.max(100, Math.floor(limitMs / (tries + 1))),
    tries,
  })
  if (servers.length > 0) resolver.setServers(servers)
  return async (name, type) => (await resolver.resolve(name, type)) as Answer
}

export function createVoucher(options: VoucherOptions): SenderAuthenticator {
  const ways = order.filter((way) => options.by.includes(way))
  return {
    async vouchFor(message, signal) {
      const domain = domainOf(message.reversePath)
      if (domain === '') return { kind: 'unvouched', why: 'null sender' }
      const limit = AbortSignal.timeout(options.limitMs)
      const end = signal === undefined ? limit : AbortSignal.any([signal, limit])
      const ended = Promise.withResolvers<Vouching>()
      const giveUp = (): void =>
        ended.resolve({ kind: 'unvouched', why: 'no answer in time (bounces.dns_timeout)' })
      end.addEventListener('abort', giveUp, { once: true })
      const { resolve, known, mostQuestions: most, allowance } = options
      const { clientAddress } = message
      const questions = boundedQuestions({ resolve, known, most, allowance, clientAddress, end })
      try {
        return await Promise.race([
          inTurn(ways, { ...options, questions, message, domain, end }),
          ended.promise,
        ])
      } finally {
        end.removeEventListener('abort', giveUp)
      }
    },
  }
}

/** Empty for what has none. */
function domainOf(address: string): string {
  const at = address.lastIndexOf('@')
  return at === -1 ? '' : (canonicalDomain(address.slice(at + 1)) ?? '')
}

interface Asked extends VoucherOptions {
  readonly message: VouchedMessage
  /** Of the reverse-path, in A-labels. */
  readonly domain: string
  readonly end: AbortSignal
  readonly questions: Questions
}

/** One after the other, cheapest first, until one vouches. */
async function inTurn(ways: readonly VouchedBy[], asked: Asked): Promise<Vouching> {
  const results: string[] = []
  for (const by of ways) {
    if (asked.end.aborted) break
    try {
      const result = await ask(by, asked)
      if (result === 'pass') return { kind: 'vouched', by, domain: asked.domain }
      results.push(`${by} ${result}`)
    } catch (error) {
      results.push(`${by} ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const refusal = asked.questions.refusal()
  if (refusal !== undefined) results.push(refusal)
  return { kind: 'unvouched', why: results.join(', ') }
}

async function ask(by: VouchedBy, asked: Asked): Promise<string> {
  switch (by) {
    case 'symbols':
      return await askSymbols(asked)
    case 'spf':
      return await askSpf(asked)
    case 'dkim':
      return await askDkim(asked)
  }
}

async function askSymbols({ message, domain, headerBytes }: Asked): Promise<string> {
  const vouched = vouchedBySymbols(message.symbols)
  if (vouched === 'envelope') return 'pass'
  if (vouched === undefined) return 'none'
  const { header } = await readHeader(message.chunks(), headerBytes)
  const author = authorDomain(readFields(header)?.all ?? [])
  return author !== undefined && aligned(author, domain) ? 'pass' : 'not aligned'
}

async function askSpf({ message, hostname, questions, limitMs }: Asked): Promise<string> {
  const { spf } = await import('mailauth/lib/spf/index.js')
  const { status } = await spf({
    sender: message.reversePath,
    ip: message.clientAddress,
    helo: canonicalDomainOf(message.helo) ?? message.helo,
    mta: hostname,
    resolver: questions.resolve,
    maxElapsedTime: limitMs,
  })
  return status.result
}

/**
 * What counts is a signature over the whole body (no `l=` with something behind it), of a domain of
 * the reverse-path's organisation that is not just trying DKIM out (RFC 6376 3.6.1, `t=y`).
 */
async function askDkim(asked: Asked): Promise<string> {
  const { message, domain, headerBytes, mostSignatures, end } = asked
  const { header } = await readHeader(message.chunks(), headerBytes)
  const chosen = chooseSignatures(header, domain, mostSignatures)
  if (typeof chosen === 'string') return chosen
  const { dkimVerify } = await import('mailauth/lib/dkim/verify.js')
  const chunks = withHeader(chosen.header, message.chunks(), header.length)
  const { results } = await dkimVerify(Readable.from(chunks, { objectMode: false, signal: end }), {
    sender: message.reversePath,
    resolver: onlyKeys(chosen.keys, asked.questions.resolve),
    minBitLength,
  })
  const own = results
    .filter(({ signingDomain }) => aligned(signingDomain ?? '', domain))
    .map(({ status }) => status)
  const passed = own.filter(({ result }) => result === 'pass')
  if (passed.some((status) => status.underSized === undefined && status.testing !== true))
    return 'pass'
  if (passed.length > 0) return 'covers a part only, or is a test'
  return own[0]?.result ?? 'not aligned'
}

/** A valid signature of somebody else says nothing, so its key is not asked for. */
function onlyKeys(keys: ReadonlySet<string>, resolve: Resolve): Resolve {
  return async (name, type) => {
    if (!keys.has(nameInDns(name)))
      throw Object.assign(new Error('not asked for'), { code: 'ENOTFOUND' })
    return await resolve(name, type)
  }
}
