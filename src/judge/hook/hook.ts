/**
 * An HTTP hook as a judge: one question a message, and an answer for all recipients or for each. It
 * counts nothing; what it says is forced. It may change the text, so that those behind it see what
 * it has left.
 */
import type { TextSource } from '../../message/text-source.ts'
import { octetsOf, readable, toOctets } from '../../smtp/octets.ts'
import type { Judgement, Opinion, Said } from '../../verdict/judgement.ts'
import type { AtATime } from '../at-a-time.ts'
import { nameOf } from '../../exchange/http.ts'
import type { Judge, JudgedEnvelope, JudgedRecipient } from '../judge.ts'
import { type PossibleEdits, possibleEdits } from '../possible-edits.ts'
import { type Scanned, type Scanner, type ScannerLimits, scannerJudge } from '../scanner.ts'
import type { HookAnswer } from './answer.ts'
import { HookClient, type HookClientOptions } from './client.ts'
import type { textKeys } from './question.ts'
import { requestAbout } from './request.ts'

export interface HookOptions extends HookClientOptions, ScannerLimits {
  readonly name: string
  /** What stands behind the header section as text, or the whole text in base64. */
  readonly text: keyof typeof textKeys
  /** What the hook wants and can't have: in words for the log. */
  readonly onLeftOut: (transaction: string, what: string) => void
}

export const hookJudge = (options: HookOptions): Judge => scannerJudge(new Hook(options), options)

/** Things that are left out and told on, of one message. */
const mostToldOn = 10

class Hook implements Scanner {
  readonly name: string
  readonly edits = true
  readonly scores = false
  readonly #options: HookOptions
  readonly #client: HookClient

  constructor(options: HookOptions) {
    this.name = options.name
    this.#options = options
    this.#client = new HookClient(options)
  }

  trouble(): string | undefined {
    return this.#client.trouble()
  }

  /** Shows each server a small message of its own: the dialect has no other question. */
  async ping(signal: AbortSignal): Promise<readonly string[]> {
    const request = await requestAbout(checkEnvelope, checkText, this.#options.text)
    const said = await Promise.all(
      this.#options.servers.map(async (server) => {
        const wrong = await this.#client.ping(server, request, signal)
        return wrong === undefined ? [] : [`${nameOf(server)} ${wrong}`]
      }),
    )
    return said.flat()
  }

  async judge(
    envelope: JudgedEnvelope,
    { text, size, signal }: Scanned,
    slots: AtATime,
  ): Promise<Judgement> {
    const answer = await slots.run(async () => {
      const request = await requestAbout(envelope, { text, size }, this.#options.text)
      return await this.#client.ask(request, signal)
    }, signal)
    if ('failed' in answer) return { kind: 'failed', why: answer.failed }
    const made = possibleEdits(answer.edits)
    this.#tellLeftOut(answer, made, envelope)
    if (made.failed !== undefined) return { kind: 'failed', why: made.failed }
    return judgementOf(answer, made, envelope.recipients)
  }

  #tellLeftOut({ leftOut }: HookAnswer, made: PossibleEdits, { id }: JudgedEnvelope): void {
    if (made.left !== undefined) this.#options.onLeftOut(id, made.left)
    if (leftOut.length > 0)
      this.#options.onLeftOut(id, `not done: ${leftOut.slice(0, mostToldOn).join(', ')}`)
  }
}

function judgementOf(
  answer: HookAnswer,
  { edits }: PossibleEdits,
  recipients: readonly JudgedRecipient[],
): Judgement {
  const opinions = recipients.map(({ address }) => opinionFor(address, answer))
  const changes = edits === undefined ? {} : { edits }
  const [first] = opinions
  if (opinions.every((opinion) => opinion === first)) {
    if (first === undefined && edits === undefined) return { kind: 'silent' }
    return { kind: 'judged', symbols: [], ...changes, ...saidOf(first) }
  }
  const own = new Map(
    recipients.map(({ index }, i): readonly [number, Said] => [index, saidOf(opinions[i])]),
  )
  return { kind: 'judged', symbols: [], ...changes, own }
}

const saidOf = (opinion: Opinion | undefined): Said => (opinion === undefined ? {} : { opinion })

/** The hook may write an address as it came or in lower case. */
function opinionFor(address: string, { recipients, opinion }: HookAnswer): Opinion | undefined {
  const inLowerCase = octetsOf(readable(address).toLowerCase())
  const named = [address, inLowerCase].find((one) => recipients.has(one))
  return named === undefined ? opinion : recipients.get(named)
}

const octets = toOctets('Subject: rcptwise check\r\n\r\nDoes this hook answer?\r\n')
const checkText: { readonly text: TextSource; readonly size: number } = {
  size: octets.length,
  text: {
    whole: () => [octets],
    async *chunks() {
      yield await Promise.resolve(octets)
    },
  },
}
const checkEnvelope: JudgedEnvelope = {
  id: 'check',
  client: { address: '127.0.0.1', port: 0, helo: 'rcptwise-check' },
  authenticated: false,
  reversePath: '',
  parameters: new Map(),
  recipients: [],
  firstRecipients: [],
  hostname: 'rcptwise-check',
}
