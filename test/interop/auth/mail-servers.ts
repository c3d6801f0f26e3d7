/**
 * The two real servers that decide about AUTH, set up alike: AUTH after TLS alone, and sending
 * elsewhere for those who have said who they are.
 */
import { issue } from '../../../src/tls/issue.ts'
import { startDovecot } from '../../support/lab/dovecot.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

/** Who has sent a message, as the server's log has it. */
export interface Author {
  readonly mechanism: string
  readonly user: string
}

export interface AuthServer extends AsyncDisposable {
  readonly port: number
  readonly mailbox: (address: string) => Promise<string[]>
  readonly log: () => Promise<string>
  /**
   * Of the message with this queue id; undefined for one from nobody in particular. Waits until the
   * log has the message.
   */
  readonly author: (id: string) => Promise<Author | undefined>
  /** The client's address of the message with this queue id. */
  readonly client: (id: string) => Promise<string>
  /**
   * What the client hears of it for a wrong password, for sending elsewhere as a stranger, and for
   * `*`; Exim itself gives no enhanced codes.
   */
  readonly says: { readonly wrong: string; readonly noRelay: string; readonly cancelled: string }
}

export interface AuthServerOptions {
  readonly mailboxes: readonly string[]
  readonly passwords: Readonly<Record<string, string>>
  /** The rest of the world, on 127.0.0.1. */
  readonly outside: number
}

const day = 86_400_000
const certificate = async (): ReturnType<typeof issue> =>
  await issue({
    commonName: 'mail.test',
    use: 'server',
    names: ['mail.test'],
    notBefore: Date.now() - day,
    notAfter: Date.now() + day,
    keyBits: 2048,
  })

/** What `pattern` finds in the log, once it does. */
async function logged(log: () => Promise<string>, pattern: RegExp): Promise<RegExpExecArray> {
  return await until(
    `the log has ${pattern.source}`,
    async () => pattern.exec(await log()) ?? undefined,
    {
      explain: log,
    },
  )
}

const author = (mechanism: string | undefined, user: string | undefined): Author | undefined =>
  mechanism === undefined || user === undefined ? undefined : { mechanism, user }

/** In `client=name[address]` (Postfix) and `H=(name) [address]` (Exim). */
const address = ([line]: RegExpExecArray): string => /\[([\d.]+)\]/.exec(line)?.[1] ?? ''

/** Postfix, which leaves passwords to Dovecot. */
export async function postfixWithDovecot(options: AuthServerOptions): Promise<AuthServer> {
  const { passwords, mailboxes } = options
  const users = Object.keys(passwords).map((user) => `${user}@users.test`)
  const dovecot = await startDovecot({ mailboxes: users, passwords })
  try {
    const server = { mailboxes, saslPort: dovecot.saslPort, certificate: await certificate() }
    const postfix = await startPostfix({
      relayTo: { host: '127.0.0.1', port: options.outside },
      server,
    })
    return {
      port: postfix.port,
      mailbox: postfix.mailbox,
      log: async () => `${await postfix.log()}${await dovecot.log()}`,
      author: async (id) => {
        const [line] = await logged(postfix.log, new RegExp(`${id}: client=.*`))
        return author(
          /sasl_method=([^, ]+)/.exec(line)?.[1],
          /sasl_username=([^, ]+)/.exec(line)?.[1],
        )
      },
      client: async (id) => address(await logged(postfix.log, new RegExp(`${id}: client=.*`))),
      says: {
        wrong: '535 5.7.8 Error: authentication failed',
        noRelay: '554 5.7.1 <friend@elsewhere.test>: Relay access denied',
        cancelled: '501 5.7.0 Authentication aborted',
      },
      [Symbol.asyncDispose]: async () => {
        await postfix[Symbol.asyncDispose]()
        await dovecot[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await dovecot[Symbol.asyncDispose]()
    throw error
  }
}

/** Exim, which knows the passwords itself: its drivers plaintext and cram_md5. */
export async function eximAlone(options: AuthServerOptions): Promise<AuthServer> {
  const { passwords, mailboxes } = options
  const server = { mailboxes, passwords, certificate: await certificate() }
  const exim = await startExim({ relayTo: { host: '127.0.0.1', port: options.outside }, server })
  const mechanisms: Readonly<Record<string, string>> = {
    plain: 'PLAIN',
    login: 'LOGIN',
    cram: 'CRAM-MD5',
  }
  return {
    port: exim.port,
    mailbox: exim.mailbox,
    log: exim.log,
    author: async (id) => {
      const [line] = await logged(exim.log, new RegExp(`${id} <= .*`))
      const [, driver = '', user] = / A=(\w+):(\S+)/.exec(line) ?? []
      return author(mechanisms[driver], user)
    },
    client: async (id) => address(await logged(exim.log, new RegExp(`${id} <= .*`))),
    says: {
      wrong: '535 5.7.8 Incorrect authentication data',
      noRelay: '550 5.0.0 relay not permitted',
      cancelled: '501 5.7.8 Authentication cancelled',
    },
    [Symbol.asyncDispose]: async () => {
      await exim[Symbol.asyncDispose]()
    },
  }
}
