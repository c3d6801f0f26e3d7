/**
 * What a message allocates in V8's heap: `node bench/allocations.ts [LOAD] [MESSAGES]`, such as
 * `kept 30000`.
 *
 * As many messages warm it up first. Prints octets a message by source file and by function, of
 * the main thread, whether they are still alive or not; what V8 has put into its caller counts for
 * the caller. It is a sample: what differs by less than 3 % is the same. Unlike times, these
 * figures hardly depend on what else the machine does.
 */
import { once } from 'node:events'
import path from 'node:path'
import { freePort } from '../test/support/lab/ports.ts'
import { loads } from './loads.ts'
import { startMailTools } from './mail-tools.ts'
import { rcptwise } from './subjects/rcptwise.ts'

/** HeapProfiler.SamplingHeapProfileNode of the inspector's protocol. Sizes in octets. */
interface ProfileNode {
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
  }
  readonly selfSize: number
  readonly children: readonly ProfileNode[]
}

interface Answer {
  readonly id: number
  readonly result?: { readonly profile?: { readonly head: ProfileNode } }
  readonly error?: { readonly message: string }
}

const repository = path.join(import.meta.dirname, '..')
const shown = 40
/** Octets from one sample to the next. */
const samplingInterval = 4096

/** Asks the inspector of another process, one question at a time. */
async function ask(socket: WebSocket, id: number, method: string, params = {}): Promise<Answer> {
  const answered = once(socket, 'message') as Promise<[{ readonly data: string }]>
  socket.send(JSON.stringify({ id, method, params }))
  const answer = JSON.parse((await answered)[0].data) as Answer
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
  return answer
}

async function inspectorAt(port: number): Promise<WebSocket> {
  const response = await fetch(`http://127.0.0.1:${port}/json/list`)
  const [target] = (await response.json()) as readonly { readonly webSocketDebuggerUrl: string }[]
  if (target === undefined) throw new Error('the inspector knows no target')
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await once(socket, 'open')
  return socket
}

function fileOf(url: string): string {
  if (url === '') return '(V8 itself)'
  return url.startsWith('file:') ? path.relative(repository, new URL(url).pathname) : url
}

function sizes(head: ProfileNode): Record<'files' | 'functions', ReadonlyMap<string, number>> {
  const files = new Map<string, number>()
  const functions = new Map<string, number>()
  const add = (to: Map<string, number>, key: string, size: number): void => {
    to.set(key, (to.get(key) ?? 0) + size)
  }
  const left = [head]
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    const { functionName, url, lineNumber } = node.callFrame
    const file = fileOf(url)
    add(files, file, node.selfSize)
    add(functions, `${functionName || '(anonymous)'}  ${file}:${lineNumber + 1}`, node.selfSize)
    left.push(...node.children)
  }
  return { files, functions }
}

function print(title: string, octets: ReadonlyMap<string, number>, messages: number): void {
  console.log(`\n${title}`)
  for (const [name, size] of [...octets].sort((a, b) => b[1] - a[1]).slice(0, shown))
    console.log(
      `${Math.round(size / messages)
        .toString()
        .padStart(8)}  ${name}`,
    )
}

const [name = 'kept', count = '30000'] = process.argv.slice(2)
const messages = Number(count)
const load = loads.find((candidate) => candidate.name === name)
if (load === undefined)
  throw new Error(`"${name}" is none of ${loads.map((known) => known.name).join(', ')}`)
let head: ProfileNode | undefined
{
  await using tools = await startMailTools()
  const port = await freePort()
  const program = [`--inspect=127.0.0.1:${port}`, path.join(repository, 'src/cli/main.ts')]
  const running = await rcptwise('rcptwise', program, { config: 'workers: 1' }).start(
    tools.sinkPort,
  )
  try {
    await tools.send(running.port, messages, load.options)
    const inspector = await inspectorAt(port)
    await ask(inspector, 1, 'HeapProfiler.startSampling', {
      samplingInterval,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
    await tools.send(running.port, messages, load.options)
    head = (await ask(inspector, 2, 'HeapProfiler.stopSampling')).result?.profile?.head
    inspector.close()
  } finally {
    await running.stop()
  }
}
if (head === undefined) throw new Error('the inspector gave no profile')
const { files, functions } = sizes(head)
const all = [...files.values()].reduce((a, b) => a + b, 0)
console.log(`${load.title}: ${Math.round(all / messages)} octets a message`)
print('octets a message, by file', files, messages)
print('octets a message, by function', functions, messages)
