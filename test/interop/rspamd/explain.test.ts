/** `rcptwise explain` with Debian's rspamd: the score and the symbols are its own. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type Rspamd, startRspamd } from '../../support/lab/rspamd.ts'

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts')

interface Explained {
  readonly id: string
  readonly judges: readonly Readonly<Record<string, unknown>>[]
  readonly verdicts: readonly Readonly<Record<string, unknown>>[]
  readonly legacy: readonly { readonly ends: string; readonly attempts: readonly unknown[] }[]
}

describe.skipIf(interopObstacle() !== undefined)('explain with rspamd', () => {
  let rspamd: Rspamd
  let directory: string
  beforeAll(async () => {
    rspamd = await startRspamd()
    directory = await mkdtemp(join(tmpdir(), 'rcptwise-explain-'))
    await writeFile(
      join(directory, 'config.yaml'),
      `relay_domains: [example.org]
backend: { servers: ["smtp://127.0.0.1:1"] }
admin: off
trusted: []
recipients: { default: careful, sources: [{ file: recipients.yaml }] }
judges: [{ rspamd: { url: "${rspamd.url}" } }]
peers: [{ name: default, strategy: group }]
`,
    )
    await writeFile(join(directory, 'recipients.yaml'), 'bob@example.org: strict\n')
  })
  afterAll(async () => {
    await rspamd[Symbol.asyncDispose]()
    await rm(directory, { recursive: true })
  })

  async function explained(fields: string): Promise<{ code: number; out: Explained }> {
    await writeFile(join(directory, 'message.eml'), `Subject: test\n${fields}\nbody\n`)
    const args = [
      ...[main, 'explain', '--json', '--config', join(directory, 'config.yaml')],
      ...['--from', 'ann@example.net', '--to', 'ann@example.org,bob@example.org'],
      ...['--client', '192.0.2.7', '--helo', 'mx.example.net', join(directory, 'message.eml')],
    ]
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, args, (error, stdout, stderr) => {
        if (stdout === '') reject(new Error(stderr))
        else resolve({ code: Number(error?.code ?? 0), out: JSON.parse(stdout) as Explained })
      })
    })
  }

  test('its score is compared with each policy, and its log has the id that is named', async () => {
    const { code, out } = await explained('X-Test-Score: 9.2\nX-Test-Symbol: here\n')
    expect(code).toBe(0)
    expect(out.judges).toMatchObject([{ judge: 'rspamd', result: 'judged', score: 9.2 }])
    expect(out.judges[0]?.['symbols']).toEqual(
      expect.arrayContaining(['TEST_SCORE', 'TEST_SYMBOL', 'TEST_ENVELOPE']),
    )
    expect(out.verdicts).toMatchObject([
      { address: 'ann@example.org', verdict: 'tag' },
      { address: 'bob@example.org', verdict: 'reject' },
    ])
    expect(out.legacy).toMatchObject([{ ends: 'answered', attempts: [{}, {}] }])
    await expect.poll(async () => await rspamd.log()).toContain(`${out.id}.1`)
  })

  test('what it forces is told in its words', async () => {
    const { out } = await explained('X-Test-Action: soft reject\n')
    expect(out.judges).toMatchObject([{ forces: 'defer' }])
    expect(out.legacy).toMatchObject([{ ends: 'waits' }])
  })

  test('with rspamd gone the exit code is 7, and on_failure decides', async () => {
    await rspamd.kill()
    const { code, out } = await explained('X-Test-Score: 9.2\n')
    expect(code).toBe(7)
    expect(out.judges).toMatchObject([{ result: 'failed', onFailure: 'accept' }])
    await rspamd.startAgain()
  })
})
