/** What judges have in common that are shown a whole text over a network. Knows no protocol. */
import type { TextSource } from '../message/text-source.ts'
import type { Judgement } from '../verdict/judgement.ts'
import { AtATime } from './at-a-time.ts'
import type { Judge, JudgedEnvelope } from './judge.ts'
import { textSize } from './text-size.ts'

export interface ScannerLimits {
  /** A larger text is not judged. */
  readonly maxSizeBytes: number
  /** Scans at a time. */
  readonly atATime: number
}

/** A complete text. */
export interface Scanned {
  readonly text: TextSource
  readonly size: number
  readonly signal: AbortSignal
}

export interface Scanner {
  readonly name: string
  /** As of the judge. */
  readonly edits: boolean
  readonly scores: boolean
  /** Why nobody can be asked at the moment. */
  trouble(): string | undefined
  /** Of each server that is not well: which, and what is wrong. */
  ping(signal: AbortSignal): Promise<readonly string[]>
  /** Each scan waits for its turn at `slots`. May reject after the signal alone. */
  judge(envelope: JudgedEnvelope, scanned: Scanned, slots: AtATime): Promise<Judgement>
}

/** How long `check` waits for the servers, ms. */
const checkLimitMs = 5000

const wasClosed: Judgement = { kind: 'failed', why: 'it was closed' }

export function scannerJudge(scanner: Scanner, { maxSizeBytes, atATime }: ScannerLimits): Judge {
  const slots = new AtATime(atATime)
  const running = new Set<AbortController>()
  const closed = new AbortController()
  const isClosed = (): boolean => closed.signal.aborted

  async function judge(
    envelope: JudgedEnvelope,
    text: TextSource,
    wanted: AbortSignal,
  ): Promise<Judgement> {
    if (isClosed()) return wasClosed
    // Not of `wanted` and of the judge's own end together: AbortSignal.any costs 20 us a message.
    const end = new AbortController()
    const { signal } = end
    wanted.addEventListener('abort', () => end.abort(wanted.reason), { once: true })
    running.add(end)
    try {
      wanted.throwIfAborted()
      // Nothing is asked before the whole text is there: a slow client would hold others' places.
      const size = await textSize(text, maxSizeBytes, signal)
      if (size === undefined)
        return {
          kind: 'silent',
          why: `the message has more than ${maxSizeBytes} octets (max_size)`,
        }
      const judgement = await scanner.judge(envelope, { text, size, signal }, slots)
      // Of several scans those that still run end with the one that has failed. An end that nobody
      // needs would cost an exception a message, with its stack.
      if (judgement.kind === 'failed') end.abort()
      return judgement
    } catch (error) {
      end.abort()
      if (isClosed()) return wasClosed
      throw error
    } finally {
      running.delete(end)
    }
  }

  return {
    name: scanner.name,
    edits: scanner.edits,
    scores: scanner.scores,
    message: (envelope) => ({
      way: 'reads',
      judge: async (text, signal) => await judge(envelope, text, signal),
    }),
    trouble: () => scanner.trouble(),
    async check() {
      const wrong = await scanner.ping(AbortSignal.timeout(checkLimitMs))
      return wrong.length === 0 ? undefined : wrong.join('; ')
    },
    async close() {
      closed.abort()
      for (const end of running) end.abort()
      await Promise.resolve()
    },
  }
}
