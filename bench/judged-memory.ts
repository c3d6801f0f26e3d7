/**
 * How much memory large messages take that rspamd judges at one time:
 *
 *     node bench/judged-memory.ts [--messages 100] [--mebibytes 50] [--memory 64]
 *
 * `serve` runs as a process of its own with one worker, and asks a rspamd in this process, which
 * answers nobody until it has the last octet of all texts: so all of them are judged at once, and
 * refused. The spool keeps them in memory up to `--memory` MiB, and on disk. Everything stays on
 * loopback. Ends with 1 when the process has taken more than the spool's memory and a constant.
 */
import { parseArgs } from 'node:util'
import { measureJudged, mostBeside } from './judged-at-once.ts'

const { values: options } = parseArgs({
  options: {
    messages: { type: 'string', default: '100' },
    mebibytes: { type: 'string', default: '50' },
    memory: { type: 'string', default: '64' },
  },
})
const spoolMemory = Number(options.memory)
const { before, most, refused, seconds } = await measureJudged({
  messages: Number(options.messages),
  mebibytes: Number(options.mebibytes),
  spoolMemory,
})
const grown = most - before
console.log(
  [
    `${options.messages} messages of ${options.mebibytes} MiB judged at once in ${seconds.toFixed(0)} s, ${refused} refused in the words of the judge`,
    `${before} MiB before, ${most} MiB at most: ${grown} MiB more, with spool.total_memory: ${spoolMemory} MiB`,
  ].join('\n'),
)
if (refused !== Number(options.messages) || grown > spoolMemory + mostBeside) process.exitCode = 1
