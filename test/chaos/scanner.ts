/**
 * A scanner as a process of its own, which answers over HTTP as rspamd does and can be killed at
 * any moment. Its score is the one that the message's own field names; now and then it takes its
 * time. Its port comes in RCPTWISE_CHAOS_SCANNER.
 */
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../support/random.ts'

const random = new Random(process.pid, 'scanner')

async function scan(text: string): Promise<string> {
  const header = text.slice(0, text.indexOf('\r\n\r\n'))
  const score = Number(/^X-Spam-Score: *(\S+)/im.exec(header)?.[1] ?? 0)
  if (random.chance(0.2)) await sleep(random.between(5, 400))
  return JSON.stringify({ score, required_score: 15, action: 'no action', symbols: {} })
}

const server = createServer((request, response) => {
  // A front-end that was killed in the middle of its question wants no answer.
  buffer(request)
    .then(async (text) => {
      response.setHeader('Content-Type', 'application/json')
      response.end(await scan(text.toString('latin1')))
    })
    .catch(() => response.destroy())
})
server.listen(Number(process.env['RCPTWISE_CHAOS_SCANNER']), '127.0.0.1')
process.on('disconnect', () => process.exit(0))
