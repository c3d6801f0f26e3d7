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
import { commandLine } from '../test/support/command-line.ts'
import { measureJudged, mostBeside } from './judged-at-once.ts'

const options = commandLine({ messages: 100, mebibytes: 50, memory: 64 })
const spoolMemory = options.memory
const { before, most, refused, seconds } = await measureJudged({
  messages: options.messages,
  mebibytes: options.mebibytes,
  spoolMemory,
})
const grown = most - before
console.log(
  [
    `${options.messages} messages of ${options.mebibytes} MiB judged at once in ${seconds.toFixed(0)} s, ${refused} refused in the words of the judge`,
    `${before} MiB before, ${most} MiB at most: ${grown} MiB more, with spool.total_memory: ${spoolMemory} MiB`,
  ].join('\n'),
)
if (refused !== options.messages || grown > spoolMemory + mostBeside) process.exitCode = 1
