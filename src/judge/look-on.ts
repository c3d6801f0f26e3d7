/** An onlooker that reads a text by itself, where the text does not pass by it. */
import type { TextSource } from '../message/text-source.ts'
import type { Judgement } from '../verdict/judgement.ts'
import type { Onlooker } from './judge.ts'

/** No more is read than the judgement needs. */
export async function lookOn(
  onlooker: Onlooker,
  text: TextSource,
  signal: AbortSignal,
): Promise<Judgement> {
  for await (const chunk of text.chunks()) {
    signal.throwIfAborted()
    onlooker.push(chunk)
    const settled = onlooker.settled()
    if (settled !== undefined) return settled
  }
  return onlooker.end()
}
