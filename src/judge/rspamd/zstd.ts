/** Texts on their way to rspamd and its answers, compressed with zstd. */
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createZstdCompress, zstdDecompress } from 'node:zlib'
import type { TextSource } from '../../message/text-source.ts'

/** Compressed as it is read, at the reader's pace; its length is known at its end alone. */
export const compressed = (text: TextSource): TextSource => ({
  whole: () => undefined,
  async *chunks() {
    const zstd = createZstdCompress()
    const fed = pipeline(text.chunks(), zstd)
    // Who reads hears of it.
    fed.catch(() => undefined)
    try {
      yield* zstd as AsyncIterable<Buffer>
    } finally {
      zstd.destroy()
    }
  },
})

const inflate = promisify(zstdDecompress) as (
  body: Buffer,
  options: { readonly maxOutputLength: number },
) => Promise<Buffer>

/** @throws Error that is no zstd, or becomes longer than the limit, octets */
export const decompressed = async (body: Buffer, limit: number): Promise<Buffer> =>
  await inflate(body, { maxOutputLength: limit })
