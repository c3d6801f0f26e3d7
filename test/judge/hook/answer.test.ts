/** What a hook says, and what becomes of it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type HookAnswer, readAnswer } from '../../../src/judge/hook/answer.ts'
import { longestWords } from '../../../src/judge/said.ts'
import type { Edit } from '../../../src/message/edits.ts'
import { encodeReply } from '../../../src/smtp/reply.ts'
import type { Opinion } from '../../../src/verdict/judgement.ts'

const read = (answer: unknown): HookAnswer | { readonly failed: string } =>
  readAnswer(Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer)))

function good(answer: unknown): HookAnswer {
  const said = read(answer)
  if ('failed' in said) throw new Error(said.failed)
  return said
}

const nothing = { recipients: new Map(), edits: [], leftOut: [] }

describe('what a hook says of all', () => {
  it.each<[string, unknown, Opinion | undefined]>([
    ['accept', { action: 'accept' }, undefined],
    ['accept, whatever the response', { action: 'accept', response: { status: 550 } }, undefined],
    ['discard', { action: 'discard' }, { verdict: 'discard' }],
    ['quarantine', { action: 'quarantine' }, { verdict: 'quarantine' }],
    ['reject, without words', { action: 'reject' }, { verdict: 'reject' }],
    [
      'a status without words',
      { action: 'reject', response: { status: 554 } },
      { verdict: 'reject' },
    ],
    [
      'a status of later, without words',
      { action: 'reject', response: { status: 451 } },
      { verdict: 'defer' },
    ],
    [
      'its own words',
      {
        action: 'reject',
        response: { status: 554, enhanced_status: '5.7.26', message: 'no such thing' },
      },
      { verdict: 'reject', reply: { code: 554, detail: '7.26', lines: ['no such thing'] } },
    ],
    [
      'enhancedStatus',
      { action: 'reject', response: { status: 550, enhancedStatus: '5.1.1', message: 'no' } },
      { verdict: 'reject', reply: { code: 550, detail: '1.1', lines: ['no'] } },
    ],
    [
      'come back later',
      { action: 'reject', response: { status: 450, enhanced_status: '4.2.0', message: 'later' } },
      { verdict: 'defer', reply: { code: 450, detail: '2.0', lines: ['later'] } },
    ],
    [
      'words alone',
      { action: 'reject', response: { message: 'no' } },
      { verdict: 'reject', reply: { code: 550, detail: '7.1', lines: ['no'] } },
    ],
    ...[200, 250, 354, 99, 600, 590, 1e9, '550', -550, null].map(
      (status): [string, unknown, Opinion] => [
        `a status that refuses nothing (${String(status)})`,
        { action: 'reject', response: { status, message: 'no' } },
        { verdict: 'reject', reply: { code: 550, detail: '7.1', lines: ['no'] } },
      ],
    ),
    [
      '421, which would end the session',
      { action: 'reject', response: { status: 421, message: 'busy' } },
      { verdict: 'defer', reply: { code: 451, detail: '7.1', lines: ['busy'] } },
    ],
    [
      'an enhanced status that contradicts',
      { action: 'reject', response: { status: 550, enhanced_status: '4.7.1', message: 'no' } },
      { verdict: 'reject', reply: { code: 550, detail: '7.1', lines: ['no'] } },
    ],
  ])('%s', (_name, answer, opinion) => {
    expect(read(answer)).toEqual({ ...nothing, ...(opinion === undefined ? {} : { opinion }) })
  })

  it.each<[string, unknown]>([
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['half an answer', '{"action":"acc'],
    ['no object', '[]'],
    ['null', 'null'],
    ['no action', {}],
    ['another action', { action: 'greylist' }],
    ['an action that is no word', { action: { accept: true } }],
    ['the draft of May 2026', { set: [{ path: '/action', value: 'reject' }] }],
    ['a verdict of nobody knows whom', { action: 'accept', recipients: { 'a@y.example': 7 } }],
    ['of one recipient nothing', { action: 'accept', recipients: { 'a@y.example': {} } }],
    ['very deep nesting', '['.repeat(1e6)],
    ['very deep nesting, whole', `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`],
  ])('%s is a failure', (_name, answer) => {
    expect(read(answer)).toEqual({ failed: expect.any(String) as string })
  })

  it('what it can not have is named, and is no failure', () => {
    const said = good({
      action: 'reject',
      response: { status: 550, message: 'no', disconnect: true },
      modifications: [
        { type: 'changeFrom', value: 'x@example.org' },
        { type: 'addRecipient', value: 'x@example.org' },
        { type: 'deleteRecipient', value: 'x@example.org' },
        { type: 'addHeader', name: 'X-A' },
        7,
      ],
    })
    expect(said.leftOut).toEqual([
      'disconnect',
      'changeFrom',
      'addRecipient',
      'deleteRecipient',
      'addHeader',
      'no type',
    ])
    expect(said.edits).toEqual([])
  })
})

describe('what it says of each recipient', () => {
  it('has its own verdict and words; who is not named is as the rest', () => {
    const said = good({
      action: 'accept',
      recipients: {
        'ann@y.example': { action: 'reject', response: { status: 550, message: 'not Ann' } },
        'bob@y.example': { action: 'accept' },
      },
    })
    expect(said.opinion).toBeUndefined()
    expect([...said.recipients]).toEqual([
      [
        'ann@y.example',
        { verdict: 'reject', reply: { code: 550, detail: '7.1', lines: ['not Ann'] } },
      ],
      ['bob@y.example', undefined],
    ])
  })

  it('a name that objects have anyway, and one that is Unicode, are names', () => {
    const said = good(
      '{"action":"accept","recipients":{"__proto__":{"action":"discard"},"jürgen@y.example":{"action":"discard"}}}',
    )
    expect([...said.recipients.keys()]).toEqual(['__proto__', 'j\xc3\xbcrgen@y.example'])
  })
})

describe('what it changes', () => {
  it.each<[string, unknown, Edit]>([
    [
      'addHeader',
      { type: 'addHeader', name: 'X-A', value: 'one' },
      { do: 'insert', at: 0, name: 'X-A', value: ' one' },
    ],
    [
      'insertHeader',
      { type: 'insertHeader', index: 3, name: 'X-A', value: ' one\r\n' },
      { do: 'insert', at: 3, name: 'X-A', value: ' one' },
    ],
    [
      'insertHeader without a place',
      { type: 'insertHeader', name: 'X-A', value: 'one' },
      { do: 'insert', at: 0, name: 'X-A', value: ' one' },
    ],
    [
      'changeHeader',
      { type: 'changeHeader', index: 2, name: 'X-A', value: 'a\n  b' },
      { do: 'change', nth: 2, name: 'X-A', value: ' a\r\n  b' },
    ],
    [
      'changeHeader to nothing',
      { type: 'changeHeader', index: 1, name: 'X-A', value: '' },
      { do: 'remove', nth: 1, name: 'X-A' },
    ],
    [
      'deleteHeader',
      { type: 'deleteHeader', index: 1, name: 'X-A' },
      { do: 'remove', nth: 1, name: 'X-A' },
    ],
    [
      'a line end in a value',
      { type: 'addHeader', name: 'X-A', value: 'a\r\nBcc: x\r\n\r\nbody' },
      { do: 'insert', at: 0, name: 'X-A', value: ' a\r\n\tBcc: x\r\n\tbody' },
    ],
  ])('%s', (_name, modification, edit) => {
    expect(good({ action: 'accept', modifications: [modification] }).edits).toEqual([edit])
  })

  it('what is added stands on top, in its order', () => {
    const modifications = ['A', 'B', 'C'].map((name) => ({ type: 'addHeader', name, value: name }))
    expect(
      good({ action: 'accept', modifications }).edits.map((edit) => [
        'at' in edit ? edit.at : '',
        'name' in edit ? edit.name : '',
      ]),
    ).toEqual([
      [0, 'A'],
      [1, 'B'],
      [2, 'C'],
    ])
  })

  it('other contents, and a failure where they can not be taken', () => {
    const modifications = ['clean ', 'ü\r\n'].map((value) => ({ type: 'replaceContents', value }))
    const [edit] = good({ action: 'accept', modifications }).edits
    if (edit?.do !== 'replaceBody') throw new Error('there is no body')
    expect(edit.body.whole()).toEqual([Buffer.from('clean ü\r\n')])
    expect(
      read({ action: 'accept', modifications: [{ type: 'replaceContents', value: 'a\0' }] }),
    ).toEqual({ failed: 'its contents have a NUL' })
  })
})

it('property: whatever it says, a reply is one line in the words of SMTP', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer(), (message, status) => {
      const { opinion } = good({ action: 'reject', response: { status, message } })
      const { reply } = opinion ?? {}
      if (reply === undefined) return
      expect(encodeReply(reply)).toMatch(/^[45]\d\d [45]\.\d+\.\d+ [^\r\n\0]*\r\n$/)
      expect(reply.lines[0].length).toBeLessThanOrEqual(longestWords)
    }),
  )
})

it('property: whatever JSON it is, it is read or it is a failure', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(() => readAnswer(Buffer.from(json))).not.toThrow()
    }),
  )
})
