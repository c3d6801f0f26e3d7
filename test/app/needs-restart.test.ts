/** Which keys of a changed configuration are named as those that need a restart. */
import { expect, test } from 'vitest'
import { needsRestart } from '../../src/app/needs-restart.ts'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'

const token = { name: 'ann', role: 'operate', token: 'x' }

function configOf(yaml: string): Config {
  const base = 'backend: { servers: ["sink:/tmp/mail"] }\nrelay_domains: [example.org]\n'
  const loaded = parseConfig(`${base}${yaml}\n`, '/etc/rcptwise/config.yaml')
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}

test.each([
  ['nothing', '', '', []],
  ['what is used at once', '', 'hostname: mx2.test', []],
  ['how long splits are waited for', '', 'ledger: { patience: 2d }', []],
  ['how long closed splits are kept', 'ledger: { keep: 1d }', 'ledger: { keep: 2d }', []],
  ['where the ledger is', 'ledger: one.db', 'ledger: { path: two.db, keep: 2d }', ['ledger']],
  ['the bound of the ledger', '', 'ledger: { max_splits: 1000000 }', ['ledger']],
  ['the history', '', 'history: off', ['history']],
  ['how many workers', 'workers: 1', 'workers: 2', ['workers']],
  ['the user', '', 'run_as: { user: nobody }', ['run_as']],
  ['no user any more', 'run_as: { user: nobody }', '', ['run_as']],
  ['the address of the admin API', 'admin: 127.0.0.1:1', 'admin: 127.0.0.1:2', ['admin']],
  ['the admin API itself', '', 'admin: 127.0.0.1:2', ['admin']],
  [
    'all of them',
    '',
    'ledger: two.db\nhistory: off\nadmin: 127.0.0.1:2\nworkers: 7',
    ['ledger', 'history', 'admin', 'workers'],
  ],
] as const)('%s', (_, before, after, keys) => {
  const [inForce, wanted] = [configOf(before), configOf(after)]
  const first = needsRestart(inForce, wanted)
  expect(first.keys).toEqual(keys)
  // What was named stays as it was, and is named again as long as the file says so.
  expect(needsRestart(first.config, wanted).keys).toEqual(keys)
  expect(needsRestart(first.config, inForce).keys).toEqual([])
})

test('other tokens need no restart, but to have some at last does', () => {
  const withTokens = (...names: readonly string[]): Config => {
    const config = configOf('admin: 127.0.0.1:1')
    const { admin } = config
    if (admin === undefined) throw new Error('no admin API')
    const tokens = names.map((name) => ({ ...token, name })) as unknown as typeof admin.tokens
    return { ...config, admin: { ...admin, tokens } }
  }
  expect(needsRestart(withTokens('ann'), withTokens('ann', 'bob')).keys).toEqual([])
  expect(needsRestart(withTokens(), withTokens('ann')).keys).toEqual(['admin'])
  expect(needsRestart(withTokens('ann'), withTokens()).keys).toEqual(['admin'])
})
