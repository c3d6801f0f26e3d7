/** How far a rehearsal goes, and what it waits for. */
import { describe, expect, test } from 'vitest'
import { playCourse } from '../../src/rehearsal/course.ts'
import type { Letter, World } from '../../src/rehearsal/world.ts'
import type { PolicyAnswer } from '../../src/policy/policy-source.ts'
import { describeReply } from '../../src/smtp/reply.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import { found } from '../support/found.ts'
import { defaultPeer, Machine, policies } from '../support/machine.ts'

const letter: Letter = {
  helo: 'client.test',
  sender: 'sender@example.net',
  recipients: ['ann@example.org', 'bob@example.org'],
  international: false,
  sizeBytes: 100,
  identity: { fingerprint: 'one' },
}

function worldOf({
  judgement = { kind: 'silent' },
  ...more
}: Partial<World> & { readonly judgement?: Judgement } = {}): World {
  const { options } = new Machine().session
  const answer: PolicyAnswer = { kind: 'found', policy: policies.careful }
  return {
    session: { ...options, relayDomains: ['example.org'] },
    client: { address: '192.0.2.1', port: 0 },
    extensions: new Map([['SMTPUTF8', '']]),
    startsAt: 1_000_000,
    id: 'rehearsal',
    serve: ({ address }) => ({ peer: defaultPeer, trusted: false, sender: address }),
    policyOf: () => answer,
    findingsFor: () => found(judgement),
    vouch: async () => await Promise.resolve(false),
    prepareBounce: async () => await Promise.resolve({ ready: true, by: 'spf' }),
    ...more,
  }
}

const heard = async (
  world: World,
  of: Partial<Letter> = {},
  kind: 'legacy' | 'prdr' = 'legacy',
) => {
  const { attempts, ends } = await playCourse(kind, world, { ...letter, ...of })
  return {
    ends,
    after: attempts.map(({ afterMs }) => afterMs / 1000),
    attempts: attempts.map(({ mail, told, last }) => ({
      ...(mail === undefined ? {} : { mail: describeReply(mail) }),
      rcpts: told.map(({ rcpt }) => describeReply(rcpt)),
      ...(last === undefined ? {} : { last: describeReply(last) }),
    })),
  }
}

test('an address of another domain hears what RCPT says, and nobody waits for it', async () => {
  const { attempts, ends } = await heard(worldOf(), { recipients: ['x@else.where'] })
  expect(ends).toBe('answered')
  expect(attempts).toHaveLength(1)
  expect(attempts[0]?.rcpts[0]).toMatch(/^550 5\.7\.1 .*else\.where/)
})

test('a message that is declared too large is refused at MAIL', async () => {
  const { attempts, ends } = await heard(worldOf(), { sizeBytes: 60_000_000 })
  expect(ends).toBe('answered')
  expect(attempts[0]?.mail).toMatch(/^552 /)
})

test('a text with a fault is refused in the words for it', async () => {
  const { attempts } = await heard(worldOf(), { fault: 'bareNewline' })
  expect(attempts).toHaveLength(1)
  expect(attempts[0]?.last).toMatch(/^5\d\d /)
})

describe('an answer that waits for no other recipient is told once more at most', () => {
  test('a judge that wants all to come again', async () => {
    const judgement: Judgement = {
      kind: 'judged',
      symbols: [],
      opinion: { verdict: 'defer', reply: { code: 451, lines: ['4.7.1 Try again later'] } },
    }
    const { attempts, ends } = await heard(worldOf({ judgement }))
    expect(ends).toBe('waits')
    expect(attempts.map(({ last }) => last)).toEqual(['451 4.7.1 Try again later'])
  })

  test('a source that is away', async () => {
    const policyOf = (): PolicyAnswer => ({ kind: 'failed', source: 'file:x', why: 'away' })
    const { attempts, ends } = await heard(worldOf({ policyOf }))
    expect(ends).toBe('waits')
    expect(attempts).toHaveLength(1)
    expect(attempts[0]?.rcpts).toEqual([
      expect.stringMatching(/^451 /),
      expect.stringMatching(/^451 /),
    ])
  })
})

test('the next attempt comes when the reply says', async () => {
  const serve = (): ReturnType<World['serve']> => ({
    peer: { ...defaultPeer, retryHintSeconds: 7200 },
    trusted: false,
    sender: 's',
  })
  const policyOf = (address: string): PolicyAnswer => ({
    kind: 'found',
    policy: address.startsWith('ann') ? policies.careful : policies.strict,
  })
  const { after, ends } = await heard(worldOf({ serve, policyOf }))
  expect(after).toEqual([0, 7200])
  expect(ends).toBe('answered')
})

test('an address with letters of another script is said with SMTPUTF8', async () => {
  const recipients = [Buffer.from('jörg@exämple.org').toString('latin1')]
  const { options } = new Machine().session
  const { attempts } = await heard(worldOf({ session: options }), {
    recipients,
    international: true,
  })
  expect(attempts[0]?.rcpts).toEqual(['250 2.1.5 Ok'])
})
