/**
 * What BDAT saves towards a server that offers CHUNKING (`backend.chunking`): processor time a
 * message, and how long a message takes where the server is some way off. Two front-ends take turns
 * in front of one server that throws away what it gets, and answers after the time given.
 *
 *     node bench/chunking.ts [MESSAGES] [ROUNDS] [MS A REPLY TAKES]
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import path from 'node:path'
import { cpuSeconds } from './cpu-time.ts'
import { loads } from './loads.ts'
import { startMailTools } from './mail-tools.ts'
import type { Running } from './subject.ts'
import { rcptwise } from './subjects/rcptwise.ts'

const [messages = 2000, rounds = 8, replyMs = 0] = process.argv.slice(2).map(Number)
const main = path.join(import.meta.dirname, '..', 'src/cli/main.ts')
const endOfText = '\r\n.\r\n'

/** Answers as a server does that takes all, each reply `replyMs` after what it answers. */
function serve(socket: Socket): void {
  let held = ''
  let text: number | 'dot' | undefined
  const say = (reply: string): void => {
    if (replyMs === 0) socket.write(`${reply}\r\n`)
    else setTimeout(() => socket.write(`${reply}\r\n`), replyMs)
  }
  /** False: the rest of it is still to come. */
  const takeText = (): boolean => {
    const end = text === 'dot' ? held.indexOf(endOfText) + endOfText.length : (text ?? 0)
    if (text === 'dot' ? end < endOfText.length : held.length < end) return false
    held = held.slice(end)
    text = undefined
    say('250 2.0.0 Ok')
    return true
  }
  const takeLine = (): boolean => {
    const end = held.indexOf('\r\n')
    if (end === -1) return false
    const [verb = '', argument = ''] = held.slice(0, end).split(' ')
    held = held.slice(end + 2)
    if (verb === 'BDAT') text = Number(argument)
    else if (verb === 'DATA') text = 'dot'
    if (verb === 'EHLO') say('250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING')
    else if (verb === 'DATA') say('354 go on')
    else if (verb !== 'BDAT') say('250 2.0.0 Ok')
    return true
  }
  socket.setEncoding('latin1').on('data', (octets: string) => {
    held += octets
    while (text === undefined ? takeLine() : takeText());
  })
  socket.on('error', () => socket.destroy())
  say('220 sink.test ESMTP')
}

const sink = createServer({ noDelay: true }, serve).listen(0, '127.0.0.1')
await once(sink, 'listening')
const address = sink.address()
const sinkPort = typeof address === 'object' ? (address?.port ?? 0) : 0

interface Measured extends Running {
  readonly name: string
  readonly cpu: number[]
  readonly seconds: number[]
}

const start = async (chunking: boolean): Promise<Measured> => {
  const config = `workers: 1\n`
  const name = chunking ? 'BDAT' : 'DATA'
  const subject = rcptwise(name, [main], { config, backend: `chunking: ${chunking}` })
  return { ...(await subject.start(sinkPort)), name, cpu: [], seconds: [] }
}

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0

{
  await using tools = await startMailTools()
  const both: Measured[] = []
  try {
    for (const chunking of [true, false]) both.push(await start(chunking))
    for (const { name, options } of loads.filter((load) => ['kept', 'fresh'].includes(load.name))) {
      for (const one of both) await tools.send(one.port, messages * 3, options)
      for (let round = 0; round < rounds; round++)
        for (const one of round % 2 === 0 ? both : both.toReversed()) {
          const before = cpuSeconds(one.pid ?? 0) ?? 0
          one.seconds.push(await tools.send(one.port, messages, options))
          one.cpu.push((cpuSeconds(one.pid ?? 0) ?? 0) - before)
        }
      for (const one of both) {
        const cpu = (median(one.cpu.splice(0)) / messages) * 1e6
        const rate = messages / median(one.seconds.splice(0))
        console.log(
          `${name}, ${one.name}: ${cpu.toFixed(0)} us of processor time a message, ${rate.toFixed(0)} messages a second`,
        )
      }
    }
  } finally {
    for (const one of both) await one.stop()
  }
}
sink.close()
