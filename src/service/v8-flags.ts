/**
 * What V8 is told in processes that take mail: how it compiles, and what makes it collect garbage.
 * Nothing but time and memory depends on it.
 */
import { setFlagsFromString } from 'node:v8'

/** Each with what V8 has unless it is told. */
const usualOf: ReadonlyMap<string, string> = new Map([
  // A message passes through many small functions, and V8 stops putting them into each other before
  // it is through with them. Octets of bytecode of one function that may be inlined, and of all in
  // one: docs/decisions/0017-company-for-writes-and-counts.md.
  ['--max-inlined-bytecode-size=1000', '--max-inlined-bytecode-size=460'],
  ['--max-inlined-bytecode-size-cumulative=3000', '--max-inlined-bytecode-size-cumulative=920'],
  // V8 counts read buffers apart from its own objects, and marks all that is alive after 15 MiB of
  // them, although a collection of young objects would free them. With these it waits for that:
  // docs/decisions/0103-no-full-collection-for-read-buffers.md. Up to a young generation of buffers
  // is in memory then, so it is half as large as usual (MiB of one of its halves, 16 unless set).
  ['--external-memory-accounted-in-global-limit', '--no-external-memory-accounted-in-global-limit'],
  ['--initial-old-space-size=128', '--initial-old-space-size=0'],
  ['--max-semi-space-size=8', '--max-semi-space-size=0'],
])

const options = [...usualOf.keys()]

/** Node ends where its V8 does not know an option that it is started with. */
const known = process.versions.v8.startsWith('13.6.')

/** Options for Node in front of a program that takes mail, with those that this process has. */
export function optionsOfNode(own: readonly string[] = process.execArgv): string[] {
  return known ? [...own, ...options.filter((option) => !own.includes(option))] : [...own]
}

/**
 * Begins this process anew with the options that it was started without: it keeps its id, its
 * environment and its standard descriptors. To be called before anything is opened. Node lets go of
 * all other descriptors, so a process that was given sockets (sd_listen_fds(3)) or that its parent
 * talks to by Node's channel stays as it is.
 */
export function beginWithOptions(): void {
  const { argv, env, execArgv, execPath } = process
  const wanted = optionsOfNode()
  if (wanted.length === execArgv.length) return
  if (process.connected || env['LISTEN_FDS'] !== undefined) return
  process.execve?.(execPath, [execPath, ...wanted, ...argv.slice(1)], env)
}

/** Those that this process was begun with. */
const inForce = (): readonly string[] =>
  known ? options.filter((option) => process.execArgv.includes(option)) : []

/**
 * V8 takes Node's own modules as they were compiled when Node was built only while its options are
 * those of that day; else it compiles them anew, for each thread too. So the options are set aside
 * for the time of the start. This process's memory stays as it was laid out in the beginning
 * (docs/decisions/0140-what-loading-costs.md).
 */
export function setOptionsAside(): void {
  for (const option of inForce()) setFlagsFromString(usualOf.get(option) ?? option)
}

/** When mail is taken. */
export function setOptionsBack(): void {
  for (const option of inForce()) setFlagsFromString(option)
}
