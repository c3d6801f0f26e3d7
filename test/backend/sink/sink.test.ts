/** The embedded backend: Maildirs that hold whole messages, and nothing else. */
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BackendTransaction, DeliveryOrder } from '../../../src/backend/backend.ts'
import { onTop } from '../../../src/message/edits.ts'
import type { TextSource } from '../../../src/message/text-source.ts'
import { Sink } from '../../../src/backend/sink/sink.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import { describeReply } from '../../../src/smtp/reply.ts'
import { SlowText } from '../backend-session.ts'
import { delivered } from '../delivered.ts'
import { wholeText } from '../whole-text.ts'
import { until } from '../../support/lab/until.ts'

let root: string
let directory: string
let facts: Fact[]
let sink: Sink
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rcptwise-sink-'))
  directory = join(root, 'mail')
  facts = []
  const onFact = (fact: Fact): void => void facts.push(fact)
  sink = new Sink({
    directory,
    url: `sink:${directory}`,
    hostname: 'mx.test',
    onFact,
    now: () => 1_700_000_000_000,
  })
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

const begin = (): BackendTransaction =>
  sink.begin('x.1', { mailReplied: () => undefined, recipientReplied: () => undefined })

const orderOf = (...recipients: readonly string[]): DeliveryOrder => ({
  mail: '<s@x> SIZE=10',
  shown: recipients.map((_, index) => index),
  parcels: [
    {
      recipients: recipients.map((argument, index) => ({ index, argument })),
      edits: [[onTop([{ name: 'X-A', value: ' b' }])]],
      redirected: false,
    },
  ],
})

async function deliver(
  order: DeliveryOrder,
  text: TextSource,
  transaction = begin(),
): Promise<string> {
  const [result] = await delivered(transaction, order, text)
  if (result === undefined) throw new Error('no result')
  return describeReply(result.reply)
}

/** Every file below the root, with what it holds. */
async function files(): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name)
      found[path.slice(root.length + 1).replace(/[^/]+$/, '*')] = await readFile(path, 'latin1')
    }
  }
  return found
}

const ok = expect.stringMatching(/^250 2\.0\.0 Ok: queued as [0-9a-f.]+$/) as string
const message = (to: string, text: string): string =>
  `Return-Path: <s@x>\r\nDelivered-To: ${to}\r\nX-A: b\r\n${text}`

describe('a message', () => {
  test('is in the Maildir of each recipient, with what the envelope said', async () => {
    expect(
      await deliver(orderOf('<A@x>', '<b@x> NOTIFY=NEVER'), wholeText('Subject: hello\r\n')),
    ).toEqual(ok)
    expect(await files()).toEqual({
      'mail/a@x/new/*': message('A@x', 'Subject: hello\r\n'),
      'mail/b@x/new/*': message('b@x', 'Subject: hello\r\n'),
    })
    const [name = ''] = await readdir(join(directory, 'a@x', 'new'))
    expect((await stat(join(directory, 'a@x', 'new', name))).mode & 0o777).toBe(0o600)
  })

  test('that comes slowly is whole for every recipient', async () => {
    const slow = new SlowText()
    const delivery = deliver(orderOf('<a@x>', '<b@x>', '<c@x>'), once(slow))
    slow.give('\r\n')
    for (let i = 0; i < 50; i++) slow.give(`${'line'.repeat(500)} ${i}\r\n`)
    slow.end('complete')
    expect(await delivery).toEqual(ok)
    const all = await files()
    const lines = Array.from({ length: 50 }, (_, i) => `${'line'.repeat(500)} ${i}\r\n`)
    const text = `\r\n${lines.join('')}`
    expect(all).toEqual({
      'mail/a@x/new/*': message('a@x', text),
      'mail/b@x/new/*': message('b@x', text),
      'mail/c@x/new/*': message('c@x', text),
    })
  })

  test('to one address twice is there twice', async () => {
    await deliver(orderOf('<a@x>', '<a@x>'), wholeText('Subject: hello\r\n'))
    expect(await readdir(join(directory, 'a@x', 'new'))).toHaveLength(2)
  })

  test('has the sender as it was, blanks included', async () => {
    await deliver({ ...orderOf('<a@x>'), mail: '<"a b"@x> BODY=8BITMIME' }, wholeText(''))
    expect(Object.values(await files())[0]).toContain('Return-Path: <"a b"@x>\r\n')
  })
})

describe('names', () => {
  test.each([
    ['<../../etc/passwd@x>', '%2E%2E%2F..%2Fetc%2Fpasswd@x'],
    ['<..@x>', '%2E%2E@x'],
    ['<.@x>', '%2E@x'],
    ['<"/"@x>', '%22%2F%22@x'],
    ['<a*b%2F@x>', 'a%2Ab%252f@x'],
    ['<\xf0\x9f\x93\xac@x>', '%F0%9F%93%AC@x'],
    ['<\xff@x>', 'unknown'],
    ['nonsense', 'nonsense'],
    ['"no address"', 'unknown'],
    ['<>', 'unknown'],
  ])('%s does not leave the directory', async (argument, folder) => {
    expect(await deliver(orderOf(argument), wholeText('Subject: hello\r\n'))).toEqual(ok)
    expect(Object.keys(await files())).toEqual([`mail/${folder}/new/*`])
  })

  test('that are too long for a file system are kept apart', async () => {
    const local = 'x'.repeat(300)
    expect(
      await deliver(orderOf(`<${local}1@x>`, `<${local}2@x>`), wholeText('Subject: hello\r\n')),
    ).toEqual(ok)
    const folders = await readdir(directory)
    expect(folders).toHaveLength(2)
    for (const folder of folders) expect(folder.length).toBeLessThanOrEqual(200)
  })
})

describe('trouble', () => {
  test('a Maildir that was removed while the program runs is made again', async () => {
    await deliver(orderOf('<a@x>'), wholeText('Subject: one\r\n'))
    await rm(directory, { recursive: true })
    expect(await deliver(orderOf('<a@x>'), wholeText('Subject: two\r\n'))).toEqual(ok)
    expect(await files()).toEqual({ 'mail/a@x/new/*': message('a@x', 'Subject: two\r\n') })
  })

  test("known-limits.md: “a sink: directory that can't be written: the sender gets 452 4.3.1, and nothing of the message is in new.”", async () => {
    await mkdir(directory)
    await writeFile(join(directory, 'b@x'), '')
    expect(await deliver(orderOf('<a@x>', '<b@x>'), wholeText('Subject: hello\r\n'))).toMatch(
      /^452 4\.3\.1 /,
    )
    expect(await files()).toEqual({ 'mail/*': '' })
    expect(facts).toContainEqual(expect.objectContaining({ kind: 'backendFailed', step: 'text' }))
  })

  test('a Maildir that something else stands in the way of: temporary trouble, nothing is left', async () => {
    await mkdir(join(directory, 'b@x', 'tmp'), { recursive: true })
    await writeFile(join(directory, 'b@x', 'cur'), '')
    await writeFile(join(directory, 'b@x', 'new'), '')
    const [result] = await delivered(begin(), orderOf('<b@x>'), wholeText('Subject: hello\r\n'))
    expect(result?.reply.code).toBe(452)
    expect(await readdir(join(directory, 'b@x', 'tmp'))).toEqual([])
  })

  test('a text that breaks off: nothing is delivered, nothing is left', async () => {
    const slow = new SlowText()
    const delivery = deliver(orderOf('<a@x>', '<b@x>'), slow)
    slow.give('half of')
    await until('the first half is there', () => slow.taken > 0)
    slow.end('failed')
    expect(await delivery).toMatch(/^452 /)
    expect(await files()).toEqual({})
  })

  test('abandoned: nothing is delivered, nothing is left', async () => {
    const slow = new SlowText()
    const transaction = begin()
    const delivery = deliver(orderOf('<a@x>'), slow, transaction)
    slow.give('all of it\r\n')
    await until('it is there', () => slow.taken > 0)
    transaction.abandon()
    slow.end('complete')
    await delivery
    expect(await files()).toEqual({})
  })

  test.runIf(canMount())(
    'a full disk: temporary trouble; what did fit is whole, and nothing else is left',
    () => {
      const script = join(import.meta.dirname, 'children', 'full-sink.ts')
      const mountAndRun =
        'mkdir -p "$0" && mount -t tmpfs -o size=1m rcptwise-test "$0" && exec "$@"'
      const { stdout, status } = spawnSync(
        'unshare',
        ['-m', 'sh', '-c', mountAndRun, directory, process.execPath, script, directory],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 15_000 },
      )
      expect(status).toBe(0)
      const { codes, sizes, tmp } = JSON.parse(stdout) as {
        codes: number[]
        sizes: number[]
        tmp: string[]
      }
      expect(new Set(codes)).toEqual(new Set([250, 452]))
      expect(sizes).toHaveLength(codes.filter((code) => code === 250).length)
      expect(new Set(sizes).size).toBe(1)
      expect(tmp).toEqual([])
    },
  )

  test('probe says what is wrong', async () => {
    expect(await sink.probe()).toBeUndefined()
    await rm(directory, { recursive: true })
    await writeFile(directory, '')
    expect(await sink.probe()).toContain(`sink:${directory}`)
    await rm(directory)
    await chmod(root, 0o755)
  })
})

/** Can be read once, as a spool that streams. */
function once(text: TextSource): TextSource {
  const chunks = text.chunks()
  return { whole: () => undefined, chunks: () => chunks }
}

function canMount(): boolean {
  return process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0
}
