/**
 * Finds whole lines of a text in which there is nothing to look at, many octets at a time:
 * plain-lines.wat says what a plain line is. It takes a fifth of the time of two native searches a
 * line (docs/decisions/0105-plain-lines-sixteen-octets-at-a-time.md). One scanner serves a process,
 * since a chunk is looked at without a pause.
 */
import { code } from './plain-lines-code.ts'

/** Node has it, and the types of the language do not. */
declare const WebAssembly: {
  readonly Module: new (code: Buffer) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

interface Scanner {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly scan: (from: number, end: number, longest: number) => number
}

/** In front of the octets, and as much behind them. */
const margin = 16
/** What is read from a socket at once is shorter. */
const largestChunk = 2 * 64 * 1024 - 2 * margin
/** The lengths of lines within sixteen octets are not looked at. */
const shortestLimit = 16

const { memory, scan } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports as Scanner
const octets = new Uint8Array(memory.buffer)

/** Whose octets are in the memory. */
let held: Buffer | undefined

interface Lines {
  /** Where the first one begins. */
  readonly from: number
  /** Where the last one has to end at the latest. */
  readonly end: number
  /** Octets of a line without its CRLF. */
  readonly longest: number
}

/** Whether the scanner has room for the chunk, and can hold the limit of its lines. */
export const canScan = (data: Buffer, longest: number): boolean =>
  data.length <= largestChunk && longest >= shortestLimit

/** Where the plain lines of `data` end; `from` itself where the first one is not plain. */
export function endOfPlainLines(data: Buffer, { from, end, longest }: Lines): number {
  if (held !== data) {
    octets.set(data, margin)
    held = data
  }
  return scan(from, Math.min(end, data.length), longest)
}

/** The octets of a chunk may change from now on, and need not be kept. */
export function forgetChunk(): void {
  held = undefined
}
