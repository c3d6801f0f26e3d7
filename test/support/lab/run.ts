/** Runs a program to its end and keeps what it said. */
import { spawn } from 'node:child_process'

export interface Ran {
  /** Exit code; 128 + n when signal n ended it, as a shell counts. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Both, in the order they came. */
  readonly transcript: string
}

export interface RunOptions {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
  /** Then the program is killed and the call rejects. Default 60 s. */
  readonly limitMs?: number
}

/**
 * Runs `program` with `args` in a small, fixed environment. Rejects only when it can't be started
 * or does not end in time; a bad exit code is an answer.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const { input, env = {}, limitMs = 60_000 } = options
  return await new Promise<Ran>((resolve, reject) => {
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    const child = spawn(program, args, { env: { PATH: path, LC_ALL: 'C', ...env }, stdio: 'pipe' })
    let [stdout, stderr, transcript] = ['', '', '']
    const limit = setTimeout(() => {
      child.kill('SIGKILL')
      reject(
        new Error(
          `${program} ${args.join(' ')} did not end within ${limitMs} ms; it said:\n${transcript}`,
        ),
      )
    }, limitMs)
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      stdout += text
      transcript += text
    })
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      stderr += text
      transcript += text
    })
    // A program that ends before it has read everything is not our failure: its exit code says what
    // happened.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? '')
    child.on('error', (error) => {
      clearTimeout(limit)
      reject(error)
    })
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 143), stdout, stderr, transcript })
    })
  })
}

/** Like `run`, for a program whose failure nobody can go on from: rejects with what it said. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const ran = await run(program, args, options)
  if (ran.code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${ran.code}:\n${ran.transcript}`)
  return ran
}
