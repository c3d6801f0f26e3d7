/**
 * Ten questions that users ask an administrator, each answered by one command. What the page shows
 * is what these commands have printed here; the times and the ids of a run are other ones.
 *
 *   Postfix, clients ─▶ Rcptwise ─▶ Postfix ─(LMTP)▶ Dovecot
 *                          └─(HTTP)▶ rspamd
 *
 * Who has a message by what they say is compared with the mailboxes of Dovecot.
 *
 * `UPDATE_WHY=1` writes the page anew.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { endings } from '../../../src/cli/endings.ts'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type Dovecot, startDovecot } from '../../support/lab/dovecot.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, recipients } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { startRspamd } from '../../support/lab/rspamd.ts'
import { until } from '../../support/lab/until.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const page = join(root, 'docs', 'why.md')
const [strict, careful, tagOnly] = [
  'strict1@example.org',
  'careful1@example.org',
  'tag1@example.org',
] as const

const run = promisify(execFile)

async function why(rcptwise: FrontEnd, args: readonly string[]): Promise<string> {
  const program = join(root, 'src', 'cli', 'main.ts')
  const words = [program, 'why', ...args, '--server', rcptwise.adminUrl]
  try {
    return (await run(process.execPath, words)).stdout.trimEnd()
  } catch (error) {
    const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: string }
    if (code === endings.nothing.code) return stdout?.trimEnd() ?? ''
    throw error
  }
}

interface Sent {
  readonly from: string
  readonly to: readonly string[]
  readonly id: string
  readonly score: number
}

/** A client without PRDR that sends it once. */
async function send(rcptwise: FrontEnd, { from, to, id, score }: Sent): Promise<void> {
  const client = await Client.connect(rcptwise.port)
  try {
    await client.reply()
    await client.ask('EHLO mail.shop.example')
    await client.ask(`MAIL FROM:<${from}>`)
    for (const address of to) await client.ask(`RCPT TO:<${address}>`)
    const begun = await client.ask('DATA')
    if (begun.startsWith('354'))
      await client.ask(
        `Message-ID: ${id}\r\nSubject: test\r\nX-Test-Score: ${score}\r\n\r\nbody\r\n.`,
      )
    await client.ask('QUIT')
  } finally {
    client.close()
  }
}

/** The lines of an answer, each once and without what is of one run: also how often Postfix came. */
const linesOf = (text: string): readonly string[] => [
  ...new Set(
    text
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, 'TIME')
      .replaceAll(/\(\d+[smhd](?: \d\d[smh])? ago\)/g, '(AGO)')
      .replaceAll(/, \d+[smhd](?: \d\d[smh])? after (?:the first one|it was first offered)/g, '')
      .replaceAll(/\bAttempt \d+\b/g, 'Attempt')
      .replaceAll(/\b\d+ attempts?\b/g, 'attempts')
      .replaceAll(/\b[a-z2-7]{16}\.\d+(?:, )?/g, 'ID')
      .replaceAll(/(?:ID)+/g, 'ID')
      .replaceAll(/split [a-z2-7]{16}/g, 'split ID')
      .replaceAll(/\b[0-9A-F]{8,14}\b/g, 'QUEUE')
      .replaceAll(/[a-z0-9]+@lab\.test/g, 'MESSAGE')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
      .split('\n'),
  ),
]

const messageName = /^Message <(\S+)> from /
const whoHasIt = /^ {4}(\S+) (has it since|has not got it)/

/** Of an answer: each recipient of each message that has a name, and whether they have it. */
function toldOf(answer: string): readonly { id: string; address: string; has: boolean }[] {
  let id: string | undefined
  return answer.split('\n').flatMap((line) => {
    id = messageName.exec(line)?.[1] ?? id
    const [, address, what] = whoHasIt.exec(line) ?? []
    return id === undefined || address === undefined
      ? []
      : [{ id, address, has: what === 'has it since' }]
  })
}

/** How often the message is in the mailbox. */
async function copies(dovecot: Dovecot, address: string, id: string): Promise<number> {
  const messages = await dovecot.mailbox(address)
  return messages.filter((message) => message.includes(`Message-ID: <${id}>`)).length
}

/** Which command a block shows, and what it prints. */
const blocks = /```console\n\$ (rcptwise why [^\n]*)\n([^]*?)\n```/g

describe.skipIf(interopObstacle() !== undefined)('why', () => {
  test(
    'why.md: “Each of the answers below is from a real run” “Each is one command, and each was answered within a few seconds, the start of the command included.”',
    { timeout: 180_000 },
    async () => {
      await using rspamd = await startRspamd()
      await using dovecot = await startDovecot({ mailboxes })
      await using backend = await startPostfix({
        server: { mailboxes },
        main: [`virtual_transport = lmtp:inet:127.0.0.1:${dovecot.port}`],
      })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        config: {
          judges: [{ rspamd: { url: rspamd.url } }],
          peers: [
            { name: 'lists', match: { sender_domain: ['list.example'] }, strategy: 'group' },
            { name: 'default', strategy: 'late' },
          ],
        },
      })
      await using postfix = await startPostfix({
        relayTo: { host: '127.0.0.1', port: rcptwise.port },
      })
      const ended = (count: number) => async (): Promise<boolean> =>
        await Promise.resolve(rcptwise.transactions().length >= count)

      // The colleague has it; it came later; the sender says that it was refused.
      await postfix.submit({
        from: 'shop@client.test',
        to: [tagOnly, strict],
        headers: ['X-Test-Score: 9.5'],
      })
      await postfix.submit({ from: 'choir@list.example', to: [strict, careful] })
      await until(
        'the sender is through with them',
        async () => (await postfix.queue()).length === 0,
        { explain: rcptwise.log },
      )
      const before = rcptwise.transactions().length
      await send(rcptwise, {
        from: 'news@shop.example',
        to: [careful],
        id: '<news-1@shop.example>',
        score: 20,
      })
      await send(rcptwise, {
        from: 'ann@shop.example',
        to: ['nobody@example.org'],
        id: '<hi@shop.example>',
        score: 0,
      })
      await send(rcptwise, {
        from: 'ann@shop.example',
        to: [careful],
        id: '<offer@shop.example>',
        score: 7,
      })
      await send(rcptwise, {
        from: 'bob@shop.example',
        to: [tagOnly, strict],
        id: '<plan@shop.example>',
        score: 9.5,
      })
      await send(rcptwise, {
        from: 'eve@shop.example',
        to: [tagOnly, careful, strict],
        id: '<party@shop.example>',
        score: 1,
      })
      await until('all are over', ended(before + 5), { explain: rcptwise.log })
      const queueId = rcptwise
        .transactions()
        .flatMap((one) =>
          one.deliveries.map((each) => ({ id: one.messageId, queueId: each.queueId })),
        )
        .find(({ id }) => id === '<offer@shop.example>')?.queueId
      expect(queueId).toBeDefined()
      await backend.empty()
      // Your server is away.
      await backend.kill()
      await send(rcptwise, {
        from: 'sue@shop.example',
        to: [careful],
        id: '<late@shop.example>',
        score: 0,
      })
      await until('the last one is over', ended(before + 6), { explain: rcptwise.log })

      const commands: readonly (readonly string[])[] = [
        [strict, '--from', 'shop@client.test'],
        ['--message-id', 'party@shop.example'],
        [strict, '--from', 'choir@list.example'],
        [careful, '--from', 'news@shop.example'],
        ['nobody@example.org'],
        [careful, '--from', 'ann@shop.example'],
        ['--queue-id', queueId ?? ''],
        [strict, '--from', 'bob@shop.example'],
        ['sue@shop.example', '--since', '1h'],
        [careful, '--from', 'boss@elsewhere.example'],
      ]
      const answers: string[] = []
      const seconds: string[] = []
      for (const args of commands) {
        const began = performance.now()
        answers.push(await why(rcptwise, args))
        const ms = performance.now() - began
        seconds.push(`${ms.toFixed(0).padStart(6)} ms  why ${args.join(' ')}`)
        expect(ms).toBeLessThan(30_000)
      }
      process.stdout.write(`${seconds.join('\n')}\n`)

      const told = answers.flatMap(toldOf)
      expect(told.filter(({ has }) => has).length).toBeGreaterThan(5)
      expect(told.filter(({ has }) => !has).length).toBeGreaterThan(2)
      for (const { id, address, has } of told)
        expect([id, address, await copies(dovecot, address, id)]).toEqual([
          id,
          address,
          has ? 1 : 0,
        ])

      let text = readFileSync(page, 'utf8')
      const shown = [...text.matchAll(blocks)]
      expect(shown).toHaveLength(commands.length)
      if (process.env['UPDATE_WHY'] !== undefined) {
        let n = 0
        text = text.replaceAll(blocks, () => {
          const i = n++
          return `\`\`\`console\n$ rcptwise why ${(commands[i] ?? []).join(' ')}\n${answers[i] ?? ''}\n\`\`\``
        })
        writeFileSync(page, text)
      }
      const said = [...text.matchAll(blocks)].map(([, command = '', output = '']) =>
        linesOf(`${command}\n${output}`),
      )
      expect(said).toEqual(
        commands.map((args, i) => linesOf(`rcptwise why ${args.join(' ')}\n${answers[i] ?? ''}`)),
      )
    },
  )
})
