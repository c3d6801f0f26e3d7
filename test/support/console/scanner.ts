/**
 * A scanner for the scene, in rspamd's language: it says the score that the message names in a
 * field that no scanner has written, and that SPF has passed, so that Rcptwise learns of its sender.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Scanner extends AsyncDisposable {
  readonly url: string
}

export async function startScanner(): Promise<Scanner> {
  const server = createServer((request, response) => {
    void text(request).then((message) => {
      const score = Number(/^X-Scene-Score: (\S+)/m.exec(message)?.[1] ?? 0)
      const symbols = { R_SPF_ALLOW: { score: -0.2 }, OFFER_IN_SUBJECT: { score: score + 0.2 } }
      const answer = { score, required_score: 15, action: 'no action', symbols }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
