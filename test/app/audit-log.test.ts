/** The audit log: kept over a restart, bounded, and never in the way. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { AuditLog, mostEntries } from '../../src/app/audit-log.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { everyKind } from '../metrics/sample-facts.ts'

let directory = ''
const troubles: string[] = []
const opened = (): AuditLog => new AuditLog(directory, (what) => troubles.push(what))

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-audit-'))
  troubles.length = 0
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const set = (at: number): Fact => ({
  kind: 'strategyChanged',
  at,
  peer: 'default',
  from: 'auto',
  strategy: 'off',
  until: at + 1,
  by: 'ann',
  reason: 'they asked',
  reset: false,
})

it('says who changed what, from what to what, and why, also after a restart', () => {
  opened().hear(set(1))
  const entry = {
    at: 1,
    by: 'ann',
    change: 'strategyChanged',
    of: 'default',
    from: 'auto',
    to: 'off',
    until: 2,
    reason: 'they asked',
  }
  expect(opened().latest(10)).toEqual([entry])
})

it('has each fact that somebody has caused, and no other', () => {
  const log = opened()
  for (const fact of everyKind) log.hear(fact)
  const caused = everyKind.filter((fact) => 'by' in fact && fact.kind !== 'bounce')
  expect(log.latest(100)).toHaveLength(caused.length)
})

it('keeps the latest, in memory and in its file, and gives the last one first', () => {
  const log = opened()
  const count = 2 * mostEntries + 10
  for (let at = 0; at < count; at++) log.hear(set(at))
  expect(log.latest(2).map(({ at }) => at)).toEqual([count - 1, count - 2])
  expect(log.latest(1e6)).toHaveLength(mostEntries)
  expect(readFileSync(join(directory, 'audit.jsonl'), 'utf8').split('\n').length).toBeLessThan(
    2 * mostEntries,
  )
  expect(opened().latest(1)).toEqual(log.latest(1))
})

it('goes on behind what it can not read', () => {
  writeFileSync(join(directory, 'audit.jsonl'), 'nonsense\n{"at":1}\nnull\n\u0000\n')
  const log = opened()
  expect(log.latest(10)).toEqual([])
  log.hear(set(1))
  appendFileSync(join(directory, 'audit.jsonl'), '{"at":2,"by')
  expect(opened().latest(10)).toHaveLength(1)
})

it('that can not be written is told, and changes go on', () => {
  const log = new AuditLog(join(directory, 'audit.jsonl', 'x'), (what) => troubles.push(what))
  writeFileSync(join(directory, 'audit.jsonl'), '')
  log.hear(set(1))
  expect(log.latest(10)).toHaveLength(1)
  expect(troubles[0]).toMatch(/^audit log: /)
})
