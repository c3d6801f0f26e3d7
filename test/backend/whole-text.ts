/** A text that is complete and in memory. */
import type { TextSource } from '../../src/message/text-source.ts'

export function wholeText(text: string | Buffer): TextSource {
  const bytes = Buffer.from(text)
  return {
    whole: () => [bytes],
    async *chunks() {
      yield await Promise.resolve(bytes)
    },
  }
}
