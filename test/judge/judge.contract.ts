/** What every judge has to keep, whatever it asks. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Judge, JudgedEnvelope } from '../../src/judge/judge.ts'
import { lookOn } from '../../src/judge/look-on.ts'
import type { TextSource } from '../../src/message/text-source.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import { cut, cuts, octet } from '../smtp/splits.ts'
import { envelope } from './envelope.ts'
import { ComingText, textOf } from './texts.ts'

export interface Contracted {
  /** A new one that is well. */
  readonly open: () => Judge | Promise<Judge>
  /** A text, and what is found in it. */
  readonly example: { readonly text: string; readonly judgement: Judgement }
  /** Another one, of which something else is found; absent where nothing else ever is. */
  readonly other?: { readonly text: string; readonly judgement: Judgement }
}

const idle = new AbortController().signal

async function judge(
  one: Judge,
  text: TextSource,
  signal = idle,
  about: JudgedEnvelope = envelope,
): Promise<Judgement> {
  const judging = one.message(about)
  return judging.way === 'reads'
    ? await judging.judge(text, signal)
    : await lookOn(judging, text, signal)
}

/** A judgement, or that it was let go of; anything else is a throw. */
const settles = async (judging: Promise<Judgement>, signal = idle): Promise<string> =>
  await judging.then(
    ({ kind }) => kind,
    (error: unknown) => {
      if (signal.aborted) return 'ended'
      throw error
    },
  )

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const chunk = Buffer.alloc(64 * 1024, 'line of a text\r\n')

/** A text that is nowhere in memory. */
const large = (octets: number): TextSource & { readonly most: () => number } => {
  let before = 0
  let most = 0
  return {
    most: () => most,
    whole: () => undefined,
    async *chunks() {
      before = process.memoryUsage().arrayBuffers
      yield await Promise.resolve(octet('Subject: large\r\n\r\n'))
      for (let at = 0; at < octets; at += chunk.length) {
        yield await Promise.resolve(Buffer.from(chunk))
        if (at % (4 * 1024 * 1024) !== 0) continue
        collectGarbage()
        most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      }
    },
  }
}

export function judgeContract(name: string, { open, example, other }: Contracted): void {
  describe(`${name} keeps what every judge has to keep`, () => {
    test('finds what there is, wherever the text is cut', async () => {
      const one = await open()
      await fc.assert(
        fc.asyncProperty(cuts, async (places) => {
          for (const { text, judgement } of other === undefined ? [example] : [example, other])
            expect(await judge(one, textOf(cut(octet(text), places)))).toEqual(judgement)
        }),
        { numRuns: 50 },
      )
      await one.close()
    })

    test('judges a text that comes octet by octet, as its client sends it', async () => {
      const one = await open()
      const text = new ComingText()
      const judging = judge(one, text)
      for (const piece of octet(example.text)) {
        text.push(Buffer.from([piece]))
        await new Promise(setImmediate)
      }
      text.end()
      expect(await judging).toEqual(example.judgement)
      await one.close()
    })

    test('judges an empty text', async () => {
      const one = await open()
      expect(['judged', 'silent', 'failed']).toContain(await settles(judge(one, textOf([]))))
      await one.close()
    })

    test('judges two messages at a time, each for itself', async () => {
      const one = await open()
      const [first, second] = [new ComingText(), new ComingText()]
      const judging = [judge(one, first), judge(one, second)]
      const { text, judgement } = other ?? example
      const halves = cut(octet(example.text), [Math.floor(example.text.length / 2)])
      for (const [at, piece] of halves.entries()) {
        first.push(piece)
        if (at === 0) second.push(octet(text))
      }
      second.end()
      first.end()
      expect(await Promise.all(judging)).toEqual([example.judgement, judgement])
      await one.close()
    })

    test('of a text that will never be complete it says nothing about the text', async () => {
      const one = await open()
      const text = new ComingText()
      const judging = one.message(envelope)
      if (judging.way === 'reads') {
        const judged = judging.judge(text, idle)
        text.push(octet('Subj'))
        text.breakOff()
        const result = await judged.catch(() => ({ kind: 'failed' }))
        expect(result.kind).not.toBe('judged')
      } else {
        // Nobody tells it: it is let go of, and holds nothing.
        judging.push(octet('Subj'))
        expect(judging.settled() ?? { kind: 'silent' }).toEqual({ kind: 'silent' })
      }
      expect(text.readers).toBe(0)
      await one.close()
    })

    test('ends in the middle of the text when nobody waits for it any more, and lets the text go', async () => {
      const one = await open()
      const text = new ComingText()
      const gone = new AbortController()
      const judged = settles(judge(one, text, gone.signal), gone.signal)
      text.push(octet(example.text.slice(0, 5)))
      await new Promise(setImmediate)
      gone.abort()
      text.push(octet('more\r\n'))
      text.end()
      await judged
      expect(text.readers).toBe(0)
      // And the next message is judged as if nothing had been.
      expect(await judge(one, textOf([octet(example.text)]))).toEqual(example.judgement)
      await one.close()
    })

    test('a message of 50 MiB is not held in memory', async () => {
      const one = await open()
      const text = large(50 * 1024 * 1024)
      expect(['judged', 'silent', 'failed']).toContain(await settles(judge(one, text)))
      expect(text.most()).toBeLessThan(16 * 1024 * 1024)
      await one.close()
    })

    test('closed while it judges, it ends with a judgement and no throw', async () => {
      const one = await open()
      const text = new ComingText()
      const judged = settles(judge(one, text))
      text.push(octet(example.text))
      await new Promise(setImmediate)
      await one.close()
      text.end()
      expect(['judged', 'silent', 'failed']).toContain(await judged)
    })

    test('any octets are judged, and nothing is thrown', async () => {
      const one = await open()
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), cuts, async (octets, places) => {
          const pieces = cut(Buffer.from(octets), places)
          expect(['judged', 'silent', 'failed']).toContain(
            await settles(judge(one, textOf(pieces))),
          )
        }),
        { numRuns: 200 },
      )
      await one.close()
    })

    test('is well when it was opened, says so to who checks it, and can be closed twice', async () => {
      const one = await open()
      expect(one.trouble()).toBeUndefined()
      expect(await one.check()).toBeUndefined()
      await one.close()
      await one.close()
    })
  })
}
