/** The Exim configuration of a test: relay or backend, with what may differ between tests. */

import type { Issued } from '../../../src/tls/issue.ts'

export interface EximServer {
  /**
   * Addresses that have a mailbox; their domains are told apart by nobody, so local parts differ.
   */
  readonly mailboxes?: readonly string[]
  /** Offer PRDR; then `atDot` is answered per recipient. */
  readonly prdr?: boolean
  /** Replies to RCPT by address, such as `450 4.2.1 Mailbox busy`. */
  readonly atRcpt?: Readonly<Record<string, string>>
  /**
   * Replies after the text by address: with PRDR each recipient's own, without it the first
   * recipient's for all.
   */
  readonly atDot?: Readonly<Record<string, string>>
  /** Replies to the whole text, by the value of its `X-Lab` header line. */
  readonly byHeader?: Readonly<Record<string, string>>
  /**
   * Passwords by user name, for AUTH; who has authenticated may send anywhere, others to local
   * domains alone.
   */
  readonly passwords?: Readonly<Record<string, string>>
  /** STARTTLS with it; then AUTH is offered after TLS alone. */
  readonly certificate?: Issued
  /** Port of a spamd on 127.0.0.1 that sees each text, and decides nothing; wants `exim-heavy`. */
  readonly spamdPort?: number
}

export interface EximOptions {
  readonly port: number
  /** Which of Debian's builds; default `exim`, the light one. */
  readonly packages?: 'exim' | 'exim-heavy'
  readonly hostname?: string
  /** Where everything that is not local goes; absent: nowhere, the whole world is local. */
  readonly relayTo?: { readonly host: string; readonly port: number }
  /** Ask for PRDR where it is offered (Exim's default). */
  readonly prdr?: boolean
  readonly chunking?: boolean
  readonly tls?: 'off' | 'try' | 'require'
  /** Distance of retries, for all times. Default 1s. */
  readonly retry?: string
  /** Lines for the main section that win over those here, `name = value`. */
  readonly main?: (port: number) => readonly string[]
  readonly server?: EximServer
}

/** Domains whose mail a relaying Exim keeps: where reports of failure go. */
export const localDomain = 'client.test'

const quoted = (text: string): string => text.replaceAll('$', '\\$')

/** Replies by key as a lookup's file: `key: reply`. */
export const replyTable = (replies: Readonly<Record<string, string>> = {}): string =>
  Object.entries(replies)
    .map(([key, reply]) => `"${key}": ${quoted(reply)}\n`)
    .join('')

/** Gives the reply that a table has for a key: `deny` for 5yz, `defer` for 4yz. */
const answerFrom = (table: string, key: string): string => {
  const found = `\${lookup{${key}}lsearch{/etc/exim4/${table}}}`
  return `  deny  condition = \${if match{${found}}{^5}}
        message = ${found}
  defer condition = \${if match{${found}}{^4}}
        message = ${found}`
}

/** The text of exim4.conf (Exim 4.96 specification, chapters 14 to 30). */
export function eximConfig(options: EximOptions): string {
  const {
    port,
    hostname = 'exim.test',
    relayTo,
    prdr = true,
    chunking = true,
    tls = 'try',
    retry = '1s',
  } = options
  const { server = {} } = options
  const main = options.main?.(port) ?? []
  const local = relayTo === undefined ? '*' : localDomain
  const nameOf = (line: string): string => line.split('=')[0]?.trim() ?? ''
  const replaced = new Set(main.map(nameOf))
  const text = `
primary_hostname = ${hostname}
exim_user = Debian-exim
exim_group = Debian-exim
never_users = root
notifier_socket =
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
${tlsLines(server)}
${server.spamdPort === undefined ? '' : `spamd_address = 127.0.0.1 ${server.spamdPort}`}
host_lookup =
rfc1413_hosts =
prdr_enable = ${server.prdr === true ? 'true' : 'false'}
pipelining_connect_advertise_hosts =
domainlist local_domains = ${local}
log_selector = +all_parents +smtp_confirmation
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
${server.prdr === true ? 'acl_smtp_data_prdr = acl_dot' : ''}
acl_not_smtp = acl_everything
timeout_frozen_after = 1h
ignore_bounce_errors_after = 1h
delay_warning =
keep_environment =
bounce_return_size_limit = 10K

begin acl
acl_everything:
  accept
acl_rcpt:
  require verify = recipient
${answerFrom('at-rcpt', '$local_part@$domain')}
${server.passwords === undefined ? '' : relayAcl}
  accept
acl_data:
${answerFrom('by-header', '$h_X-Lab:')}
${server.spamdPort === undefined ? '' : '  warn  spam = nobody:true'}
${server.prdr === true ? '' : answerFrom('at-dot', '${extract{1}{, }{$recipients}}')}
  accept
acl_dot:
${answerFrom('at-dot', '$local_part@$domain')}
  accept

begin routers
mailboxes:
  driver = accept
  domains = +local_domains
  local_parts = lsearch;/etc/exim4/users
  transport = maildir
nobody_else:
  driver = redirect
  domains = +local_domains
  allow_fail
  data = :fail: 550 5.1.1 no such user here
${
  relayTo === undefined
    ? ''
    : `smarthost:
  driver = manualroute
  route_list = * ${relayTo.host}
  self = send
  transport = remote_smtp`
}

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = /var/mail/$local_part_data
  create_directory
  user = vmail
  group = vmail
  envelope_to_add
  return_path_add
${
  relayTo === undefined
    ? ''
    : `remote_smtp:
  driver = smtp
  port = ${relayTo.port}
  hosts_try_prdr = ${prdr ? '*' : ''}
  hosts_try_chunking = ${chunking ? '*' : ''}
  ${tls === 'off' ? 'hosts_avoid_tls = *' : ''}
  ${tls === 'require' ? 'hosts_require_tls = *' : ''}
  tls_verify_hosts =
  tls_try_verify_hosts =`
}

begin retry
* * F,1h,${retry}
${server.passwords === undefined ? '' : authenticators}`
  const [basics = '', ...others] = text.split(/^(?=begin )/m)
  const kept = basics.split('\n').filter((line) => !replaced.has(nameOf(line)))
  return [...kept, ...main, '', ...others].join('\n')
}

/** Specification, chapters 43 (TLS) and 33 (AUTH). */
const tlsLines = ({ certificate }: EximServer): string =>
  certificate === undefined
    ? 'tls_advertise_hosts ='
    : `tls_advertise_hosts = *
tls_certificate = /etc/exim4/certificate.pem
auth_advertise_hosts = \${if def:tls_in_cipher{*}{}}`

const relayAcl = `  accept authenticated = *
  deny  message = relay not permitted
        domains = !+local_domains`

const passwordOf = (user: string): string =>
  `\${lookup{${user}}lsearch{/etc/exim4/passwords}{$value}fail}`

/** Chapters 34 and 35: plaintext and cram_md5, with the names and prompts of its own example. */
const authenticators = `
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if eq{$auth3}{${passwordOf('$auth2')}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${if eq{$auth2}{${passwordOf('$auth1')}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${passwordOf('$auth1')}
  server_set_id = $auth1
`
