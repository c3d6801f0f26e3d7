/** Reads the JSON body of a request, within bounds. */
import type { IncomingMessage } from 'node:http'
import { type AdminResponse, type JsonBody, problem } from './exchange.ts'

const bodyLimitBytes = 64 * 1024

/**
 * Never rejects for what a client does: it gives the answer to that instead. A client that goes
 * away gets a 400 nobody reads.
 */
export async function readJson(message: IncomingMessage): Promise<JsonBody> {
  const type = message.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== 'application/json') {
    return failed(
      problem(
        415,
        `the body is ${type === '' ? 'of no stated type' : 'not JSON'}`,
        'content-type: application/json',
      ),
    )
  }
  const encoding = message.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    return failed(problem(415, 'the body is compressed', 'a body without content-encoding'))
  if (Number(message.headers['content-length'] ?? 0) > bodyLimitBytes) return failed(tooLarge)
  const chunks: Buffer[] = []
  let size = 0
  try {
    // Ending the iteration early must not destroy the socket: the answer still has to go out on it.
    for await (const chunk of message.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > bodyLimitBytes) return failed(tooLarge)
      chunks.push(chunk)
    }
  } catch {
    return failed(problem(400, 'the body is incomplete', 'as many bytes as content-length says'))
  }
  try {
    return { ok: true, value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown }
  } catch {
    return failed(
      problem(
        400,
        'the body is not valid JSON',
        'one JSON object, such as {"strategy":"group","for":"2h"}',
      ),
    )
  }
}

const failed = (response: AdminResponse): JsonBody => ({ ok: false, response })

const tooLarge: AdminResponse = {
  ...problem(413, 'the body is too large', `at most ${bodyLimitBytes} bytes`),
  headers: { connection: 'close' },
}
