/** One HTTP request over a Unix socket, which fetch can not do. */
import { request } from 'node:http'

export interface SocketRequest {
  readonly socketPath: string
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeLimitMs: number
}

export async function askOverSocket({
  body = '',
  timeLimitMs,
  headers,
  ...where
}: SocketRequest): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const signal = AbortSignal.timeout(timeLimitMs)
  const length = String(Buffer.byteLength(body))
  const asked = request(
    { ...where, headers: { ...headers, host: 'localhost', 'content-length': length }, signal },
    (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: response.statusCode ?? 0, text })
      })
    },
  )
  asked.once('error', reject)
  asked.end(body)
  return await promise
}
