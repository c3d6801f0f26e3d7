/**
 * Two minutes of the chaos run (docs/testing.md): everything that its record can't explain is a
 * failure. What it finds is judged by the record and never by how long something took.
 *
 *     senders ─▶ rcptwise serve, killed and stopped ─▶ a mail server of the tests, killed and stopped
 *                        └─▶ SQLite, or redis-server 7.0 (Debian 12), killed and stopped
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chaosTable, runChaos, unexplained } from '../../chaos/run.ts'
import { interopObstacle } from '../../support/lab/availability.ts'

const minutes = 2
/** Another one each time: what it was is in the message. */
const seed = Math.floor(Math.random() * 1_000_000)

test.skipIf(interopObstacle() !== undefined)(
  'mail flows while everything is killed: nobody is lost, nobody has it twice, nobody is answered wrongly or never',
  { timeout: 450_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-chaos-'))
    const said: string[] = [`seed ${seed}, record in ${directory}`]
    const rounds = await runChaos({ minutes, seed, directory, say: (line) => said.push(line) })
    const told = [...said, chaosTable(rounds)].join('\n')
    expect(unexplained(rounds), told).toEqual([])
    // It was a run: mail was delivered while processes were killed.
    const sum = (name: string): number =>
      rounds.reduce((all, { figures }) => all + (figures[name] ?? 0), 0)
    expect(sum('copies'), told).toBeGreaterThan(rounds.length)
    expect(sum('blows'), told).toBeGreaterThan(rounds.length)
    await rm(directory, { recursive: true, force: true })
  },
)
