/** The npm of this host: where it is, and what it was told about where packages come from. */
import { existsSync } from 'node:fs'
import { readFile, realpath } from 'node:fs/promises'
import path from 'node:path'
import { mustRun } from '../../support/lab/run.ts'

export interface HostNpm {
  /** Its own folder, with `bin/npm-cli.js`. */
  readonly program: string
  /** An .npmrc that makes an npm elsewhere ask the same registry, and first the cache. */
  readonly settings: string
  /**
   * Certificates of those whom it trusts, where that was said. The settings expect them in
   * `/authorities.pem`.
   */
  readonly authorities: Buffer | undefined
  /** What it has fetched so far; undefined when it has nothing. */
  readonly cache: string | undefined
}

export async function hostNpm(): Promise<HostNpm> {
  const env = process.env as Record<string, string>
  const file = (await mustRun('sh', ['-c', 'command -v npm'], { env })).stdout.trim()
  const { stdout } = await mustRun(file, ['config', 'get', 'registry', 'cache', 'cafile'], { env })
  const said = new Map(
    stdout.split('\n').map((line) => [line.replace(/=.*/, ''), line.replace(/^\w*=/, '')]),
  )
  const named = [said.get('cafile'), env['NODE_EXTRA_CA_CERTS']]
  const authorities = named.find(
    (name) => name !== undefined && name !== 'null' && existsSync(name),
  )
  const cache = said.get('cache')
  const settings = [
    `registry=${said.get('registry') ?? ''}`,
    'prefer-offline=true',
    'update-notifier=false',
    ...(authorities === undefined ? [] : ['cafile=/authorities.pem']),
  ]
  return {
    program: path.dirname(path.dirname(await npmProgram(file))),
    settings: `${settings.join('\n')}\n`,
    authorities: authorities === undefined ? undefined : await readFile(authorities),
    cache: cache !== undefined && existsSync(cache) ? cache : undefined,
  }
}

/** npm-cli.js, wherever the command leads. */
async function npmProgram(command: string): Promise<string> {
  const file = await realpath(command)
  if (path.basename(file) === 'npm-cli.js') return file
  throw new Error(`${command} leads to ${file}; npm-cli.js was expected`)
}
