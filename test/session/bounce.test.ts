/**
 * `bounce`: everyone goes through; who refuses what others accept is reported to the sender, where
 * something vouches for it.
 */
import { describe, expect, test } from 'vitest'
import type { Prepared } from '../../src/bounce/bounce.ts'
import type { Fact } from '../../src/facts/fact.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, type MachineOptions, policies, type World, yes } from '../support/machine.ts'

const recipients = {
  'tag@example.org': policies.tagOnly,
  'careful@example.org': policies.careful,
  'strict@example.org': policies.strict,
}
const all = Object.keys(recipients)
const [tag = '', careful = '', strict = ''] = all
const scored = (score: number) => ({ judgement: { kind: 'judged', score, symbols: [] } }) as const
const unvouched: Prepared = { ready: false, why: 'unvouched', words: 'spf fail, dkim none' }

const bounce = (options: MachineOptions = {}): Machine =>
  Machine.ready({ recipients, ...options, peer: { strategy: 'bounce', ...options.peer } })

const taken = (machine: Machine): string[][] =>
  machine.parcels.map(({ result, recipients: to }) => [
    result,
    ...to.map(({ argument }) => argument.slice(1, argument.indexOf('>'))),
  ])
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')
const bounces = (machine: Machine): (Fact & { readonly kind: 'bounce' })[] =>
  machine.facts.filter((fact) => fact.kind === 'bounce')
const asked = (machine: Machine): number =>
  machine.effects.filter((effect) => effect.do === 'prepareBounce').length

describe('verdicts agree', () => {
  test.each([
    ['all accept it', 1, '250', [['plain', ...all]]],
    ['one tags, the others too', 7, '250', [['tagged', ...all]]],
  ])('%s: one true reply, and nobody is asked who vouches', (_name, score, code, parcels) => {
    const machine = bounce()
    const { rcpts, text } = machine.message(all, scored(score))
    expect(codes(rcpts)).toBe('250 250 250')
    expect(codes(text)).toBe(code)
    expect(taken(machine)).toEqual(parcels)
    expect(asked(machine)).toBe(0)
  })

  test('all refuse it: 550 and no report', () => {
    const machine = bounce()
    expect(codes(machine.message([careful, strict], scored(20)).text)).toBe('550')
    expect(asked(machine)).toBe(0)
    expect(machine.reports).toEqual([])
  })
})

describe('verdicts differ', () => {
  test('vouched for: who accepts has it, the refusal is reported, 250', () => {
    const machine = bounce()
    expect(codes(machine.message(all, scored(9)).text)).toBe('250')
    expect(taken(machine)).toEqual([['tagged', tag, careful]])
    expect(machine.reports).toEqual([[strict]])
    expect(bounces(machine)).toMatchObject([{ result: 'reported', by: 'spf', recipients: 1 }])
    const [fact] = machine.transactions
    expect(
      fact?.recipients.map(({ verdict, final, reported }) => [verdict, final, reported]),
    ).toEqual([
      ['tag', true, undefined],
      ['tag', true, undefined],
      ['reject', true, true],
    ])
    expect(machine.ledger.open).toEqual([])
  })

  test('the report comes after the delivery and before the reply', () => {
    const machine = bounce({ world: { report: () => yes } })
    machine.message(all, scored(9))
    const done = machine.effects.map((effect) => effect.do)
    expect(done.indexOf('report')).toBeGreaterThan(done.indexOf('deliver'))
    expect(done.lastIndexOf('abandon')).toBeGreaterThan(done.indexOf('report'))
  })

  test('killed while the report is under way: the ledger knows who has the message', () => {
    const states: string[][] = []
    const machine: Machine = bounce({
      world: {
        report: () => {
          states.push(
            ...machine.ledger.open.map((split) => split.recipients.map(({ state }) => state)),
          )
          return yes
        },
      },
    })
    machine.message(all, scored(9))
    expect(states).toEqual([['delivered', 'delivered']])
  })

  test('what the report says of the refused one', () => {
    const machine = bounce()
    machine.send('MAIL FROM:<a@example.net> RET=FULL ENVID=e+2B1')
    machine.send(
      `RCPT TO:<${tag}>`,
      `RCPT TO:<${strict}> NOTIFY=FAILURE ORCPT=rfc822;first@example.com`,
      'DATA',
    )
    machine.text(scored(9))
    expect(machine.effects.find((effect) => effect.do === 'prepareBounce')).toMatchObject({
      ret: 'FULL',
      envelopeId: 'e+2B1',
      reversePath: { mailbox: 'a@example.net' },
      international: false,
      requireTls: false,
    })
    expect(machine.effects.find((effect) => effect.do === 'report')).toMatchObject({
      refusals: [
        { recipient: strict, originalRecipient: 'rfc822;first@example.com', reply: { code: 550 } },
      ],
    })
  })

  test('not vouched for: as lenient', () => {
    const machine = bounce({ world: { bounce: () => unvouched } })
    expect(codes(machine.message(all, scored(9)).text)).toBe('250')
    expect(taken(machine)).toEqual([['tagged', ...all]])
    expect(machine.reports).toEqual([])
    expect(bounces(machine)).toMatchObject([{ result: 'unvouched', why: 'spf fail, dkim none' }])
  })

  test('too many for this sender: as lenient, and the limit is told', () => {
    const machine = bounce({
      world: { bounce: () => ({ ready: false, why: 'limited', words: '' }) },
    })
    machine.message(all, scored(9))
    expect(taken(machine)).toEqual([['tagged', ...all]])
    expect(machine.facts.filter((fact) => fact.kind === 'limitReached')).toMatchObject([
      { limit: 'bounces_per_hour' },
    ])
  })

  test('the null reverse-path: as lenient, and nobody is asked', () => {
    const machine = bounce()
    machine.envelope('', all)
    expect(codes(machine.text(scored(9)))).toBe('250')
    expect(taken(machine)).toEqual([['tagged', ...all]])
    expect(asked(machine)).toBe(0)
  })

  test.each(['NEVER', 'SUCCESS', 'DELAY'])('NOTIFY=%s: that recipient gets it marked', (notify) => {
    const machine = bounce()
    machine.send(
      'MAIL FROM:<a@example.net>',
      `RCPT TO:<${tag}>`,
      `RCPT TO:<${strict}> NOTIFY=${notify}`,
      'DATA',
    )
    expect(codes(machine.text(scored(9)))).toBe('250')
    expect(taken(machine)).toEqual([['tagged', tag, strict]])
    expect(asked(machine)).toBe(0)
  })

  test('one may be reported, another not', () => {
    const machine = bounce()
    const commands = [
      `RCPT TO:<${tag}>`,
      `RCPT TO:<${careful}> NOTIFY=NEVER`,
      `RCPT TO:<${strict}>`,
      'DATA',
    ]
    machine.send('MAIL FROM:<a@example.net>', ...commands)
    expect(codes(machine.text(scored(20)))).toBe('250')
    expect(taken(machine)).toEqual([['tagged', tag, careful]])
    expect(machine.reports).toEqual([[strict]])
  })

  test('strategies.md: “Rcptwise always answers a sender that speaks PRDR per recipient.” PRDR needs no report', () => {
    const machine = bounce()
    expect(codes(machine.message(all, scored(9), ' PRDR').text)).toBe('353 250 250 550 250')
    expect(asked(machine)).toBe(0)
  })

  test('a trusted client is served as forgive_as says', () => {
    const machine = bounce({ trusted: true })
    expect(codes(machine.message(all, scored(9)).text)).toBe('250')
    expect(taken(machine)).toEqual([['tagged', ...all]])
    expect(asked(machine)).toBe(0)
  })

  test('somebody was greylisted by the backend: the others are done (rule 2)', () => {
    const later: Reply = { code: 450, lines: ['4.2.0 Later'] }
    const machine = bounce({ world: { rcpt: (address) => (address === careful ? later : yes) } })
    const { rcpts, text } = machine.message(all, scored(9))
    expect(codes(rcpts)).toBe('250 450 250')
    expect(codes(text)).toBe('250')
    expect(machine.reports).toEqual([[strict]])
  })
})

describe('trouble', () => {
  test('the message itself is not taken: no report, 451, and all of it again', () => {
    let works = false
    const no: Reply = { code: 451, lines: ['4.3.0 Not now'] }
    const machine = bounce({ world: { deliver: () => ({ reply: works ? yes : no }) } })
    expect(codes(machine.message(all, scored(9)).text)).toBe('451')
    expect(machine.reports).toEqual([])
    works = true
    expect(codes(machine.message(all, scored(9)).text)).toBe('250')
    expect(machine.reports).toEqual([[strict]])
    expect(machine.ledger.open).toEqual([])
  })

  test('the report is not taken: 451; those who have it do not get it again, and the report is tried again', () => {
    let works = false
    const no: Reply = { code: 451, lines: ['4.3.0 Not now'] }
    const machine = bounce({ world: { report: () => (works ? yes : no) } })
    expect(codes(machine.message(all, scored(9)).text)).toBe('451')
    expect(bounces(machine)).toMatchObject([{ result: 'failed' }])
    works = true
    const second = machine.message(all, scored(9))
    expect(codes([...second.rcpts, ...second.text])).toBe('250 250 250 250')
    expect(taken(machine), 'delivered once').toEqual([['tagged', tag, careful]])
    expect(machine.reports).toEqual([[strict], [strict]])
    expect(machine.ledger.open).toEqual([])
  })

  test('the report is never taken: it ends all the same, and the refused one gets it marked (rule 5)', () => {
    const machine = bounce({ world: { report: () => ({ code: 554, lines: ['5.7.1 no'] }) } })
    const heard: string[] = []
    for (let attempt = 0; attempt < 10 && heard.at(-1) !== '250'; attempt++)
      heard.push(codes(machine.message(all, scored(9)).text))
    expect(heard).toEqual(['451', '451', '250'])
    expect(taken(machine)).toEqual([
      ['tagged', tag, careful],
      ['tagged', strict],
    ])
  })

  test('the backend refuses what the policy accepts: that is reported too', () => {
    const refusal: Reply = { code: 550, lines: ['5.6.0 Not here'] }
    const machine = bounce({
      recipients: { ...recipients, [careful]: policies.boxed },
      session: { quarantine: 'box@example.org' },
      world: { deliver: ({ result }) => ({ reply: result === 'quarantined' ? refusal : yes }) },
    })
    expect(codes(machine.message(all, scored(9)).text)).toBe('250')
    expect(machine.reports).toEqual([[careful, strict]])
  })

  test('the client goes while the report is under way: it is not reported again when it comes again', () => {
    const machine = bounce({ world: { deliver: () => ({ reply: yes }) } })
    machine.leavesAfterDot = true
    machine.message(all, scored(9))
    expect(machine.reports, 'nobody would hear the 250').toEqual([])
    const again = bounce({ ledger: machine.ledger })
    expect(codes(again.message(all, scored(9)).text)).toBe('250')
    expect(taken(again)).toEqual([])
    expect(again.reports).toEqual([[strict]])
  })
})

describe('last_word: backend', () => {
  const judging = 'backend'
  const refuses =
    (...whom: readonly string[]): World['deliver'] =>
    ({ recipients: to }) => ({
      reply: to.some(({ argument }) => whom.includes(argument.slice(1, -1)))
        ? { code: 550, lines: ['5.7.1 Spam'] }
        : yes,
    })

  test('each group is asked apart, and a refusal is reported', () => {
    const machine = bounce({ session: { lastWord: judging }, world: { deliver: refuses(strict) } })
    expect(codes(machine.message(all).text)).toBe('250')
    expect(taken(machine)).toEqual([
      ['plain', tag],
      ['plain', careful],
      ['plain', strict],
    ])
    expect(machine.reports).toEqual([[strict]])
  })

  test('everyone refuses: 550', () => {
    const machine = bounce({ session: { lastWord: judging }, world: { deliver: refuses(...all) } })
    expect(codes(machine.message(all).text)).toBe('550')
    expect(machine.reports).toEqual([])
  })

  test('not vouched for: each group is asked apart, as with lenient', () => {
    const machine = bounce({ session: { lastWord: judging }, world: { bounce: () => unvouched } })
    machine.message(all)
    expect(taken(machine)).toEqual(all.map((one) => ['plain', one]))
  })
})

test('last_word: backend, and nobody had an answer the first time: the groups are still asked apart', () => {
  let first = true
  const machine = bounce({
    session: { lastWord: 'backend' },
    world: {
      deliver: ({ recipients: to }) => {
        if (first) return { reply: { code: 451, lines: ['4.3.0 Not now'] } }
        return {
          reply: to.some(({ argument }) => argument === `<${strict}>`)
            ? { code: 550, lines: ['5.7.1 Spam'] }
            : yes,
        }
      },
    },
  })
  expect(codes(machine.message(all).text)).toBe('451')
  first = false
  expect(codes(machine.message(all).text)).toBe('250')
  expect(machine.reports).toEqual([[strict]])
})
