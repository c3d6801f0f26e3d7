/** The blocks of a guide in docs/, and a Rcptwise that has the guide's own configuration. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { run, type Ran } from '../../support/lab/run.ts'

const project = path.join(import.meta.dirname, '..', '..', '..')

export interface Block {
  /** What stands behind the three backquotes; often nothing. */
  readonly language: string
  readonly text: string
}

/** The fenced blocks of a page, without the indent that a list gives them. */
export async function blocksOf(page: string): Promise<Block[]> {
  const text = await readFile(path.join(project, page), 'utf8')
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', block = '']) => ({
      language,
      text: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  )
}

/** The one block that has `words` in it. */
export async function blockWith(page: string, words: string): Promise<string> {
  const found = (await blocksOf(page)).filter(({ text }) => text.includes(words))
  if (found.length !== 1)
    throw new Error(`${page} has ${found.length} blocks with ${words}; one was expected`)
  return found[0]?.text ?? ''
}

export interface Guided extends AsyncDisposable {
  readonly port: number
  /** `rcptwise check` of the same configuration. */
  readonly check: () => Promise<Ran>
}

/**
 * Starts Rcptwise with the guide's /etc/rcptwise/config.yaml. Only ports and directories are
 * others: the backend's 10025 is `backend`, rspamd's 11333 is `rspamd`, and what the operator
 * listens on is a free port of 127.0.0.1.
 */
export async function startGuided(page: string, backend: number, rspamd?: number): Promise<Guided> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-guide-'))
  try {
    const asWritten = await blockWith(page, 'data_directory: /var/lib/rcptwise')
    const text = asWritten
      .replace('127.0.0.1:10025', `127.0.0.1:${backend}`)
      .replace('0.0.0.0:25', '127.0.0.1:0')
      .replace('127.0.0.1:11333', `127.0.0.1:${rspamd ?? 11333}`)
      .replaceAll('/var/lib/rcptwise', directory)
    for (const [was, is] of [
      ['127.0.0.1:10025', `${backend}`],
      ['0.0.0.0:25', '127.0.0.1:0'],
    ] as const) {
      if (!asWritten.includes(was) || !text.includes(is))
        throw new Error(`${page} has no ${was} in its configuration`)
    }
    const file = path.join(directory, 'config.yaml')
    await writeFile(file, `${text}\nadmin: off\ntimeouts: { shutdown: 1s }\n`)
    await writeFile(path.join(directory, 'recipients.yaml'), '"ann@example.org": strict\n')
    const loaded = loadConfig(file)
    if (!loaded.ok)
      throw new Error(
        `${page} has a configuration with mistakes: ${JSON.stringify(loaded.problems)}`,
      )
    const app = await startApp(loaded.config, { processMetrics: false })
    const { port } = app.addresses[0] ?? { port: 0 }
    const main = path.join(project, 'src', 'cli', 'main.ts')
    return {
      port,
      check: async () =>
        await run(process.execPath, [main, 'check', '--config', file], {
          env: { HOME: directory },
        }),
      [Symbol.asyncDispose]: async () => {
        await app.close()
        await rm(directory, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}
