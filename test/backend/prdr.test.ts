/**
 * A server that offers PRDR (draft-hall-prdr-00): asked where answers can be told apart, and its
 * block is read to its end.
 */
import { describe, expect, test } from 'vitest'
import { replies } from '../../src/smtp/replies.ts'
import { describeReply } from '../../src/smtp/reply.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { type OpenBackend, openBackend, recipients } from './backend-session.ts'
import { wholeText } from './whole-text.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')
const lost = describeReply(replies.backendLost)
const help: Rule = {
  on: 'other',
  having: 'HELP',
  say: ['214-2.0.0 Commands supported:', '214 2.0.0 MAIL RCPT'],
}
const offers = ['PIPELINING', 'PRDR']

const says = (...lines: readonly string[]): Rule => ({
  on: 'dot',
  raw: lines.map((line) => `${line}\r\n`).join(''),
})
const startPrdr = async (...rules: readonly Rule[]): Promise<FakeBackend> =>
  await startFakeBackend({ offers, rules: [help, ...rules] })
const openPrdr = (server: FakeBackend): OpenBackend => openBackend(server, { prdr: true })

const mails = (server: FakeBackend): string[] =>
  server.lines().filter((line) => line.startsWith('MAIL'))

describe('PRDR is asked for', () => {
  const [asked, notAsked] = ['MAIL FROM:<s@x> BODY=8BITMIME PRDR', 'MAIL FROM:<s@x> BODY=8BITMIME']
  test.each([
    ['where answers can be told apart', { each: true, prdr: true, offered: offers }, asked],
    ['not where one answer has to do', { each: false, prdr: true, offered: offers }, notAsked],
    ['not where it is switched off', { each: true, prdr: false, offered: offers }, notAsked],
    ['not of a server without it', { each: true, prdr: true, offered: ['PIPELINING'] }, notAsked],
    ['not of a server without PIPELINING', { each: true, prdr: true, offered: ['PRDR'] }, notAsked],
  ])('%s', async (_, { each, prdr, offered }, mail) => {
    await using server = await startFakeBackend({ offers: [...offered, '8BITMIME'] })
    await using open = openBackend(server, { prdr })
    const begun = await open.begin().envelope(recipients(2), '<s@x> BODY=8BITMIME', each)
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([expect.stringMatching(/^250 /)])
    expect(mails(server)).toEqual([mail])
  })
})

describe('the answer', () => {
  const answers: [string, readonly string[], string][] = [
    ['one traditional yes is for all', ['250 2.0.0 Ok'], '250 2.0.0 Ok'],
    ['one traditional refusal is for all', ['550 5.7.1 no'], '550 5.7.1 no'],
    [
      'a block is one for each',
      ['353 go', '250 zero', '550 one', '450 two', '250 accepted for some'],
      '250 zero, 0: 250 zero, 1: 550 one, 2: 450 two',
    ],
    [
      'a final refusal comes before the acceptances (Exim: acl_smtp_data behind acl_smtp_data_prdr)',
      ['353 go', '250 zero', '550 one', '250 two', '451 4.7.1 Not this text now'],
      '451 4.7.1 Not this text now, 0: 451 4.7.1 Not this text now, 1: 550 one, 2: 451 4.7.1 Not this text now',
    ],
    [
      'nobody accepts',
      ['353 go', '550 zero', '550 one', '550 two', '550 rejected for all'],
      '550 zero, 0: 550 zero, 1: 550 one, 2: 550 two',
    ],
    [
      'nobody accepts now, and the final line is positive all the same (Exim)',
      ['353 go', '450 zero', '450 one', '550 two', '250 accepted for some'],
      '450 zero, 0: 450 zero, 1: 450 one, 2: 550 two',
    ],
  ]
  test.each(answers)('%s', async (_, lines, told) => {
    await using server = await startPrdr(says(...lines))
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(3), '<s@x>', true)
    expect(await begun.deliver(begun.order([0, 1, 2]), text)).toEqual([told])
    const again = await open.begin().envelope(recipients(3), '<s@x>', true)
    expect(await again.deliver(again.order([0, 1, 2]), text)).toEqual([told])
    expect(server.connections).toHaveLength(1)
  })

  test('groups are one transaction, and each hears of its own recipients', async () => {
    await using server = await startPrdr(
      says('353 go', '550 zero', '250 one', '250 two', '250 for some'),
    )
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(3), '<s@x>', true)
    expect(await begun.deliver(begun.order([0, 2], [1]), text)).toEqual([
      '250 two, 0: 550 zero, 2: 250 two',
      '250 one, 1: 250 one',
    ])
    expect(server.texts).toHaveLength(1)
  })

  test('one answer for a transaction of several groups is the answer of each', async () => {
    await using server = await startPrdr(says('550 5.7.1 no'))
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(2), '<s@x>', true)
    expect(await begun.deliver(begun.order([0], [1]), text)).toEqual([
      '550 5.7.1 no',
      '550 5.7.1 no',
    ])
  })

  test('an envelope that is shown anew asks again', async () => {
    await using server = await startPrdr(says('353 go', '250 zero', '550 two', '250 for some'))
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(3), '<s@x>', true)
    expect(await begun.deliver(begun.order([0, 2]), text)).toEqual([
      '250 zero, 0: 250 zero, 2: 550 two',
    ])
    expect(mails(server)).toEqual(['MAIL FROM:<s@x> PRDR', 'MAIL FROM:<s@x> PRDR'])
  })
})

describe('a block that is not whole', () => {
  test.each([
    ['before the final line', ['353 go', '250 zero', '550 one', '250 two']],
    ['in its middle', ['353 go', '250 zero']],
    ['behind 353', ['353 go']],
  ])('ended %s: nobody knows anything, everyone comes again', async (_, lines) => {
    await using server = await startPrdr({ ...says(...lines), then: 'close' })
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(3), '<s@x>', true)
    expect(await begun.deliver(begun.order([0, 1, 2]), text)).toEqual([lost])
  })

  test('ended behind the final line: it is whole', async () => {
    await using server = await startPrdr({
      ...says('353 go', '250 zero', '550 one', '250 ok'),
      then: 'close',
    })
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(2), '<s@x>', true)
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([
      '250 zero, 0: 250 zero, 1: 550 one',
    ])
  })

  test.each([
    ['all accepted', ['353 go', '250 zero', '250 ok'], '250 zero'],
    ['all refused', ['353 go', '550 zero', '550 rejected for all'], '550 zero'],
    ['none told', ['353 go', '250 ok'], '250 ok'],
  ])(
    'too short (Exim, discarded recipients), %s: the answer is for all',
    async (_, lines, told) => {
      await using server = await startPrdr(says(...lines))
      await using open = openPrdr(server)
      const begun = await open.begin().envelope(recipients(3), '<s@x>', true)
      expect(await begun.deliver(begun.order([0, 1, 2]), text)).toEqual([told])
    },
  )

  test('too short and mixed: whom the lines are for is not known; PRDR is not asked of this server any more', async () => {
    await using server = await startPrdr({
      ...says('353 go', '250 zero', '550 one', '250 for some'),
      nth: 1,
    })
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(3), '<s@x>', true)
    expect(await begun.deliver(begun.order([0, 1, 2]), text)).toEqual([
      describeReply(replies.backendNonsense),
    ])
    expect(open.facts).toContainEqual(
      expect.objectContaining({
        kind: 'backendFailed',
        why: '353 was followed by 2 lines for 3 recipients',
      }),
    )
    const again = await open.begin().envelope(recipients(3), '<s@x>', true)
    expect(await again.deliver(again.order([0, 1, 2]), text)).toEqual([
      expect.stringMatching(/^250 2\.0\.0 Ok: queued/),
    ])
    expect(mails(server)).toEqual(['MAIL FROM:<s@x> PRDR', 'MAIL FROM:<s@x>'])
  })

  test('353 to a text for which PRDR was not asked has no place there', async () => {
    await using server = await startPrdr(says('353 go', '250 zero', '250 ok'))
    await using open = openPrdr(server)
    const begun = await open.begin().envelope(recipients(1))
    expect(await begun.deliver(begun.order([0]), text)).toEqual([
      describeReply(replies.backendNonsense),
    ])
  })
})
