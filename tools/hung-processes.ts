/**
 * What processes that make no progress are doing, from the diagnostic reports of Node: their
 * stacks, and what they wait for.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** What is read of a report (nodejs.org/api/report.html). */
interface Report {
  readonly header: { readonly processId: number; readonly threadId?: number }
  readonly javascriptStack?: { readonly message?: string; readonly stack?: readonly string[] }
  readonly libuv: readonly Handle[]
  readonly workers?: readonly Report[]
}

interface Handle {
  readonly type: string
  readonly is_active?: boolean
  readonly is_referenced?: boolean
  readonly [detail: string]: unknown
}

/** A process writes its report soon, or is stuck outside of JavaScript. */
const reportWithinMs = 10_000

/** This process and its threads. */
export function describeThisProcess(): string {
  return describe(process.report.getReport() as unknown as Report)
}

/**
 * The children of this process, which write a report into the directory at SIGUSR2
 * (vitest.config.ts), and their ids.
 */
export async function describeChildren(
  directory: string,
): Promise<{ readonly pids: number[]; readonly text: string }> {
  const pids = await childrenOf(process.pid)
  for (const pid of pids) signal(pid, 'SIGUSR2')
  const texts: string[] = []
  const end = performance.now() + reportWithinMs
  while (texts.length < pids.length && performance.now() < end) {
    await pause(500)
    const names = (await readdir(directory)).filter(
      (name) => name.endsWith('.json') && name.startsWith('report.'),
    )
    texts.length = 0
    for (const name of names) {
      const text = await readFile(path.join(directory, name), 'utf8')
      // One that is being written still is read next time.
      if (text.trimEnd().endsWith('}')) texts.push(describe(JSON.parse(text) as Report))
    }
  }
  return { pids, text: texts.join('\n') }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself in between.
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = threads.map(
    async (thread) =>
      await readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => ''),
  )
  return (await Promise.all(lists)).flatMap((list) =>
    list
      .split(' ')
      .filter((one) => one !== '')
      .map(Number),
  )
}

function describe({ header, javascriptStack, libuv, workers = [] }: Report): string {
  const thread =
    header.threadId === undefined || header.threadId === 0 ? '' : `, thread ${header.threadId}`
  const stack = (javascriptStack?.stack ?? []).map((line) => `  ${line.trim()}`)
  const waits = libuv
    .filter((handle) => handle.is_active === true && handle.is_referenced === true)
    .map(inWords)
  return [
    `process ${header.processId}${thread}: ${javascriptStack?.message ?? 'no stack'}`,
    ...stack,
    ...(waits.length === 0 ? [] : [`  waits for: ${[...new Set(waits)].join('; ')}`]),
    ...workers.map(describe),
  ].join('\n')
}

/** The kind of a handle, and what tells it from others of its kind. */
function inWords(handle: Handle): string {
  const details = [
    'localEndpoint',
    'remoteEndpoint',
    'pid',
    'filename',
    'firesInMsFromNow',
  ].flatMap((name) => {
    const detail = handle[name]
    if (detail === undefined || detail === null) return []
    const { host, port } = detail as { host?: string; port?: number }
    return port === undefined
      ? [`${name} ${JSON.stringify(detail)}`]
      : [`${name} ${host ?? ''}:${port}`]
  })
  return [handle.type, ...details].join(' ')
}
