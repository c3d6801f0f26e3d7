/** The files of a source that are read once: passwords, tokens, certificates of authorities. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { policyService } from '../policy/http/policy-service.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { sendScored } from '../support/scored-message.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-source-files-'))
})
afterEach(async () => await rm(directory, { recursive: true }))

async function reload(app: TestApp): Promise<void> {
  const loaded = loadConfig(join(app.directory, 'config.yaml'))
  if (!loaded.ok) throw new Error('the configuration is wrong')
  await app.app.reload(loaded.config)
}

test("recipients.md: “If one of them has changed, it opens the source anew then.” “If it can't read one of them at SIGHUP, it keeps the old configuration.”", async () => {
  const token = join(directory, 'token')
  await writeFile(token, 'first\n')
  await using service = await policyService({ entries: { 'ann@example.org': 'strict' } })
  await using app = await startTestApp({
    config: `
recipients:
  sources: [{ http: { url: "${service.server.url}", token_file: ${token}, keep: 0s } }]
`,
  })
  const lastToken = async (): Promise<string | undefined> => {
    expect(await sendScored(app, 9, 'ann@example.org')).toEqual(['550'])
    return service.fields.at(-1)?.authorization
  }
  expect(await lastToken()).toBe('Bearer first')
  await writeFile(token, 'second\n')
  expect(await lastToken()).toBe('Bearer first')
  await reload(app)
  expect(await lastToken()).toBe('Bearer second')
  const before = service.connections()
  await reload(app)
  await lastToken()
  expect(service.connections()).toBe(before)
  await rm(token)
  await expect(reload(app)).rejects.toThrow(/token/)
  expect(await lastToken()).toBe('Bearer second')
})
