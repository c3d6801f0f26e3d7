/**
 * rspamd greylists in front of recipients with different limits: a message that is answered in
 * parts waits once, and not once a group.
 *
 *   Postfix ─▶ Rcptwise ─(XCLIENT)▶ Postfix
 *                 └─(HTTP)▶ rspamd 3.4 with its module greylist ─▶ Redis
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients } from '../../support/lab/mixed.ts'
import { packageRoot } from '../../support/lab/packages.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { startRspamd } from '../../support/lab/rspamd.ts'
import { startRedis } from '../redis/redis-server.ts'

const versions = ['3.4', '3.12'] as const

/**
 * Version 3.4 passes a message whose envelope or whose body it knows. From 3.12 on the recipients
 * are part of the body's key, too.
 */
async function moduleOf(version: (typeof versions)[number]): Promise<string> {
  const shipped = path.join(await packageRoot('rspamd'), 'usr/share/rspamd/plugins/greylist.lua')
  const lua = await readFile(shipped, 'utf8')
  if (version === '3.4') return lua
  const newer = lua.replace(
    'h:update(body, len)',
    `h:update(body, len)
  local to = {}
  for _, r in ipairs(task:get_recipients('smtp') or {}) do to[#to + 1] = r.addr end
  table.sort(to)
  for _, addr in ipairs(to) do h:update(addr) end`,
  )
  if (newer === lua) throw new Error('greylist.lua has another form')
  return newer
}

const greylisting = (redisPort: number): string => `
modules { path = "/etc/rspamd/greylist.lua"; }
redis { servers = "127.0.0.1:${redisPort}"; }
greylist { timeout = 2s; check_local = true; }
`

describe.skipIf(interopObstacle() !== undefined)('rspamd greylists', () => {
  test.concurrent.each(
    versions.flatMap((version) =>
      ['group', 'single', 'late'].map((strategy) => [strategy, version] as const),
    ),
  )(
    '%s, as version %s does: a message of 9.5 to six recipients of three policies waits once, and each recipient has their own answer in the end',
    async (strategy, version) => {
      await using redis = await startRedis()
      await using rspamd = await startRspamd({
        config: greylisting(redis.port),
        files: { 'greylist.lua': await moduleOf(version) },
      })
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
        config: { judges: [{ rspamd: { url: rspamd.url } }] },
      })
      await using sender = await startPostfix({
        relayTo: { host: '127.0.0.1', port: rcptwise.port },
      })
      const score = 9.5
      await sender.submit({ ...mixedMessage(score), headers: [`X-Test-Score: ${score}`] })
      await expectFates(sender, backend, fates[score])

      const log = await rspamd.log()
      expect(log.match(/greylisted until ".*", new record/g), log).toHaveLength(1)
      expect(await redis.ask('KEYS', 'rg*')).toHaveLength(2)
      const putOff = rcptwise.transactions().filter((fact) => fact.deferredByJudge === true)
      expect(putOff.length).toBeGreaterThan(0)
      for (const { reply, unsplit } of putOff) {
        expect(reply).toBe('451 4.7.1 Try again later')
        expect(unsplit).toBeUndefined()
      }
    },
  )
})
