/** Node programs as processes of their own: started, listened to, ended by their pid. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

export interface StartedProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** What it wrote to stderr. */
  readonly said: () => string
  /** Its first line on stdout, or an empty one when it ends before. Only for `pipe`. */
  readonly firstLine: () => Promise<string>
}

/** Runs this Node with `args`; its stdout goes to /dev/null, or to us. */
export async function startProcess(
  args: readonly string[],
  stdout: 'ignore' | 'pipe',
): Promise<StartedProcess> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', stdout, 'pipe'] })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'spawn')
  const firstLine = async (): Promise<string> => {
    let text = ''
    for await (const part of child.stdout ?? []) {
      text += String(part)
      if (text.includes('\n')) break
    }
    return text.split('\n')[0] ?? ''
  }
  return { child, pid: child.pid ?? 0, said: () => said, firstLine }
}

const politeMs = 5000

/** SIGTERM, and SIGKILL when that is not enough. */
export async function endProcess({ child }: StartedProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const late = new AbortController()
  const kill = sleep(politeMs, undefined, { signal: late.signal }).then(
    () => child.kill('SIGKILL'),
    () => false,
  )
  await gone
  late.abort()
  await kill
}
