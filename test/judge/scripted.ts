/**
 * A judge that does what a test says, for what judges over a network will do: answer late, answer
 * in the middle of the text, fail, change texts, read slowly.
 */
import { setImmediate } from 'node:timers/promises'
import type { Judge, JudgedEnvelope } from '../../src/judge/judge.ts'
import type { TextSource } from '../../src/message/text-source.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'

export interface Script {
  readonly name?: string
  readonly edits?: boolean
  readonly scores?: boolean
  /** What it finds, of the text that it has read and for whom. */
  readonly judge: (text: string, envelope: JudgedEnvelope) => Judgement
  /** Reads no further than so many octets. */
  readonly octets?: number
  /** Turns of the event loop between two chunks. */
  readonly slow?: number
  /** Never answers, unless it is ended. */
  readonly hangs?: boolean
}

export interface ScriptedJudge extends Judge {
  /** Texts that were read, as far as they were. */
  readonly read: string[]
  /** Messages that nobody waits for any more. */
  ended: number
}

export function scripted(script: Script): ScriptedJudge {
  const closing = new AbortController()
  const judge: ScriptedJudge = {
    name: script.name ?? 'scripted',
    edits: script.edits ?? false,
    scores: script.scores ?? true,
    read: [],
    ended: 0,
    message: (envelope) => ({
      way: 'reads',
      judge: async (text, signal) => {
        const end = AbortSignal.any([signal, closing.signal])
        const noteEnd = (): void => {
          judge.ended++
        }
        end.addEventListener('abort', noteEnd, { once: true })
        const read = await readSlowly(text, script, end)
        judge.read.push(read)
        if (closing.signal.aborted) return { kind: 'failed', why: 'closed' }
        return script.judge(read, envelope)
      },
    }),
    trouble: () => (closing.signal.aborted ? 'closed' : undefined),
    check: async () => await Promise.resolve(judge.trouble()),
    close: async () => {
      closing.abort()
      await Promise.resolve()
    },
  }
  return judge
}

async function readSlowly(text: TextSource, script: Script, end: AbortSignal): Promise<string> {
  const { octets = Infinity, slow = 0, hangs = false } = script
  let read = ''
  for await (const chunk of text.chunks()) {
    for (let turn = 0; turn < slow; turn++) await setImmediate()
    if (end.aborted) return read
    // Of a large text its beginning is enough for a test.
    read += chunk.toString('latin1', 0, Math.max(0, 100_000 - read.length))
    if (read.length >= octets) break
  }
  if (hangs && !end.aborted)
    await new Promise((resolve) => end.addEventListener('abort', resolve, { once: true }))
  return read
}
