/**
 * Each parameter that passes: not offered, offered by one of two servers only, wrong, and lost
 * between EHLO and its use. The right words at the right time, and never a parameter at a server
 * that did not offer it.
 */
import { expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { start } from '../support/session.ts'

interface Passing {
  readonly parameter: string
  /** What a server says in EHLO for it. */
  readonly keywords: readonly string[]
  readonly wrong: string
  /**
   * The beginning of the answer when no server has it any more. `dropped`: it changes nothing, and
   * goes on without.
   */
  readonly lost: string
}

const onMail: readonly Passing[] = [
  { parameter: 'BODY=8BITMIME', keywords: ['8BITMIME'], wrong: 'BODY=9BIT', lost: '554 5.6.3 ' },
  { parameter: 'BODY=7BIT', keywords: ['8BITMIME'], wrong: 'BODY', lost: 'dropped' },
  {
    parameter: 'BODY=BINARYMIME',
    keywords: ['8BITMIME', 'CHUNKING', 'BINARYMIME'],
    wrong: 'BODY=',
    lost: '554 5.6.3 ',
  },
  { parameter: 'SMTPUTF8', keywords: ['SMTPUTF8'], wrong: 'SMTPUTF8=1', lost: '550 5.6.7 ' },
  { parameter: 'RET=HDRS', keywords: ['DSN'], wrong: 'RET=ALL', lost: 'dropped' },
  { parameter: 'ENVID=a+2B', keywords: ['DSN'], wrong: 'ENVID=a+2', lost: 'dropped' },
  { parameter: 'BY=600;R', keywords: ['DELIVERBY 60'], wrong: 'BY=0;R', lost: '451 4.3.3 ' },
  {
    parameter: 'MT-PRIORITY=3',
    keywords: ['MT-PRIORITY'],
    wrong: 'MT-PRIORITY=x',
    lost: 'dropped',
  },
]
const onRcpt: readonly Passing[] = [
  { parameter: 'NOTIFY=NEVER', keywords: ['DSN'], wrong: 'NOTIFY=NEVER,DELAY', lost: '451 4.3.3 ' },
  { parameter: 'NOTIFY=FAILURE', keywords: ['DSN'], wrong: 'NOTIFY=', lost: 'dropped' },
  { parameter: 'ORCPT=rfc822;a@x', keywords: ['DSN'], wrong: 'ORCPT=a@x', lost: 'dropped' },
]
const all: readonly (Passing & { readonly verb: 'MAIL' | 'RCPT' })[] = [
  ...onMail.map((one) => ({ ...one, verb: 'MAIL' as const })),
  ...onRcpt.map((one) => ({ ...one, verb: 'RCPT' as const })),
]
const every = [...new Set(all.flatMap(({ keywords }) => keywords))]
const nothing = ['250-backend.test', '250 PIPELINING']

interface Greeted extends Passing {
  readonly verb: 'MAIL' | 'RCPT'
  readonly ehlo: string
  /** Says the command with a parameter, in a session of its own, and gives the answer. */
  readonly ask: (parameter: string) => Promise<string>
}

interface World extends AsyncDisposable {
  readonly backends: readonly FakeBackend[]
  /** One session for each of `all`, after its EHLO. */
  readonly sessions: readonly Greeted[]
  /** Lines of all servers that hold this. */
  shown(words: string): string[]
}

/** Behind servers that offer what is listed for each. */
async function startWorld(servers: readonly (readonly string[])[]): Promise<World> {
  await using parts = new AsyncDisposableStack()
  const backends: FakeBackend[] = []
  for (const keywords of servers)
    backends.push(parts.use(await startFakeBackend({ offers: ['PIPELINING', ...keywords] })))
  const urls = JSON.stringify(backends.map(({ url }) => url))
  const config = `ehlo: { chunking: true }\nbackend: { servers: ${urls}, mail: at_once }\nrelay_domains: [example.org]\n`
  const app = parts.use(await start({ config }))
  const sessions: Greeted[] = []
  for (const passing of all) {
    const client = await Client.connect(app.port)
    parts.defer(() => client.close())
    await client.reply()
    const ehlo = await client.ask('EHLO client.test')
    const ask = async (parameter: string): Promise<string> => {
      if (passing.verb === 'MAIL') return await client.ask(`MAIL FROM:<s@example.net> ${parameter}`)
      await client.ask('MAIL FROM:<s@example.net>')
      return await client.ask(`RCPT TO:<a@example.org> ${parameter}`)
    }
    sessions.push({ ...passing, ehlo, ask })
  }
  const owned = parts.move()
  return {
    backends,
    sessions,
    shown: (words) =>
      backends.flatMap((backend) => backend.lines()).filter((line) => line.includes(words)),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}

/** It has restarted with less: its connections end, and new ones offer nothing. */
async function loseAll(backend: FakeBackend | undefined): Promise<void> {
  backend?.rule({ on: 'EHLO', say: nothing })
  for (const { socket } of backend?.connections ?? []) socket.destroy()
  await until('its connections have ended', () => backend?.open() === 0)
}

const offers = (ehlo: string, { keywords }: Passing): boolean =>
  new RegExp(`^250[- ]${keywords.at(-1)?.split(' ')[0] ?? ''}\\b`, 'm').test(ehlo)

test.each([
  ['by nobody', [[]]],
  ['by one of two servers', [every, []]],
])('offered %s: 555', async (_name, servers) => {
  await using world = await startWorld(servers)
  for (const session of world.sessions) {
    expect(offers(session.ehlo, session), session.parameter).toBe(false)
    expect(await session.ask(session.parameter)).toMatch(/^555 5\.5\.4 \S+ was not offered here$/)
    expect(world.shown(session.parameter)).toEqual([])
  }
})

test('offered by both servers, it goes on as it came', async () => {
  await using world = await startWorld([every, every])
  for (const session of world.sessions) {
    expect(offers(session.ehlo, session), session.parameter).toBe(true)
    expect(await session.ask(session.parameter), session.parameter).toMatch(/^250 /)
    expect(world.shown(session.parameter)).toHaveLength(1)
  }
})

test('with a value that it can not have: 501', async () => {
  await using world = await startWorld([every])
  for (const { ask, wrong } of world.sessions) {
    expect(await ask(wrong), wrong).toMatch(/^501 5\.5\.4 /)
    expect(world.shown(` ${wrong}`)).toEqual([])
  }
})

test('offered, and then no server has it any more', async () => {
  await using world = await startWorld([every])
  await loseAll(world.backends[0])
  for (const { ask, parameter, lost } of world.sessions) {
    const said = await ask(parameter)
    expect(said.startsWith(lost === 'dropped' ? '250 ' : lost), `${parameter}: ${said}`).toBe(true)
    expect(world.shown(parameter)).toEqual([])
  }
})

test('offered, and the only server that has it is away: for now', async () => {
  await using world = await startWorld([every, every])
  const [gone, left] = world.backends
  await gone?.stop()
  await loseAll(left)
  for (const { ask, verb, parameter, lost } of world.sessions) {
    if (verb === 'RCPT' || lost === 'dropped') continue
    expect(await ask(parameter), parameter).toMatch(
      /^451 4\.3\.3 No mail server that knows \S+ can be reached; /,
    )
    expect(world.shown(parameter)).toEqual([])
  }
})

test('behind HELO nothing was offered', async () => {
  await using backend = await startFakeBackend()
  await using app = await start({
    config: `backend: { servers: ["${backend.url}"], mail: at_once }\nrelay_domains: [example.org]\n`,
  })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('HELO client.test')
  for (const parameter of ['SIZE=5', 'BODY=8BITMIME', 'SMTPUTF8', 'RET=FULL', 'PRDR'])
    expect(await client.ask(`MAIL FROM:<s@example.net> ${parameter}`)).toMatch(/^555 5\.5\.4 /)
  client.close()
})
