/**
 * Dovecot's LMTP server in a place of its own, as a backend: Maildirs, and quotas that only some
 * recipients have exceeded.
 */
import path from 'node:path'
import { readMaildir } from './maildir.ts'
import { Place } from './place.ts'
import { freePort, greets } from './ports.ts'
import { until } from './until.ts'

export interface DovecotOptions {
  /**
   * Addresses that have a mailbox; their domains are told apart by nobody, so local parts differ.
   */
  readonly mailboxes: readonly string[]
  /** Addresses whose mailbox is full: no message fits into it. */
  readonly full?: readonly string[]
  /** A full mailbox is answered 452 in place of 552. */
  readonly fullIsTemporary?: boolean
  /**
   * Sieve scripts by local part of a mailbox (Pigeonhole); its reports leave by SMTP, to
   * `submission`.
   */
  readonly sieve?: {
    readonly scripts: Readonly<Record<string, string>>
    readonly submission: number
  }
  /**
   * Passwords by local part of a mailbox; they are asked for by mail servers that leave AUTH to it,
   * on `saslPort`.
   */
  readonly passwords?: Readonly<Record<string, string>>
}

export interface Dovecot extends AsyncDisposable {
  readonly port: number
  /** Where mail servers ask for SASL (Postfix: `smtpd_sasl_path = inet:127.0.0.1:PORT`). */
  readonly saslPort: number
  /** The file of its Unix socket, on the host. */
  readonly socketPath: string
  readonly log: () => Promise<string>
  /** Messages in the Maildir of an address, with CRLF as they came. */
  readonly mailbox: (address: string) => Promise<string[]>
  /** From now on these are full, and no others. */
  readonly fill: (full: readonly string[]) => Promise<void>
  /** It has no queue: what it said yes to is in the mailbox. */
  readonly empty: () => Promise<void>
}

const lmtpSocket = '/run/dovecot/lmtp'
const users = '/etc/dovecot/users'

/**
 * Starts Dovecot 2.3 with LMTP on a port of 127.0.0.1 and on a Unix socket. Ends with `await using`
 * or its dispose.
 */
export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  const place = await Place.make(options.sieve === undefined ? 'dovecot' : 'dovecot-sieve')
  const [port, saslPort] = [await freePort(), await freePort()]
  await place.write('/etc/dovecot/dovecot.conf', dovecotConf(options, port, saslPort))
  const fill: Dovecot['fill'] = async (full) => await place.write(users, userTable(options, full))
  await fill(options.full ?? [])
  await place.directory('/var/mail', { user: 'vmail', group: 'vmail', mode: 0o755 })
  await place.directory('/etc/dovecot/sieve', { user: 'vmail', group: 'vmail', mode: 0o755 })
  for (const [name, script] of Object.entries(options.sieve?.scripts ?? {}))
    await place.write(`/etc/dovecot/sieve/${name}.sieve`, script)
  await place.directory('/run/dovecot', { user: 'root', group: 'root', mode: 0o755 })
  const log = async (): Promise<string> => await place.read('/daemon.log')
  const daemon = await place.start('/usr/sbin/dovecot', ['-F', '-c', '/etc/dovecot/dovecot.conf'])
  try {
    await until('Dovecot listens', async () => daemon.exitCode !== null || (await greets(port)))
    if (daemon.exitCode !== null) throw new Error(`Dovecot ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`Dovecot did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    saslPort,
    socketPath: place.host(lmtpSocket),
    log,
    fill,
    mailbox: async (address) =>
      await readMaildir(place.host(path.join('/var/mail', localPart(address), 'Maildir'))),
    empty: async () => await Promise.resolve(),
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}

const localPart = (address: string): string => address.slice(0, address.lastIndexOf('@'))

/** As in passwd(5), with what the quota plugin reads behind it. */
const userTable = (
  { mailboxes, passwords = {} }: DovecotOptions,
  full: readonly string[],
): string =>
  mailboxes
    .map((address) => {
      const name = localPart(address)
      const rule = full.includes(address) ? '*:bytes=1' : '*:storage=1G'
      return `${name}:{PLAIN}${passwords[name] ?? 'x'}:903:903::/var/mail/${name}::userdb_quota_rule=${rule}\n`
    })
    .join('')

const dovecotConf = (
  { fullIsTemporary = false, sieve }: DovecotOptions,
  port: number,
  saslPort: number,
): string => `
protocols = lmtp
base_dir = /run/dovecot
log_path = /dev/stderr
info_log_path = /dev/stderr
hostname = dovecot.test
ssl = no
default_internal_user = vmail
default_internal_group = vmail
default_login_user = nobody
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_save_crlf = yes
auth_username_format = %Ln
quota_full_tempfail = ${fullIsTemporary ? 'yes' : 'no'}
passdb {
  driver = passwd-file
  args = username_format=%n ${users}
}
userdb {
  driver = passwd-file
  args = username_format=%n ${users}
}
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
auth_verbose = yes
service anvil {
  # No waiting after wrong passwords, which all come from one address here.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  inet_listener sasl {
    address = 127.0.0.1
    port = ${saslPort}
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
  unix_listener lmtp {
    mode = 0666
  }
}
protocol lmtp {
  mail_plugins = quota${sieve === undefined ? '' : ' sieve'}
}
${sieve === undefined ? '' : `submission_host = 127.0.0.1:${sieve.submission}\npostmaster_address = postmaster@dovecot.test`}
plugin {
  quota = maildir:User quota
  ${sieve === undefined ? '' : 'sieve = file:/etc/dovecot/sieve/%n.sieve'}
}
`
