/** `rcptwise audit`, and the reason that each command gives that changes something. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandLine } from '../../src/cli/program.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { leavesOf, nameOf } from './command-tree.ts'

let app: TestApp

beforeAll(async () => {
  app = await startTestApp({ recipients: 'a@example.org: strict\nb@example.org: tag-only\n' })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@x.test>')
  for (const to of ['a', 'b']) await client.ask(`RCPT TO:<${to}@example.org>`)
  client.close()
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

/** What it prints. */
async function rcptwise(...args: readonly string[]): Promise<string> {
  const { address = '', port = 0 } = app.app.admin ?? {}
  let out = ''
  const program = await commandLine()
  const own = { writeOut: (text: string) => (out += text), writeErr: () => undefined }
  for (const command of [program, ...leavesOf(program)]) command.configureOutput(own)
  await program.parseAsync([...args, '--admin', `http://${address}:${port}`], { from: 'user' })
  return out
}

/** In this order: one that undoes stands behind what it undoes. */
const changes: Readonly<Record<string, readonly string[]>> = {
  'strategy set': ['default', 'off'],
  'strategy reset': ['default'],
  'peers pin': ['x.test', 'late'],
  'peers forget': ['x.test'],
  'splits forgive': ['SPLIT'],
  drain: ['--no-wait'],
}

describe('cli.md: “strategy set and reset, peers pin and forget, splits forgive and drain take --reason TEXT, which is in the log and in the audit log.”', () => {
  test('before the first change', async () => {
    expect(await rcptwise('audit')).toBe('nobody has changed anything\n')
  })

  test('these are all that take one', async () => {
    const leaves = leavesOf(await commandLine())
    const taking = leaves.filter(({ options }) => options.some(({ long }) => long === '--reason'))
    expect(taking.map(nameOf).toSorted()).toEqual(Object.keys(changes).toSorted())
  })

  test.each(Object.entries(changes))('%s', async (name, args) => {
    const [split = ''] = /^\S{16}(?= )/m.exec(await rcptwise('splits')) ?? []
    const line = args.map((word) => (word === 'SPLIT' ? split : word))
    const reason = `ticket 4711, ${name}`
    const before = app.facts.length
    await rcptwise(...name.split(' '), ...line, '--reason', reason).catch((error: unknown) => {
      // Somebody is still waited for.
      expect(error).toMatchObject({ exitCode: 7 })
    })
    const { entries } = JSON.parse(await rcptwise('audit', '--json')) as {
      readonly entries: readonly object[]
    }
    expect(entries[0]).toMatchObject({ by: '127.0.0.1', reason })
    expect(app.facts.slice(before)).toContainEqual(expect.objectContaining({ reason }))
  })

  test('drain --undo has one as well', async () => {
    await rcptwise('drain', '--undo', '--reason', 'stays')
    expect(await rcptwise('audit', '--limit', '1')).toMatch(
      /^AGE +WHO +WHAT +OF +FROM +TO +WHY\n\S+ +127\.0\.0\.1 +\S+ .* stays *\n\.\.\. and more/,
    )
  })
})
