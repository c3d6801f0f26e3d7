/** How large a text is, once it is complete: what a scanner is told first. */
import type { TextSource } from '../message/text-source.ts'

/**
 * In bytes; undefined: it is larger than the limit.
 * @throws the signal's reason, and what the text throws that will never be complete
 */
export async function textSize(
  text: TextSource,
  limit: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  let size = 0
  for await (const chunk of text.chunks()) {
    signal.throwIfAborted()
    size += chunk.length
    if (size > limit) return undefined
  }
  return size
}
