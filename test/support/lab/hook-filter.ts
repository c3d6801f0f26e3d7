/** The example filter of docs/judges.md, word for word but for its port, as a program of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'
import { until } from './until.ts'

const host = '127.0.0.1'
const page = join(import.meta.dirname, '..', '..', '..', 'docs', 'judges.md')

/** Its lines. */
export const filterText = async (): Promise<string> =>
  /^```js\n([\s\S]*?)^```$/m.exec(await readFile(page, 'utf8'))?.[1] ?? ''

export interface Filter extends AsyncDisposable {
  readonly url: string
}

export async function startFilter(): Promise<Filter> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-hook-'))
  const port = await freePort()
  const text = await filterText()
  const file = join(directory, 'filter.mjs')
  await writeFile(file, text.replace('8025', String(port)))
  const filter = spawn(process.execPath, [file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const url = `http://${host}:${port}/`
  await until('the filter listens', async () => {
    const answer = await fetch(url, {
      method: 'POST',
      body: '{"envelope":{"to":[]}}',
    }).catch(() => undefined)
    return answer !== undefined
  })
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      filter.kill()
      if (filter.exitCode === null && filter.signalCode === null) await once(filter, 'exit')
      await rm(directory, { recursive: true })
    },
  }
}
