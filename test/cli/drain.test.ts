/** `rcptwise drain`: what it says, how it waits, and with which exit code it ends. */
import { Command, CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { register } from '../../src/cli/drain.ts'
import { heldSplit, type SampleContext, sampleContext } from '../admin/sample-context.ts'

let context: SampleContext
let admin: Admin
let url: string

beforeEach(async () => {
  context = sampleContext()
  admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
  url = `http://127.0.0.1:${admin.port}`
})
afterEach(async () => {
  process.exitCode = 0
  await admin.close()
})

const waitedFor = {
  ...heldSplit,
  startedAt: Date.now() - 3_600_000,
  lastAttemptAt: Date.now() - 600_000,
}

interface Ran {
  readonly code: number | string | undefined
  readonly out: string
  readonly err: string
}

async function drain(...args: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const program = new Command('rcptwise')
    .exitOverride()
    .configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (err += text) })
  register(program)
  process.exitCode = 0
  try {
    await program.parseAsync(['drain', '--admin', url, '--every', '1s', ...args], { from: 'user' })
    return { code: process.exitCode, out, err }
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { code: error.exitCode, out, err }
  }
}

test('nobody has a message: it ends at once, with 0', async () => {
  const { code, out } = await drain()
  expect(code).toBe(0)
  expect(out).toBe(
    'nobody has a message whose sender will offer it again (2 open splits)\nyour mail server may have its port back\n',
  )
  expect(context.asked).toEqual(['drain by 127.0.0.1'])
})

test('--no-wait says who is waited for, and how long such senders take, with exit code 7', async () => {
  context.held = [waitedFor]
  const { code, out } = await drain('--no-wait')
  expect(code).toBe(7)
  expect(out).toContain('1 message of 2 open splits: somebody has it')
  expect(out).toMatch(
    /^HAVE IT +ann@example\.org and 1 more\nWAITING +cho@example\.org\nLAST +10m\nBACK AFTER +1m to 1h$/m,
  )
})

test('it waits until the last one has been answered, and tells meanwhile', async () => {
  context.held = [waitedFor]
  const later = setTimeout(() => (context.held = []), 1500)
  const { code, out, err } = await drain()
  clearTimeout(later)
  expect(code).toBe(0)
  expect(err).toContain('ann@example.org and 1 more')
  expect(out).toContain('your mail server may have its port back')
})

test('--timeout ends the waiting, and not the draining', async () => {
  context.held = [waitedFor]
  const { code, out } = await drain('--timeout', '1s')
  expect(code).toBe(7)
  expect(out).toContain('1 message of 2 open splits')
  expect(out).not.toContain('your mail server may')
  expect((await context.drained(1)).since).toBeDefined()
})

test('--undo, and drained by somebody else: the waiting ends', async () => {
  context.held = [waitedFor]
  const waiting = drain()
  await expect.poll(() => context.asked).toContain('drain by 127.0.0.1')
  expect(await drain('--undo')).toMatchObject({ code: 0, out: 'splits are begun again\n' })
  const { code, err } = await waiting
  expect(code).toBe(1)
  expect(err).toContain('somebody has ended the draining')
})

describe('what is not certain is not done', () => {
  test.each([
    [{ durable: false }, 'the ledger is away'],
    [{ all: false }, 'more splits are open than were looked at'],
    [{ notYet: ['worker 2 does not react'] }, 'not in force yet: worker 2 does not react'],
  ])('%j', async (more, words) => {
    context.drainMore = more
    const { code, out } = await drain('--no-wait')
    expect(code).toBe(7)
    expect(out).toContain(words)
  })

  test('a ledger that is shared: it says that this is about all front-ends', async () => {
    context.drainMore = { shared: true }
    expect((await drain('--no-wait')).out).toContain('all front-ends that share the ledger')
  })
})

test('serve that is started anew meanwhile is waited for', { timeout: 20_000 }, async () => {
  context.held = [waitedFor]
  const waiting = drain()
  await expect.poll(() => context.asked).toContain('drain by 127.0.0.1')
  const { port } = admin
  await admin.close()
  await new Promise((resolve) => setTimeout(resolve, 2500))
  context.held = []
  admin = await startAdmin({ host: '127.0.0.1', port, context })
  const { code, err } = await waiting
  expect(err).toContain('asking again: ')
  expect(code).toBe(0)
})

test.each([
  [['--every', 'soon'], '--every: "soon" is not a number with s, m, h or d'],
  [['--timeout', '0'], '--timeout: "0" is not'],
])('%j is a mistake of the command line', async (args, words) => {
  const { code, err } = await drain(...args)
  expect(code).toBe(2)
  expect(err).toContain(words)
  expect(context.asked).toEqual([])
})
