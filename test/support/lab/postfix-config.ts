/** The Postfix configuration of a test: relay or backend, with what may differ between tests. */

import type { Issued } from '../../../src/tls/issue.ts'

export interface PostfixServer {
  /** Addresses that have a mailbox; others in their domains get 550 5.1.1. */
  readonly mailboxes?: readonly string[]
  /** Replies to RCPT by address, such as `450 4.2.1 Mailbox busy` (access(5)). */
  readonly atRcpt?: Readonly<Record<string, string>>
  /**
   * Replies to the whole text, by the value of its `X-Lab` header line, such as `5.7.1 No` or
   * `4.7.1 Later` (header_checks(5)).
   */
  readonly byHeader?: Readonly<Record<string, string>>
  /**
   * AUTH by a Dovecot that serves SASL on this port of 127.0.0.1; who has authenticated may send
   * anywhere.
   */
  readonly saslPort?: number
  /** STARTTLS with it; then AUTH is offered after TLS alone. */
  readonly certificate?: Issued
}

export interface PostfixOptions {
  readonly port: number
  readonly hostname?: string
  /** Where everything without a mailbox here goes; absent: nowhere. */
  readonly relayTo?: { readonly host: string; readonly port: number }
  readonly tls?: 'off' | 'try' | 'require'
  readonly server?: PostfixServer
  /** Lines for main.cf that win over those here, `name = value`. */
  readonly main?: readonly string[]
  /** The entry of master.cf that listens, in place of the one here. */
  readonly listener?: (port: number) => string
}

const regexQuoted = (text: string): string => text.replaceAll(/[^\w ]/g, '\\$&')

export const mailboxTable = (server: PostfixServer): string =>
  (server.mailboxes ?? []).map((address) => `${address} ${mailboxDirectory(address)}/\n`).join('')

/** The Maildir of an address below /var/mail. */
export const mailboxDirectory = (address: string): string => address.replaceAll(/[^\w.+@-]/g, '_')

export const accessTable = (server: PostfixServer): string =>
  Object.entries(server.atRcpt ?? {})
    .map(([address, reply]) => `${address} ${reply}\n`)
    .join('')

export const headerChecks = (server: PostfixServer): string =>
  Object.entries(server.byHeader ?? {})
    .map(([value, reply]) => `/^X-Lab: *${regexQuoted(value)}$/ REJECT ${reply}\n`)
    .join('')

/**
 * The text of main.cf (postconf(5), Postfix 3.7). With a backoff of one second the queue manager
 * would now and then try again while the delivery agent still has the file, and then ("skipped,
 * still being delivered") only after a minute. Its other waits of a minute, for a delivery agent that
 * has failed, are short here too.
 */
export function mainCf(options: PostfixOptions): string {
  const { hostname = 'postfix.test', relayTo, tls = 'try', server = {}, main = [] } = options
  const domains = new Set(
    (server.mailboxes ?? []).map((address) => address.slice(address.lastIndexOf('@') + 1)),
  )
  const level = { off: 'none', try: 'may', require: 'encrypt' }[tls]
  return overridden(
    `
compatibility_level = 3.6
myhostname = ${hostname}
myorigin = ${hostname}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = all
maillog_file = /var/log/postfix.log
queue_directory = /var/spool/postfix
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
data_directory = /var/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
alias_maps =
alias_database =
local_recipient_maps =
biff = no
smtpd_peername_lookup = no
smtpd_relay_restrictions = ${relayTo === undefined ? '' : 'permit_mynetworks, '}reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:/etc/postfix/at-rcpt
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
header_checks = regexp:/etc/postfix/header-checks
virtual_mailbox_domains = ${[...domains].join(' ')}
virtual_mailbox_maps = texthash:/etc/postfix/mailboxes
virtual_mailbox_base = /var/mail
virtual_uid_maps = static:903
virtual_gid_maps = static:903
unknown_local_recipient_reject_code = 550
disable_dns_lookups = yes
smtp_host_lookup = native
smtp_tls_security_level = ${level}
smtp_tls_loglevel = 1
${relayTo === undefined ? 'default_transport = error:5.4.4 this lab leads nowhere else' : `relayhost = [${relayTo.host}]:${relayTo.port}`}
queue_run_delay = 1s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
transport_retry_time = 2s
service_throttle_time = 2s
notify_classes =
smtp_destination_concurrency_failed_cohort_limit = 0
`,
    [...saslLines(server), ...main],
  )
}

/** postconf(5), SASL_README and TLS_README. */
const saslLines = ({ saslPort, certificate }: PostfixServer): string[] => [
  ...(saslPort === undefined
    ? []
    : [
        'smtpd_sasl_auth_enable = yes',
        'smtpd_sasl_type = dovecot',
        `smtpd_sasl_path = inet:127.0.0.1:${saslPort}`,
        'smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination',
      ]),
  ...(certificate === undefined
    ? []
    : [
        'smtpd_tls_chain_files = /etc/postfix/certificate.pem',
        'smtpd_tls_security_level = may',
        'smtpd_tls_auth_only = yes',
      ]),
]

/**
 * The lines of `text`, and those of `main` in place of lines of the same name. An entry that is
 * there twice is a warning of every program that starts, postlogd too, which then may wait for ever
 * for room in its own socket.
 */
function overridden(text: string, main: readonly string[]): string {
  const nameOf = (line: string): string => line.slice(0, line.indexOf('=')).trim()
  const names = new Set(main.map(nameOf))
  const kept = text.split('\n').filter((line) => line === '' || !names.has(nameOf(line)))
  return `${[...kept, ...main].join('\n')}\n`
}

/** The text of master.cf: no service here leaves the root for a second one (chroot column n). */
export function masterCf({ port, listener }: PostfixOptions): string {
  const services = [
    listener?.(port) ?? `127.0.0.1:${port} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    // Each second: a wake-up that is lost is made up for.
    'qmgr unix n - n 1 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'flush unix n - n 1000? 0 flush',
    'proxymap unix - - n - - proxymap',
    'proxywrite unix - - n - 1 proxymap',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    'showq unix n - n - - showq',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'local unix - n n - - local',
    'virtual unix - n n - - virtual',
    'lmtp unix - - n - - lmtp',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'postlog unix-dgram n - n - 1 postlogd',
  ]
  return `${services.join('\n')}\n`
}
