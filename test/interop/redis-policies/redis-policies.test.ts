/** A real Redis as a source of policies and of aliases: what it is asked, killed, slow and back. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { reportOn } from '../../../src/app/recipient-report.ts'
import { type OpenPolicySource, openPolicySource } from '../../../src/app/policy-source.ts'
import { checkRecipients } from '../../../src/cli/check-recipients.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { aliasesRead, keyedSource, policiesRead } from '../../../src/policy/keyed/keyed-source.ts'
import type { Answer, RawPolicy, Source } from '../../../src/policy/policy-source.ts'
import { type RedisLayout, redisStore } from '../../../src/policy/redis/redis-store.ts'
import { nameOfRaw } from '../../policy/breakable.ts'
import { describePolicySource } from '../../policy/source.contract.ts'
import { redisObstacle, type RedisServer, startRedis } from '../redis/redis-server.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/recipients.md'), 'utf8')
const [, section = ''] = page.split('\n## Redis\n')
const recipe = (language: string): string =>
  new RegExp('```' + language + '\\n([\\s\\S]*?)```').exec(section)?.[1] ?? ''

const listening = new AbortController().signal
const limitMs = 1500
const valueBytes = 1024
const layouts: readonly RedisLayout[] = [
  { kind: 'strings', prefix: 'policy:' },
  { kind: 'hash', name: 'policies' },
  { kind: 'hashes', prefix: 'wish:' },
]

describe.skipIf(redisObstacle() !== undefined)('Redis', () => {
  let server: RedisServer
  const opened: Source<unknown>[] = []
  beforeAll(async () => {
    server = await startRedis()
  }, 120_000)
  afterAll(async () => await server[Symbol.asyncDispose]())
  beforeEach(async () => {
    await server.ask('FLUSHALL')
  })
  afterEach(async () => {
    for (const source of opened.splice(0)) await source.close()
  })

  const put = async (layout: RedisLayout, key: string, text: string): Promise<void> => {
    if (layout.kind === 'strings') await server.ask('SET', layout.prefix + key, text)
    else if (layout.kind === 'hash') await server.ask('HSET', layout.name, key, text)
    else await server.ask('HSET', layout.prefix + key, 'policy', text)
  }
  const open = (layout: RedisLayout, url = server.url): Source<RawPolicy> => {
    const source = keyedSource(
      redisStore({ url, layout, limitMs, valueBytes }, policiesRead),
      policiesRead,
    )
    opened.push(source)
    return source
  }
  const ask = async (source: Source<RawPolicy>, ...recipients: readonly string[]) =>
    (await source.policiesFor(recipients, listening)).map(nameOf)
  const commands = async (): Promise<number> => {
    const stats = String(await server.ask('INFO', 'commandstats'))
    const calls = [...stats.matchAll(/cmdstat_(?:mget|hmget|hgetall):calls=(\d+)/g)]
    return calls.reduce((sum, [, count]) => sum + Number(count), 0)
  }

  describe.each(layouts)('$kind', (layout) => {
    describePolicySource(`Redis, ${layout.kind}`, {
      async open(entries) {
        for (const [key, name] of Object.entries(entries))
          if (!/^user[1-9]\d/.test(key)) await put(layout, key, name)
        const rest = Object.entries(entries).filter(([key]) => /^user[1-9]\d/.test(key))
        await Promise.all(rest.map(async ([key, name]) => await put(layout, key, name)))
        const source = open(layout)
        return {
          source,
          breakIt: async () => {
            await source.close()
          },
          end: async () => await source.close(),
        }
      },
      nameOf: nameOfRaw,
    })

    test('the address, without its detail, and the domain', async () => {
      await put(layout, 'ann@example.org', 'strict')
      await put(layout, '@example.org', 'careful')
      expect(
        await ask(open(layout), 'Ann+x@example.org', 'bob@example.org', 'a@b.example'),
      ).toEqual(['strict', 'careful', 'unknown'])
    })

    test('what stands in an address stays a key', async () => {
      await put(layout, 'ann@example.org', 'strict')
      const odd = [
        '*@example.net',
        '$-1\r\nFLUSHALL\r\n@example.net',
        '"\'\\@example.net',
        '{a}@example.net',
        'a b (c) %@example.net',
        'ü💌@example.net',
        'nul\0@example.net',
      ]
      expect(await ask(open(layout), ...odd, 'ann@example.org')).toEqual([
        ...odd.map(() => 'unknown'),
        'strict',
      ])
      expect(await server.ask('DBSIZE')).toBe(1)
    })

    test('recipients.md: “If more than `value_size` (64 KiB) stands under one key, that is no policy, and in `recipients.aliases` no alias.” Nobody else in the question loses theirs', async () => {
      const field = layout.kind === 'hashes' ? 'policy'.length : 0
      await put(layout, 'ann@example.org', 'x'.repeat(valueBytes - field))
      await put(layout, 'bob@example.org', 'x'.repeat(valueBytes - field + 1))
      await put(layout, 'carl@example.org', 'strict')
      const recipients = ['ann@example.org', 'bob@example.org', 'carl@example.org']
      expect(await open(layout).policiesFor(recipients, listening)).toMatchObject([
        { kind: 'named' },
        { kind: 'wrong', why: 'it has 1025 octets, and value_size is 1024' },
        { kind: 'named', name: 'strict' },
      ])
      const settings = { url: server.url, layout, limitMs, valueBytes }
      const aliases = keyedSource(redisStore(settings, aliasesRead), aliasesRead)
      opened.push(aliases)
      expect(await aliases.policiesFor(['bob@example.org'], listening)).toEqual([
        { kind: 'unknown' },
      ])
    })

    test('killed, it fails; back, it answers', async () => {
      const source = open(layout)
      expect(await ask(source, 'ann@example.org')).toEqual(['unknown'])
      await server.kill()
      expect(await ask(source, 'ann@example.org')).toEqual([expect.stringMatching(/^failed/)])
      await server.startAgain()
      await put(layout, 'ann@example.org', 'strict')
      await expect.poll(async () => await ask(source, 'ann@example.org')).toEqual(['strict'])
    })
  })

  test('a thousand recipients are one command', async () => {
    const before = await commands()
    const many = Array.from({ length: 1000 }, (_, i) => `u${i}+x@example.net`)
    for (const layout of layouts.slice(0, 2)) await ask(open(layout), ...many)
    expect((await commands()) - before).toBe(2)
  })

  test('values in braces, and as fields of a hash of their own', async () => {
    await server.ask('SET', 'policy:ann@example.org', '{ tag_at: 5, spamd: { reject_at: 8 } }')
    await server.ask('HSET', 'wish:ann@example.org', 'tag_at', '5', 'REJECT_AT', '')
    await server.ask('HSET', 'wish:@example.org', 'reject_at', '9', 'colour', 'red')
    const [strings, , hashes] = layouts
    if (strings === undefined || hashes === undefined) throw new Error('there are three')
    expect(await open(strings).policiesFor(['ann@example.org'], listening)).toEqual([
      { kind: 'values', tagAt: 5, scorers: { spamd: { rejectAt: 8 } } },
    ])
    expect(
      await open(hashes).policiesFor(['ann@example.org', 'bob@example.org'], listening),
    ).toMatchObject([
      { kind: 'values', tagAt: 5, behind: { kind: 'wrong' } },
      { kind: 'wrong', why: 'colour: is nothing that a policy can say' },
    ])
  })

  test('mailboxes', async () => {
    await server.ask('SET', 'alias:info@example.org', 'ann@example.org, bob@example.org')
    const layout = { kind: 'strings', prefix: 'alias:' } as const
    const store = redisStore({ url: server.url, layout, limitMs, valueBytes }, aliasesRead)
    const source = keyedSource(store, aliasesRead)
    opened.push(source)
    expect(await source.policiesFor(['info@example.org'], listening)).toEqual([
      { kind: 'alias', key: 'info@example.org', to: ['ann@example.org', 'bob@example.org'] },
    ])
  })

  test('one that is held up is a failure in time, and what is known serves', async () => {
    const layout = { kind: 'strings', prefix: 'policy:' } as const
    await put(layout, 'ann@example.org', 'strict')
    const cache = { foundMs: 0, unknownMs: 0, staleMs: 60_000, mostRecipients: 100 }
    const source: OpenPolicySource = await openPolicySource(
      { kind: 'redis', limitMs, server: { url: server.url, layout, limitMs, valueBytes }, cache },
      { onFact: () => undefined, now: Date.now },
    )
    opened.push(source)
    expect(await ask(source, 'ann@example.org')).toEqual(['strict'])
    const held = server.ask('DEBUG', 'SLEEP', '4')
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await ask(source, 'ann@example.org', 'bob@example.org')).toEqual([
      'strict',
      expect.stringMatching(/^failed.*in time/),
    ])
    await held
    await expect.poll(async () => await ask(source, 'bob@example.org')).toEqual(['unknown'])
  })

  test('the recipe of docs/recipients.md, as it is written there: `check` and `recipients test` ask it', async () => {
    const yaml = `relay_domains: [example.org]
policies: { careful: { tag_at: 6, reject_at: 15 }, strict: { tag_at: 5, reject_at: 8 } }
${recipe('yaml').replace('redis://127.0.0.1:6379', server.url)}`
    const loaded = parseConfig(yaml, '/config.yaml')
    if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
    for (const line of recipe('text').trim().split('\n')) {
      const [, key = '', value = ''] = /^SET (\S+) "?(.*?)"?$/.exec(line) ?? []
      await server.ask('SET', key, value)
    }
    const name = `redis:127.0.0.1:${server.port}/0`
    expect(await checkRecipients(loaded.config)).toEqual([
      {
        level: 'ok',
        what: 'recipients',
        where: name,
        text: `${name} answers: postmaster@example.org has tag_at 5, reject_at 9`,
      },
    ])
    const [report] = await reportOn({ addresses: ['ann@example.org'], sender: '' }, loaded.config)
    expect(report?.policy).toMatchObject({ tagAt: 5, rejectAt: 8 })
  })

  test('a server that wants a password is a failure with its words', async () => {
    await using guarded = await startRedis({ requirepass: 's3cret' })
    const layout = { kind: 'strings', prefix: 'policy:' } as const
    const url = `redis://127.0.0.1:${guarded.port}`
    expect(await ask(open(layout, url), 'ann@example.org')).toEqual([
      expect.stringMatching(/^failed.*NOAUTH/),
    ])
    expect(await ask(open(layout, guarded.url), 'ann@example.org')).toEqual(['unknown'])
  })
})

const nameOf = (answer: Answer<RawPolicy>): string => {
  if (answer.kind === 'failed') return `failed ${answer.why}`
  return answer.kind === 'unknown' ? 'unknown' : nameOfRaw(answer)
}
