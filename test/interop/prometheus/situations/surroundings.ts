/**
 * What a front-end of a real run asks: rspamd and spamd as judges beside a header field, and SQLite,
 * Redis and slapd as sources before a file.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startRspamd } from '../../../support/lab/rspamd.ts'
import { startSpamd } from '../../../support/lab/spamd.ts'
import { reader, startSlapd } from '../../ldap/slapd.ts'
import { startRedis } from '../../redis/redis-server.ts'

export class Surroundings implements AsyncDisposable {
  readonly #parts: AsyncDisposableStack
  /** Of the configuration. */
  readonly judgesAndSources: string

  private constructor(parts: AsyncDisposableStack, judgesAndSources: string) {
    this.#parts = parts
    this.judgesAndSources = judgesAndSources
  }

  static async start(): Promise<Surroundings> {
    await using parts = new AsyncDisposableStack()
    const directory = parts.adopt(
      await mkdtemp(join(tmpdir(), 'rcptwise-surroundings-')),
      async (path) => await rm(path, { recursive: true, force: true }),
    )
    const rspamd = parts.use(await startRspamd())
    const spamd = parts.use(await startSpamd())
    const redis = parts.use(await startRedis())
    const slapd = parts.use(await startSlapd())
    const wishes = new DatabaseSync(join(directory, 'wishes.db'))
    wishes.exec('CREATE TABLE wishes (recipient TEXT, policy TEXT)')
    wishes.exec("INSERT INTO wishes VALUES ('sql@example.org', 'careful')")
    wishes.close()
    await redis.ask('SET', 'policy:redis@example.org', 'careful')
    const base = await slapd.branch()
    await slapd.add(`cn=ann,${base}`, {
      objectClass: ['recipient'],
      cn: 'ann',
      address: 'ldap@example.org',
      wish: 'careful',
    })
    const password = join(directory, 'password')
    await writeFile(password, reader.password, { mode: 0o600 })
    return new Surroundings(
      parts.move(),
      `
judges:
  - headers: { from: [127.0.0.0/8] }
  - rspamd: { url: "${rspamd.url}" }
  - spamd: { url: "spamd://${spamd.host}:${spamd.port}" }
recipients:
  default: careful
  sources:
    - sqlite:
        path: ${join(directory, 'wishes.db')}
        query: SELECT recipient, policy FROM wishes WHERE recipient IN (:addresses)
    - redis: { url: "${redis.url}", strings: "policy:" }
    - ldap:
        url: ${slapd.url}
        bind_dn: ${reader.dn}
        password_file: ${password}
        base: ${base}
        filter: "(&(objectClass=recipient)(address={key}))"
        recipient: [address]
        attributes: { policy: wish }
    - file: recipients.yaml
`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}
