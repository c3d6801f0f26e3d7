/**
 * A filter by libmilter that says everything a filter can say, as a judge of messages to three
 * recipients.
 *
 *   a client, with PRDR or without ─▶ Rcptwise ─▶ Postfix
 *                                        └─(milter)▶ libmilter (python3-milter)
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'
import { type PythonMilter, startPythonMilter } from '../../support/lab/python-milter.ts'
import { until } from '../../support/lab/until.ts'

const [ann, bob, cid] = ['ann@example.org', 'bob@example.org', 'cid@example.org'] as const
const everybody = [ann, bob, cid]
const special = ['550.dan', 'reject.eve', '451.fay', 'tempfail.gil'].map(
  (name) => `${name}@example.org`,
)

describe.skipIf(interopObstacle() !== undefined)('libmilter', () => {
  let filter: PythonMilter
  let backend: Postfix
  beforeAll(async () => {
    filter = await startPythonMilter()
    backend = await startPostfix({ server: { mailboxes: [...everybody, ...special] } })
  })
  afterAll(async () => {
    await filter[Symbol.asyncDispose]()
    await backend[Symbol.asyncDispose]()
  })

  const front = async (
    judge: Readonly<Record<string, unknown>> = {},
    config: Readonly<Record<string, unknown>> = {},
  ): Promise<FrontEnd> =>
    await startFrontEnd({
      backend: backend.port,
      recipients: { [ann]: 'strict', [bob]: 'careful', [cid]: 'tag-only' },
      peer: { strategy: 'late' },
      config: { judges: [{ milter: { url: filter.url, ...judge } }], ...config },
    })

  interface Sent {
    readonly from?: string
    readonly to?: readonly string[]
    readonly fields?: readonly string[]
    readonly body?: string
    readonly prdr?: boolean
  }

  /** All that the client hears after the text. */
  async function send(
    rcptwise: FrontEnd,
    { from = 'plain@client.test', to = everybody, fields = [], body = 'body', prdr = false }: Sent,
  ): Promise<string[]> {
    const client = await Client.connect(rcptwise.port)
    try {
      await client.reply()
      await client.ask('EHLO client.test')
      await client.ask(`MAIL FROM:<${from}>${prdr ? ' PRDR' : ''}`)
      for (const address of to) await client.ask(`RCPT TO:<${address}>`)
      await client.ask('DATA')
      const heard = [await client.ask([`Subject: test`, ...fields, '', body, '.'].join('\r\n'))]
      if (heard[0]?.startsWith('353') === true)
        while (heard.length < to.length + 2) heard.push(...(await client.reply()))
      return heard
    } finally {
      client.close()
    }
  }

  let sent = 0
  /** A message with these changes, as ann has it then. */
  async function changed(
    rcptwise: FrontEnd,
    tasks: readonly string[],
    more: Sent = {},
  ): Promise<string> {
    const mark = `X-Mark: ${++sent}`
    const fields = [mark, ...(more.fields ?? []), ...tasks.map((task) => `X-Do: ${task}`)]
    expect(await send(rcptwise, { ...more, fields })).toEqual([expect.stringMatching(/^250 /)])
    await backend.empty()
    const found = (await backend.mailbox(ann)).find((text) => text.includes(mark))
    if (found === undefined) throw new Error(`ann has no message with ${mark}`)
    return found
  }

  test('known-limits.md: “Rcptwise tells a milter all of a message when the text is complete.” In order', async () => {
    await using rcptwise = await front()
    const before = (await filter.log()).length
    expect(await send(rcptwise, {})).toEqual([expect.stringMatching(/^250 /)])
    const [transaction] = rcptwise.transactions()
    const told = (await filter.log()).slice(before).split('\n')
    expect(told.slice(0, 13)).toEqual([
      expect.stringMatching(
        /^connect \S+ \('127\.0\.0\.1', \d+\) mx\.example\.org 127\.0\.0\.1$/,
      ) as unknown,
      'helo client.test',
      `mail <plain@client.test> id ${transaction?.transaction ?? ''}`,
      ...everybody.map((address) => `rcpt <${address}>`),
      'data',
      `header Subject 'test'`,
      'eoh',
      'body 6',
      'eom',
      'close',
      '',
    ])
  })

  test.each(['mail', 'data', 'header', 'eoh', 'body', 'eom'])(
    'at %s it refuses or puts off the message for all, in its words',
    async (stage) => {
      await using rcptwise = await front()
      expect(await send(rcptwise, { from: `${stage}.550@client.test` })).toEqual([
        `550 5.7.1 the filter refuses at ${stage}`,
      ])
      expect(await send(rcptwise, { from: `${stage}.451@client.test` })).toEqual([
        `451 4.7.1 the filter waits at ${stage}`,
      ])
      expect(await send(rcptwise, { from: `${stage}.reject@client.test` })).toEqual([
        '550 5.7.1 Command rejected',
      ])
      expect(await send(rcptwise, { from: `${stage}.tempfail@client.test` })).toEqual([
        '451 4.7.1 Service unavailable - try again later',
      ])
      expect(await send(rcptwise, { from: `${stage}.accept@client.test` })).toEqual([
        expect.stringMatching(/^250 /),
      ])
      expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    },
  )

  test('known-limits.md: “So what a milter says at RCPT comes as the answer to the text.” With PRDR each has their own line', async () => {
    await using rcptwise = await front()
    const to = [ann, '550.dan@example.org', '451.fay@example.org']
    expect(await send(rcptwise, { to, prdr: true })).toEqual([
      expect.stringMatching(/^353 /),
      expect.stringMatching(/^250 /),
      '550 5.7.1 the filter refuses at rcpt',
      '451 4.7.1 the filter waits at rcpt',
      expect.stringMatching(/^250 /),
    ])
  })

  test('the changes of a filter stand in the message', async () => {
    await using rcptwise = await front()
    const message = await changed(
      rcptwise,
      [
        'add X-Added one\\n two',
        'insert 0 X-Top up',
        'set 1 Subject changed',
        'delete 2 X-Twice',
        'set 9 X-New there was none',
      ],
      { fields: ['X-Twice: a', 'X-Twice: b'] },
    )
    expect(message).toMatch(/^X-Added: one\r?\n two\r?$/m)
    expect(message).toMatch(/^X-Top: up\r?\nSubject: changed\r?$/m)
    expect(message).toMatch(/^X-Twice: a\r?$/m)
    expect(message).not.toMatch(/^X-Twice: b\r?$/m)
    expect(message).toMatch(/^X-New: there was none\r?$/m)
    expect(message).toMatch(/\n\r?\nbody\r?\n$/)
  })

  test("known-limits.md: “A milter can't add a recipient or change the sender” The log says so", async () => {
    await using rcptwise = await front()
    await changed(rcptwise, ['addrcpt dan@example.org', 'from other@client.test', 'add X-A b'])
    const leftOut = rcptwise.log().match(/"judgeLeftOut".*/g)
    expect(leftOut).toEqual([
      expect.stringContaining('it adds a recipient'),
      expect.stringContaining('it changes the sender'),
    ])
  })

  test('a body of its own is the body', async () => {
    await using rcptwise = await front()
    expect(await changed(rcptwise, ['body another one'])).toMatch(/\n\r?\nanother one\r?\n$/)
  })

  test('what can not be written is left out, and costs nothing else', async () => {
    await using rcptwise = await front()
    const message = await changed(rcptwise, ['large 60000', 'add X-Fine yes'])
    expect(message).toMatch(/^X-Fine: yes\r?$/m)
    expect(message).not.toContain('X-Large')
    expect(rcptwise.log()).toMatch(/"judgeLeftOut".*1 of 2 changes can't be made/)
  })

  test('a value can not begin another field', async () => {
    await using rcptwise = await front()
    const message = await changed(rcptwise, ['add X-A one\\nX-Injected: two', 'add X-Fine yes'])
    expect(message).toMatch(/^X-Fine: yes\r?$/m)
    expect(message).not.toMatch(/^X-Injected/m)
  })

  test('more time is given, as long as time_limit allows', async () => {
    await using patient = await front()
    expect(await changed(patient, ['progress 1', 'add X-Late yes'])).toContain('X-Late: yes')
    await using hurried = await front({ time_limit: '300ms', on_failure: 'defer' })
    expect(await send(hurried, { fields: ['X-Do: progress 20'] })).toEqual([
      expect.stringMatching(/^451 4\.7\.0 /),
    ])
    expect(hurried.log()).toMatch(/"judged".*"failed".*no answer in 300 ms/)
  })

  test('a recipient that it deletes is told yes, and does not have the message', async () => {
    await using rcptwise = await front()
    const message = await changed(rcptwise, [`delrcpt ${bob}`])
    const mark = /^X-Mark: \d+\r?$/m.exec(message)?.[0] ?? 'no mark'
    const has = async (address: string): Promise<boolean> =>
      (await backend.mailbox(address)).some((text) => text.includes(mark.trim()))
    expect([await has(ann), await has(bob), await has(cid)]).toEqual([true, false, true])
  })

  test('discard: yes to all, and nobody has the message', async () => {
    await using rcptwise = await front()
    const mark = `X-Mark: ${++sent}`
    expect(await send(rcptwise, { from: 'eom.discard@client.test', fields: [mark] })).toEqual([
      expect.stringMatching(/^250 /),
    ])
    await backend.empty()
    for (const address of everybody)
      expect((await backend.mailbox(address)).join('\n')).not.toContain(mark)
  })

  test('quarantine without an address tags it', async () => {
    await using rcptwise = await front()
    const message = await changed(rcptwise, ['quarantine looks odd'])
    expect(message).toMatch(/^X-Rcptwise-Verdict: (?:tag|quarantine)/m)
  })

  test('after SKIP it is shown no more of the body', async () => {
    await using rcptwise = await front()
    const before = (await filter.log()).length
    await send(rcptwise, { from: 'body.skip@client.test', body: 'x\r\n'.repeat(100_000) })
    const told = (await filter.log()).slice(before).split('\n')
    expect(told.filter((line) => line.startsWith('body'))).toHaveLength(1)
    expect(told).toContain('eom')
  })

  test('several in order: each sees what those before have changed, and whom they have left', async () => {
    await using second = await startPythonMilter()
    await using rcptwise = await startFrontEnd({
      backend: backend.port,
      peer: { strategy: 'late' },
      config: {
        judges: [
          { milter: { name: 'first', url: filter.url } },
          { milter: { name: 'second', url: second.url } },
        ],
      },
    })
    const fields = ['X-Do: add X-First was here']
    await send(rcptwise, { to: [ann, '550.dan@example.org', bob], fields, prdr: true })
    const told = (await second.log()).split('\n')
    expect(told.filter((line) => line.startsWith('rcpt'))).toEqual([
      `rcpt <${ann}>`,
      `rcpt <${bob}>`,
    ])
    expect(told).toContain(`header X-First 'was here'`)
    // The message has X-Do still: the second has added the same.
    await send(rcptwise, { from: 'header.reject@client.test' })
    expect((await second.log()).split('\n').filter((line) => line.startsWith('mail'))).toHaveLength(
      1,
    )
  })

  test('it is away: on_failure decides', async () => {
    await using gone = await startPythonMilter()
    await gone.kill()
    await using accepting = await front({ url: gone.url })
    expect(await send(accepting, {})).toEqual([expect.stringMatching(/^250 /)])
    await using deferring = await front({ url: gone.url, on_failure: 'defer' })
    expect(await send(deferring, {})).toEqual([expect.stringMatching(/^451 4\.7\.0 /)])
    expect(deferring.log()).toMatch(/"judged".*"failed".*ECONNREFUSED/)
  })

  test.each(['late', 'group', 'single'])(
    'a legacy sender, %s: who is refused at RCPT is refused, the others have the message once',
    async (strategy) => {
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        peer: { strategy, retry_hint: '00:00:01' },
        config: { judges: [{ milter: { url: filter.url } }] },
      })
      await using sender = await startPostfix({
        relayTo: { host: '127.0.0.1', port: rcptwise.port },
      })
      const mark = `X-Mark: ${++sent}`
      const dan = '550.dan@example.org'
      await sender.submit({ from: 'sender@client.test', to: [ann, dan, bob], headers: [mark] })
      await until(
        'the report of the refusal is there, and all else is done',
        async () => (await sender.bounces()).length === 1,
        { explain: () => rcptwise.log() },
      )
      await sender.empty()
      await backend.empty()
      expect(await sender.bounces()).toEqual([
        expect.objectContaining({
          recipient: dan,
          reply: expect.stringContaining('the filter refuses at rcpt') as unknown,
        }) as unknown,
      ])
      for (const [address, count] of [
        [ann, 1],
        [bob, 1],
        [dan, 0],
      ] as const)
        expect((await backend.mailbox(address)).filter((text) => text.includes(mark))).toHaveLength(
          count,
        )
    },
  )
})
