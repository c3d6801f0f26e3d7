/**
 * A conversation with a filter, told by a filter that is a function: what it is told and when, and
 * what each answer at each place means.
 */
import { describe, expect, it } from 'vitest'
import { Conversation, type Next, type Outcome } from '../../../src/judge/milter/conversation.ts'
import { events, type EventName } from '../../../src/judge/milter/events.ts'
import { envelopeEvents, textEvents } from '../../../src/judge/milter/text-events.ts'
import type { Frame } from '../../../src/judge/milter/wire.ts'
import { envelope as one } from '../envelope.ts'
import { textOf } from '../texts.ts'
import { frame, goOn, numbered } from './frames.ts'

const envelope = {
  ...one,
  local: '192.0.2.9 25',
  parameters: new Map([
    ['SIZE', '100'],
    ['SMTPUTF8', undefined],
  ]),
  recipients: ['ann@example.org', 'bob@example.org', 'cid@example.org'].map((address, index) => ({
    index,
    address,
    group: 'a',
  })),
}
const text = 'Subject: hello\r\nX-Fold: a\r\n b\r\n\r\nbody\r\n'

const frameOf = (octets: Buffer): Frame => ({
  code: octets.toString('latin1', 4, 5),
  data: octets.subarray(5),
})

interface Had {
  /** Code and data of each frame but macros. */
  readonly told: readonly string[]
  readonly macros: readonly string[]
  readonly outcome: Outcome
  readonly end: Next
  readonly farewell: string
}

/** Answers by code of the event, several for one; `c` unless given. */
async function talk(
  answers: Readonly<Partial<Record<string, readonly Buffer[]>>>,
  {
    protocol = 0,
    version = 6,
    macros = new Map<number, ReadonlySet<string>>(),
    message = text,
  }: {
    readonly protocol?: number
    readonly version?: number
    readonly macros?: ReadonlyMap<number, ReadonlySet<string>>
    readonly message?: string
  } = {},
): Promise<Had> {
  const conversation = new Conversation(envelope, { version, protocol, macros }, 'Rcptwise 0')
  const told: string[] = []
  const named: string[] = []
  let end: Next = 'tell'
  const all = [envelopeEvents(envelope), textEvents(textOf([Buffer.from(message)]), conversation)]
  for (const list of all) {
    for await (const event of list) {
      if (end !== 'tell' || !conversation.wants(event.event)) continue
      const octets = conversation.tell(event)
      for (let at = 0; at < octets.length; at += 4 + octets.readUInt32BE(at)) {
        const said = octets.toString('latin1', at + 4, at + 4 + octets.readUInt32BE(at))
        if (said.startsWith('D')) named.push(said)
        else told.push(said)
      }
      if (!conversation.awaitsAnswer) continue
      for (const answer of answers[events[event.event].code] ?? [goOn])
        end = conversation.hear(frameOf(answer))
    }
  }
  const { outcome, farewell } = conversation
  return { told, macros: named, outcome, end, farewell: farewell.toString('latin1') }
}

describe('what a filter is told', () => {
  it('everything, in the order of a transaction', async () => {
    const { told, end } = await talk({})
    expect(told).toEqual([
      'Cclient.test\x004\x9c@192.0.2.1\0',
      'Hclient.test\0',
      'M<sender@example.net>\0SIZE=100\0SMTPUTF8\0',
      'R<ann@example.org>\0',
      'R<bob@example.org>\0',
      'R<cid@example.org>\0',
      'T',
      'LSubject\0hello\0',
      'LX-Fold\0a\n b\0',
      'N',
      'Bbody\r\n',
      'E',
    ])
    expect(end).toBe('over')
  })

  it('header values as they are, where the filter wants their leading space', async () => {
    const { told } = await talk({}, { protocol: 0x10_0000 })
    expect(told).toContain('LSubject\0 hello\0')
    expect(told).toContain('LX-Fold\0 a\n b\0')
  })

  it.each<[EventName, string]>([
    ['connect', 'C'],
    ['helo', 'H'],
    ['mail', 'M'],
    ['rcpt', 'R'],
    ['data', 'T'],
    ['header', 'L'],
    ['eoh', 'N'],
    ['body', 'B'],
  ])('nothing of %s where it does not want that, nor its macros', async (event, code) => {
    const { told, macros } = await talk({}, { protocol: events[event].unwanted })
    expect(
      [...told, ...macros.map((one) => one.slice(1))].filter((said) => said.startsWith(code)),
    ).toEqual([])
    expect(told).toContain('E')
  })

  it('with version 2 there is no DATA', async () => {
    expect((await talk({}, { version: 2 })).told).not.toContain('T')
  })

  it('macros before the event that they are about, as Postfix names them', async () => {
    const { macros } = await talk({})
    const [connect = '', , mail = '', rcpt = ''] = macros
    expect(connect).toMatch(/^DCj\0mx\.test\0_\0client\.test \[192\.0\.2\.1\]\0/)
    expect(connect).toContain('{client_ptr}\0client.test\0')
    expect(connect).toContain('{client_port}\x0040000\0')
    expect(connect).toContain('{daemon_addr}\x00192.0.2.9\0{daemon_port}\x0025\0')
    expect(mail).toContain('i\0S1.1\0')
    expect(mail).toContain('{mail_addr}\0sender@example.net\0{mail_host}\0example.net\0')
    expect(rcpt).toContain('{rcpt_addr}\0ann@example.org\0{rcpt_host}\0example.org\0')
  })

  it('of macros only those that it has named', async () => {
    const { macros } = await talk({}, { macros: new Map([[0, new Set(['j', '{unknown}'])]]) })
    expect(macros[0]).toBe('DCj\0mx.test\0')
  })

  it('what stands behind a line that is no field is body', async () => {
    const { told } = await talk({}, { message: 'A: b\r\nno field\r\nC: d\r\n\r\nbody\r\n' })
    expect(told.filter((said) => /^[LB]/.test(said))).toEqual([
      'LA\0b\0',
      'Bno field\r\nC: d\r\n',
      'B\r\n',
      'Bbody\r\n',
    ])
  })

  it('a large body in frames of 65,535 octets at most', async () => {
    const { told } = await talk({}, { message: `A: b\r\n\r\n${'x'.repeat(200_000)}` })
    const parts = told.filter((said) => said.startsWith('B')).map((said) => said.length - 1)
    expect(Math.max(...parts)).toBeLessThanOrEqual(65_535)
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(200_000)
  })

  it.each([
    ['R', 'R<ann@example.org>\0', 'R<bob@example.org>\0'],
    ['L', 'LSubject\0hello\0', 'LX-Fold\0a\n b\0'],
  ])('after SKIP at %s no more of that kind, and the rest', async (code, first, second) => {
    const { told, end } = await talk({ [code]: [frame('s')] })
    expect(told).toContain(first)
    expect(told).not.toContain(second)
    expect(end).toBe('over')
  })

  it('does not wait for answers that it has said it does not give', async () => {
    const { end } = await talk(
      // Were one of these waited for, it would end the conversation.
      Object.fromEntries(Array.from('CHMRTLNB').map((code) => [code, [frame('r')]])),
      { protocol: (0x8 << 16) | 0x7_f080 },
    )
    expect(end).toBe('over')
  })
})

const reply = frame('y', '550 5.7.1 own words\0')
const rejected = {
  verdict: 'reject',
  reply: { code: 550, detail: '7.1', lines: ['Command rejected'] },
}
const putOff = {
  verdict: 'defer',
  reply: { code: 451, detail: '7.1', lines: ['Service unavailable - try again later'] },
}
const ownWords = { code: 550, detail: '7.1', lines: ['own words'] }

describe('what an answer means', () => {
  it.each(Array.from('CHMTLNBE'))('at %s it is about all', async (code) => {
    expect((await talk({ [code]: [frame('r')] })).outcome.opinion).toEqual(rejected)
    expect((await talk({ [code]: [frame('t')] })).outcome.opinion).toEqual(putOff)
    expect((await talk({ [code]: [frame('4')] })).outcome.opinion).toEqual(putOff)
    const { outcome, told } = await talk({ [code]: [reply] })
    expect(outcome.opinion).toEqual({ verdict: 'reject', reply: ownWords })
    expect(told.at(-1)?.[0]).toBe(code)
  })

  it('a 4yz reply is a deferral in its words', async () => {
    const { outcome } = await talk({ E: [frame('y', '452 4.3.1 wait\0')] })
    expect(outcome.opinion).toEqual({
      verdict: 'defer',
      reply: { code: 452, detail: '3.1', lines: ['wait'] },
    })
  })

  it('accept ends it without a result', async () => {
    for (const code of 'CHMRTLNBE') {
      const { outcome, end } = await talk({ [code]: [frame('a')] })
      expect(outcome).toEqual({ own: new Map(), changes: [] })
      expect(end).toBe('over')
    }
  })

  it('discard is for a message, and for nobody who has only connected', async () => {
    for (const code of 'MRTLNBE')
      expect((await talk({ [code]: [frame('d')] })).outcome.opinion).toEqual({ verdict: 'discard' })
    for (const code of 'CH')
      expect((await talk({ [code]: [frame('d')] })).end).toEqual({
        failed: 'it answers a client, and no message, with DISCARD',
      })
  })

  it('at RCPT it is about that recipient alone', () => {
    const conversation = new Conversation(
      envelope,
      { version: 6, protocol: 0, macros: new Map() },
      'x',
    )
    const said = [frame('r'), goOn, frame('y', '450 4.2.1 full\0')]
    for (const event of envelopeEvents(envelope)) {
      if (event.event !== 'rcpt') continue
      conversation.tell(event)
      expect(conversation.hear(frameOf(said.shift() ?? goOn))).toBe('tell')
    }
    expect(conversation.outcome).toEqual({
      own: new Map([
        [0, rejected],
        [2, { verdict: 'defer', reply: { code: 450, detail: '2.1', lines: ['full'] } }],
      ]),
      changes: [],
    })
  })

  it('where every recipient is refused nothing more is told', async () => {
    const { told, outcome, end, farewell } = await talk({ R: [reply] })
    expect(told.at(-1)).toBe('R<cid@example.org>\0')
    expect(outcome.own.size).toBe(3)
    expect(end).toBe('over')
    expect(farewell).toBe('\0\0\0\x01A\0\0\0\x01Q')
  })

  it('progress is waited through, any number of times', async () => {
    const slow = Array.from({ length: 50 }, () => frame('p'))
    const { outcome } = await talk({ E: [...slow, frame('r')] })
    expect(outcome.opinion).toEqual(rejected)
  })

  it('changes come at the end, before the answer', async () => {
    const { outcome, end } = await talk({
      E: [frame('h', 'X-A\0b\0'), numbered('i', 0, 'X-B\0c\0'), frame('q', 'why\0'), frame('c')],
    })
    expect(outcome.changes.map(({ change }) => change)).toEqual(['add', 'insert', 'quarantine'])
    expect(end).toBe('over')
  })

  it.each([
    ['a change before the end', { L: [frame('h', 'X-A\0b\0')] }, /whose end it has not seen/],
    ['SKIP at the end', { E: [frame('s')] }, /with SKIP/],
    ['another offer', { M: [frame('O')] }, /which no milter does/],
    ['half a reply', { M: [frame('y')] }, /no reply/],
  ])('%s is a failure with a name', async (_name, answers, failed) => {
    expect((await talk(answers)).end).toEqual({ failed: expect.stringMatching(failed) as unknown })
  })
})
