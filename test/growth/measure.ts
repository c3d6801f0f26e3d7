/**
 * A thread that measures what each reader costs: the test that started it ends it when it does not
 * go on.
 */
import { parentPort } from 'node:worker_threads'
import { toOctets } from '../../src/smtp/octets.ts'
import { readers } from './readers.ts'

/** What is repeated. */
const pumps = [
  ...[
    ' ',
    '\t',
    '<',
    '>',
    '"',
    '\\',
    '\\"',
    ',',
    ':',
    ';',
    '.',
    '-',
    '=',
    '+',
    '+2B',
    '0',
    'a',
    '%',
    '!',
    '(',
    '[',
    ']',
    '{',
    '*',
    '#',
    "'",
  ],
  ...[
    '@',
    '@a,',
    'a.',
    'a@',
    '::',
    '1.',
    ':0',
    '\r',
    '\n',
    '\r\n',
    '\r\n ',
    '\r\n.',
    '.\r\n',
    '\0',
    '\xff',
    '\xc3\xb6',
    '--',
    '\r\n--',
    '&a ',
    '*a,',
  ],
  ...[
    '250-a\r\n',
    'a: b\r\n',
    'Received: x\r\n',
    'score=',
    'NOTIFY=SUCCESS ',
    'A=1 ',
    ',SUCCESS',
    '=\r\n',
    'xn--',
    '\\x{41}',
    '- ',
    '? ',
    '? - ',
    '[{',
    '{a: ',
    '- [\n',
    'a: 1\n',
    '-bounces',
  ],
]
/** Behind them: what lets a pattern fail at the very end, or fit. */
const afters = ['', '>\0']

const factor = 8
/** Below this many ms of processor time a cost says nothing about its growth. */
const floorMs = 50
/** Linear is `factor`; a quadratic cost grows by its square, 64. */
const mostGrowth = 3 * factor

/** Of this thread alone, so that it does not matter what else the machine does. */
const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function costOf(read: (text: string) => unknown, text: string): number {
  const before = cpuMs()
  read(text)
  return cpuMs() - before
}

/** Flat, as it comes from a socket. */
const flat = (text: string): string => toOctets(text).toString('latin1')

for (const [name, reader] of Object.entries(readers)) {
  if (reader === undefined) throw new Error(`${name} is no reader`)
  const lengths = [reader.longest / factor, reader.longest]
  for (const before of reader.before) {
    for (const pump of pumps) {
      for (const after of reader.ends ? afters : ['']) {
        const what = `${name}: ${JSON.stringify(before)} + ${JSON.stringify(pump)} repeated + ${JSON.stringify(after)}`
        parentPort?.postMessage({ kind: 'reading', what })
        let last: number | undefined
        for (const length of lengths) {
          const text = flat(before + pump.repeat(Math.ceil(length / pump.length)) + after)
          let cost = costOf(reader.read, text)
          // Once more, for what was compiled or collected meanwhile.
          if (cost > floorMs && cost > mostGrowth * (last ?? 0))
            cost = Math.min(cost, costOf(reader.read, text))
          if (last !== undefined && cost > floorMs && cost > mostGrowth * last)
            parentPort?.postMessage({ kind: 'grows', what, length, cost, last })
          last = Math.max(cost, 1)
        }
      }
    }
  }
}
parentPort?.postMessage({ kind: 'done' })
