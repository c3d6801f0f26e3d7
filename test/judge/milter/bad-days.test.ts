/** The judge against filters on a bad day: each has a named outcome, and words for the log. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { JudgeChain } from '../../../src/judge/chain.ts'
import type { Judge } from '../../../src/judge/judge.ts'
import { milterJudge } from '../../../src/judge/milter/milter.ts'
import type { TextSource } from '../../../src/message/text-source.ts'
import type { Judgement } from '../../../src/verdict/judgement.ts'
import { envelope as one } from '../envelope.ts'
import { scannedText } from '../scripted-server.ts'
import { textOf } from '../texts.ts'
import { agrees, frame, goOn, numbered } from './frames.ts'
import { type Says, saying, scriptedMilter, type ScriptedMilter } from './scripted-milter.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const envelope = {
  ...one,
  recipients: ['ann@example.org', 'Bob@example.org', 'cid@example.org'].map((address, index) => ({
    index,
    address,
    group: 'a',
  })),
}
const small = textOf([Buffer.from('Subject: hello\r\n\r\nbody\r\n')])
const silent: Judgement = { kind: 'silent' }

interface Opened {
  readonly judge: Judge
  readonly leftOut: string[]
}

function open(...servers: readonly { readonly host: string; readonly port: number }[]): Opened {
  const leftOut: string[] = []
  const judge = milterJudge({
    name: 'milter',
    servers,
    software: 'Rcptwise 0',
    maxSizeBytes: 10_000_000,
    atATime: 10,
    answerLimitBytes: 2_000_000,
    connectTimeoutMs: 5000,
    now: () => 0,
    onChange: () => undefined,
    onLeftOut: (_, what) => leftOut.push(what),
  })
  ends.push(async () => await judge.close())
  return { judge, leftOut }
}

const filter = async (says: Says): Promise<ScriptedMilter> => await scriptedMilter(says, { ends })

async function judged(
  judge: Judge,
  text: TextSource = small,
  signal = AbortSignal.timeout(60_000),
): Promise<Judgement> {
  const judging = judge.message(envelope)
  if (judging.way !== 'reads') throw new Error('it looks on')
  return await judging.judge(text, signal)
}

const failed = (why: RegExp): unknown => ({
  kind: 'failed',
  why: expect.stringMatching(why) as unknown,
})

describe('a bad day has a name', () => {
  const at =
    (code: string, act: Says): Says =>
    (heard, socket) =>
      heard.code === code ? act(heard, socket) : saying({})(heard, socket)
  const closes: Says = (_, socket) => void socket.end()
  const resets: Says = (_, socket) => void socket.resetAndDestroy()

  it.each<[string, Says, RegExp]>([
    ['hangs up on every offer', at('O', closes), /when Rcptwise negotiates/],
    ['resets the connection at once', at('O', resets), /ECONNRESET/],
    ['hangs up at a recipient', at('R', closes), /before it has answered|EPIPE|ECONNRESET/],
    ['resets in the middle of the text', at('B', resets), /ECONNRESET|EPIPE|before it has/],
    ['answers garbage', at('H', () => Buffer.from('\xff\xff\xff\xffgarbage', 'latin1')), /1048576/],
    ['answers half a frame', at('E', (_, to) => void to.end('\0\0\0\x20half')), /before it has/],
    ['answers half a reply', at('E', () => frame('h', 'X-A\0')), /half an answer/],
    ['says what no milter does', at('M', () => frame('z')), /no milter does/],
    ['changes a text that it has not seen', at('M', () => frame('h', 'A\0b\0')), /not seen/],
    ['answers with words that are no reply', at('M', () => frame('y', 'no!\0')), /no reply/],
    [
      'sends a frame of 2 GiB',
      at('E', () => Buffer.from('7fffffff62', 'hex')),
      /more than 1048576/,
    ],
    [
      'says far too much',
      at('E', () =>
        Buffer.concat(Array.from({ length: 60 }, () => frame('b', 'x'.repeat(60_000)))),
      ),
      /more than 2000000 octets/,
    ],
    [
      'is a web server',
      at('O', (_, to) => void to.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      /speaks HTTP/,
    ],
    ['is clamd', at('O', (_, to) => void to.end('UNKNOWN COMMAND\n')), /it is clamd/],
  ])('a filter that %s', async (_name, says, why) => {
    const { judge } = open(await filter(says))
    expect(await judged(judge)).toEqual(failed(why))
  })

  it('a filter that dies in the middle of a large text', async () => {
    let bodies = 0
    const server = await filter(
      at('B', (_, socket) => (++bodies === 20 ? void socket.destroy() : goOn)),
    )
    const { text } = scannedText(5_000_000)
    expect(await judged(open(server).judge, text)).toEqual(
      failed(/before it has answered|EPIPE|ECONNRESET/),
    )
  })

  it('a filter that dies where it gives no answers', async () => {
    let bodies = 0
    const says: Says = (heard, socket) => {
      if (heard.code === 'O') return agrees(0x8_0000)
      if (heard.code === 'B') return ++bodies === 20 ? void socket.destroy() : undefined
      return saying({})(heard, socket)
    }
    const { text } = scannedText(9_000_000)
    expect(await judged(open(await filter(says)).judge, text)).toEqual(
      failed(/before it has answered|EPIPE|ECONNRESET/),
    )
  })

  it.each<[string, Says]>([
    ['says nothing', () => undefined],
    ['reads nothing', (_, socket) => void socket.pause()],
    [
      'asks for more time, and more',
      at('E', (_, socket) => {
        const asking = setInterval(() => socket.write(frame('p')), 5)
        socket.once('close', () => clearInterval(asking))
        return undefined
      }),
    ],
  ])('a filter that %s is left when its time is over', async (_name, says) => {
    const { judge } = open(await filter(says))
    const chain = new JudgeChain({
      judges: [{ judge, onFailure: 'defer', limitMs: 200 }],
      now: () => 0,
    })
    const told: Judgement[] = []
    const judging = chain.message({
      envelope,
      text: scannedText(1_000_000).text,
      onJudged: ({ judgement }) => told.push(judgement),
      onForeignRemoved: () => undefined,
    })
    const findings = await judging.end()
    expect(findings.all).toEqual([expect.objectContaining({ onFailure: 'defer' }) as unknown])
    expect(told).toEqual([{ kind: 'failed', why: 'no answer in 200 ms' }])
  })

  it('one of two is down: the other is asked, in the middle of a message too', async () => {
    const dying = await filter(at('E', resets))
    const well = await filter(saying({ E: frame('r') }))
    expect(await judged(open(dying, well).judge)).toMatchObject({
      kind: 'judged',
      opinion: { verdict: 'reject' },
    })
    // The message is let go of, and the connection closed in peace.
    await vi.waitFor(() =>
      expect(
        well.connections[0]
          ?.slice(-3)
          .map(({ code }) => code)
          .join(''),
      ).toBe('EAQ'),
    )
  })

  it('a message above max_size is not shown', async () => {
    const server = await filter(saying({ E: frame('r') }))
    expect(await judged(open(server).judge, scannedText(10_000_001).text)).toEqual({
      kind: 'silent',
      why: 'the message has more than 10000000 octets (max_size)',
    })
    expect(server.connections).toEqual([])
  })

  it('a filter that hangs up on version 6 is asked in version 2', async () => {
    const says: Says = (heard, socket) => {
      if (heard.code !== 'O') return saying({ E: frame('r') })(heard, socket)
      return heard.data.startsWith('\0\0\0\x02') ? agrees(0x7f & ~0x7f, 2, 0x3f) : void socket.end()
    }
    const server = await filter(says)
    expect(await judged(open(server).judge)).toMatchObject({ opinion: { verdict: 'reject' } })
    const [first, second] = server.connections
    expect(first?.map(({ data }) => data)).toEqual(['\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff'])
    expect(second?.[0]?.data).toBe('\0\0\0\x02\0\0\0\x3f\0\0\0\x7f')
    expect(second?.map(({ code }) => code)).not.toContain('T')
  })

  it('over a Unix socket', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-milter-'))
    ends.push(async () => await rm(directory, { recursive: true }))
    const path = join(directory, 'milter.sock')
    const server = await scriptedMilter(saying({ E: frame('r') }), { path, ends })
    expect(await judged(open(server).judge)).toMatchObject({ opinion: { verdict: 'reject' } })
  })
})

describe('changes that can not be made are left out, and named', () => {
  const changes = async (...said: readonly Buffer[]): Promise<[Judgement, readonly string[]]> => {
    const server = await filter(saying({ E: Buffer.concat([...said, goOn]) }))
    const { judge, leftOut } = open(server)
    return [await judged(judge), leftOut]
  }
  const fine = { do: 'add', name: 'X-Fine', value: ' yes' }
  const addFine = frame('h', 'X-Fine\0yes\0')

  it.each<[string, Buffer, RegExp]>([
    ['a header of 1 MB', frame('h', `X-A\0${'x'.repeat(1_000_000)}\0`), /more than 65536 octets/],
    ['CR LF in a value', frame('h', 'X-A\0a\r\nX-B: c\0'), /would not stay in its field/],
    ['LF in a value', numbered('i', 0, 'X-A\0a\nX-B: c\0'), /would not stay in its field/],
    ['an empty line in a value', numbered('m', 1, 'Subject\0a\n\n b\0'), /would not stay/],
    ['a CR alone', frame('h', 'X-A\0a\rb\0'), /would not stay in its field/],
    ['a name with a line end', frame('h', 'X-A\r\nX-B\0a\0'), /no name of a field/],
    ['a name with a colon', frame('h', 'X-A: b\0a\0'), /no name of a field/],
    ['no name', frame('h', '\0a\0'), /no name of a field/],
    ['a line of 2000 octets', frame('h', `X-A\0${'x'.repeat(2000)}\0`), /more than 998 octets/],
  ])('%s', async (_name, said, why) => {
    const [judgement, leftOut] = await changes(said, addFine)
    expect(judgement).toMatchObject({ kind: 'judged', edits: { list: [fine] } })
    expect(leftOut).toEqual([expect.stringMatching(why)])
    expect(leftOut[0]).toMatch(/^1 of 2 changes can't be made/)
  })

  it('a new body is none of them: it is made although a thousand fields stand before it', async () => {
    const [judgement] = await changes(
      ...Array.from({ length: 1000 }, () => addFine),
      frame('b', 'clean\r\n'),
    )
    expect(judgement).toMatchObject({ kind: 'judged' })
    const edits = judgement.kind === 'judged' ? (judgement.edits?.list ?? []) : []
    expect(edits.filter((edit) => edit.do === 'replaceBody')).toHaveLength(1)
  })

  it('a new body that can not be passed on: the filter has failed', async () => {
    const [judgement] = await changes(addFine, frame('b', '\0.no\r\n'))
    expect(judgement).toEqual(failed(/nul/))
  })

  it('a recipient that is added, and another sender', async () => {
    const [judgement, leftOut] = await changes(
      frame('+', '<dan@example.org>\0'),
      frame('2', '<eve@example.org>\0NOTIFY=NEVER\0'),
      frame('e', '<other@example.net>\0'),
    )
    expect(judgement).toEqual(silent)
    expect(leftOut).toEqual(['it adds a recipient', 'it changes the sender'])
  })

  it('out of range: the end for a place, a further field for a number', async () => {
    const [judgement, leftOut] = await changes(
      numbered('i', 0xffff_ffff, 'X-Last\0a\0'),
      numbered('m', 99, 'Subject\0b\0'),
      numbered('m', 0, 'Subject\0c\0'),
      numbered('m', 77, 'Subject\0\0'),
    )
    expect(leftOut).toEqual([])
    expect(judgement).toMatchObject({
      edits: {
        list: [
          { do: 'insert', at: 0xffff_fffe, name: 'X-Last', value: ' a' },
          { do: 'change', nth: 99, name: 'Subject', value: ' b' },
          { do: 'change', nth: 1, name: 'Subject', value: ' c' },
          { do: 'remove', nth: 77, name: 'Subject' },
        ],
      },
    })
  })

  it('a value keeps its blanks where the filter has asked for that', async () => {
    const says: Says = (heard, socket) =>
      heard.code === 'O'
        ? agrees(0x10_0000)
        : saying({ E: Buffer.concat([frame('h', 'X-A\0a\n b\n\0'), goOn]) })(heard, socket)
    expect(await judged(open(await filter(says)).judge)).toMatchObject({
      edits: { list: [{ do: 'add', name: 'X-A', value: 'a\r\n b' }] },
    })
  })
})

describe('recipients', () => {
  it('one that is deleted does not get the message, in whatever case it is written', async () => {
    const server = await filter(
      saying({ E: Buffer.concat([frame('-', '<bob@EXAMPLE.org>\0'), goOn]) }),
    )
    expect(await judged(open(server).judge)).toEqual({
      kind: 'judged',
      symbols: [],
      own: new Map([[1, { opinion: { verdict: 'discard' } }]]),
    })
  })

  it('one that is refused at RCPT stays refused, whatever the message is found to be', async () => {
    let recipients = 0
    const says: Says = (heard, socket) =>
      heard.code === 'R' && ++recipients === 2
        ? frame('y', '550 5.1.1 no Bob\0')
        : saying({ E: Buffer.concat([frame('q', 'odd\0'), goOn]) })(heard, socket)
    expect(await judged(open(await filter(says)).judge)).toEqual({
      kind: 'judged',
      symbols: [],
      opinion: { verdict: 'quarantine' },
      own: new Map([
        [
          1,
          {
            opinion: { verdict: 'reject', reply: { code: 550, detail: '1.1', lines: ['no Bob'] } },
          },
        ],
      ]),
    })
  })
})

describe('check', () => {
  it.each<[string, string | undefined, RegExp | undefined]>([
    ['a milter', undefined, undefined],
    ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n', /it speaks HTTP/],
    ['clamd', 'UNKNOWN COMMAND\n', /it is clamd; take the socket of clamav-milter/],
    ['a mail server', '220 mx.test ESMTP\r\n', /it is a mail server/],
    ['one that hangs up', '', /is it a milter\?/],
  ])('of %s', async (_name, says, wrong) => {
    const server = await filter((heard, socket) =>
      says === undefined ? saying({})(heard, socket) : void socket.end(says),
    )
    const said = await open(server).judge.check()
    if (wrong === undefined) expect(said).toBeUndefined()
    else expect(said).toMatch(wrong)
  })

  it('of a port where nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    server.close()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    expect(await open({ host: '127.0.0.1', port }).judge.check()).toMatch(
      /does not answer \(ECONNREFUSED\); is it running, .* \(judges\[\]\.milter\.url\)/,
    )
  })
})
