/**
 * The whole configuration after defaults, units and references were resolved: what app.ts puts the
 * parts together from. No part imports this; each takes its own small options. The YAML's keys are
 * the same words in snake_case, and schema.ts gives each its type, default, unit and sentence.
 */
import type { Policy } from '../verdict/policy.ts'
import type { ConfigurableStrategy, StrategyName } from '../strategy/names.ts'
import type { PeerClass } from '../strategy/peer-class.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/**
 * `starttls` offers it, `implicit` begins with the handshake (RFC 8314 3.3), `off` does neither.
 */
export type ListenerTls = 'starttls' | 'implicit' | 'off'

export interface ConfiguredListener extends ListenAddress {
  readonly tls: ListenerTls
  /** AUTH is passed to the backend: after TLS, or in clear too. */
  readonly auth: 'off' | 'pass' | 'pass_in_clear'
  /** Ranges of proxies whose connections begin with a PROXY header. */
  readonly proxyProtocolFrom: readonly string[]
  /** Ranges of proxies that are believed in XCLIENT. */
  readonly xclientFrom: readonly string[]
}

export type ServerAddress =
  | {
      readonly kind: 'smtp'
      readonly host: string
      readonly port: number
      readonly url: string
      /** `smtps:`: the handshake comes before the greeting. */
      readonly implicitTls?: true
      /** `mx:`: `host` is a domain, whose MX records name the hosts. */
      readonly mx?: true
      /** `lmtp:`: LHLO, and one reply per recipient after the text (RFC 2033). */
      readonly lmtp?: true
      /** `lmtp+unix:`: the socket's file, in place of host and port. */
      readonly socketPath?: string
    }
  | { readonly kind: 'sink'; readonly directory: string; readonly url: string }

export type ConfiguredServer =
  | (Extract<ServerAddress, { kind: 'smtp' }> & {
      /** Lower ones first. */
      readonly priority: number
      readonly weight: number
    })
  | Extract<ServerAddress, { kind: 'sink' }>

/**
 * Which peers a class holds; a peer is in it when any one entry fits. An empty match fits everyone.
 */
export interface PeerMatch {
  /** Address ranges in CIDR form. */
  readonly address: readonly string[]
  /**
   * Patterns with `*.` in front for "any host below"; `rdns` only counts when the name leads back
   * to the address.
   */
  readonly rdns: readonly string[]
  readonly helo: readonly string[]
  /** Domains of the reverse-path, exact or `*.`. */
  readonly senderDomain: readonly string[]
}

/** Per minute and client address; absent: no limit of its own. */
export interface ConfiguredRates {
  readonly connectionsPerMinute?: number
  readonly messagesPerMinute?: number
  readonly recipientsPerMinute?: number
  readonly errorsPerMinute?: number
}

export interface ConfiguredPeerClass extends Omit<
  PeerClass,
  'strategy' | 'chosen' | 'unvouchedAs'
> {
  readonly strategy: ConfigurableStrategy
  readonly shadow?: StrategyName
  readonly match: PeerMatch
  /**
   * In place of `limits`; `sessions` is for all peers of the class together. `Infinity` is `off`.
   */
  readonly limits: {
    readonly sessions?: number
    readonly sessionsPerAddress?: number
    readonly sessionsPerNetwork?: number
    readonly rates: ConfiguredRates
  }
}

/** Where policies, or mailboxes, are looked up. */
export type SourceConfig = FileSourceConfig | AskedConfig

export interface FileSourceConfig {
  /** Rcptwise's own file, or one of Postfix's. */
  readonly kind: 'file' | 'texthash' | 'regexp'
  readonly path: string
}

/** Those whose answers are kept. */
export type AskedConfig =
  SqliteConfig | ServerConfig | HttpSourceConfig | SocketmapConfig | RedisSourceConfig | LdapConfig

/** What all sources have whose answers are kept. */
export interface AskedSourceConfig {
  readonly keepMs: number
  readonly keepUnknownMs: number
  readonly serveStaleMs: number
  readonly cacheEntries: number
  /** Absent: as `recipients.onFailure`. */
  readonly onFailure?: 'defer' | 'default'
}

export interface ServerConfig extends AskedSourceConfig {
  readonly kind: 'postgres' | 'mysql'
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly passwordFile?: string
  readonly tls: boolean
  readonly ca?: string
  readonly connections: number
  readonly query: string
}

export interface HttpSourceConfig extends AskedSourceConfig {
  readonly kind: 'http'
  readonly server: HttpServer
  readonly tokenFile?: string
  readonly ca?: string
  readonly connections: number
  readonly answerSizeBytes: number
}

export interface SocketmapConfig extends AskedSourceConfig {
  readonly kind: 'socketmap'
  readonly server: { readonly host: string; readonly port: number; readonly socketPath?: string }
  readonly map: string
  readonly connections: number
}

export interface RedisSourceConfig extends AskedSourceConfig {
  readonly kind: 'redis'
  readonly url: string
  /** PEM file. */
  readonly ca?: string
  readonly layout:
    | { readonly kind: 'strings' | 'hashes'; readonly prefix: string }
    | { readonly kind: 'hash'; readonly name: string }
  readonly valueSizeBytes: number
}

export interface LdapConfig extends AskedSourceConfig {
  readonly kind: 'ldap'
  readonly url: string
  readonly startTls: boolean
  readonly ca?: string
  /** By the user of the process, at a Unix socket; or by name. Absent: anonymous. */
  readonly bind?: 'external' | { readonly dn: string; readonly passwordFile: string }
  readonly base: string
  readonly scope: 'sub' | 'one'
  readonly filter: string
  readonly keyAttributes: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
}

export interface SqliteConfig extends AskedSourceConfig {
  readonly kind: 'sqlite'
  readonly path: string
  readonly query: string
}

export type JudgeConfig =
  | {
      readonly kind: 'headers'
      /** Ranges of the hosts whose fields are believed. */
      readonly from: readonly string[]
      readonly field: 'X-Spam-Score' | 'X-Rspamd-Score' | 'X-Spam-Status' | 'X-Spamd-Result'
      readonly onFailure: 'accept' | 'tag' | 'defer'
    }
  | RspamdConfig
  | SpamdConfig
  | MilterConfig
  | HookConfig

/** What all judges have that are asked over a network. */
export interface ScannerConfig {
  readonly timeLimitMs: number
  readonly connectTimeoutMs: number
  readonly onFailure: 'accept' | 'tag' | 'defer'
  readonly maxSizeBytes: number
  readonly atATime: number
  readonly answerSizeBytes: number
}

export interface SpamdConfig extends ScannerConfig {
  readonly kind: 'spamd'
  readonly servers: readonly SocketAddress[]
  readonly scan: 'once' | 'perPolicy' | 'perRecipient'
  readonly user?: string
}

export interface MilterConfig extends ScannerConfig {
  readonly kind: 'milter'
  /** For log and metrics. */
  readonly name: string
  readonly servers: readonly SocketAddress[]
}

export interface SocketAddress {
  readonly host: string
  readonly port: number
  /** In place of host and port. */
  readonly socketPath?: string
}

/** In the dialect of Stalwart. */
export interface HookConfig extends ScannerConfig {
  readonly kind: 'hook'
  /** For log and metrics. */
  readonly name: string
  readonly servers: readonly HttpServer[]
  /** What stands behind the header section as text, or the whole text in base64. */
  readonly text: 'contents' | 'raw'
  /** Files of what it wants to know who asks. */
  readonly tokenFile?: string
  readonly user?: string
  readonly passwordFile?: string
}

export interface RspamdConfig extends ScannerConfig {
  readonly kind: 'rspamd'
  readonly servers: readonly HttpServer[]
  /** With the recipients of all, or of one group after the other. */
  readonly scan: 'once' | 'perGroup'
  /** Of the text on its way there. */
  readonly compression?: 'zstd'
  readonly passwordFile?: string
}

/** A URL without a path; with a socket in place of its host. */
export interface HttpServer {
  readonly url: string
  readonly socketPath?: string
}

export type LedgerStore =
  /** A file; `:memory:` for none. */
  | { readonly kind: 'sqlite'; readonly path: string }
  /** Keys begin with the prefix. */
  | {
      readonly kind: 'redis'
      readonly place: LedgerPlace
      /** PEM file with the authorities that are trusted in place of the usual ones. */
      readonly ca?: string
      readonly prefix: string
    }

/** The URLs may hold a password: they are not for logs. */
export type LedgerPlace =
  | { readonly kind: 'server'; readonly url: string }
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  /** The host of the URL is the name of the master. */
  | { readonly kind: 'sentinel'; readonly url: string; readonly sentinels: readonly string[] }

export interface Config {
  /** The file it came from; absent for the built-in defaults. */
  readonly file?: string
  readonly hostname: string
  readonly listen: readonly ConfiguredListener[]
  readonly tls: {
    /** PEM files; empty: a self-signed certificate is made and kept in dataDirectory. */
    readonly certificates: readonly { readonly cert: string; readonly key: string }[]
    readonly minimumVersion: 'TLSv1.2' | 'TLSv1.3'
    /** In OpenSSL's notation; names that begin with TLS_ are those of TLS 1.3. */
    readonly ciphers: string
    /** Asked for and logged, never required. */
    readonly requestClientCertificate: boolean
  }
  readonly backend: {
    readonly servers: readonly [ConfiguredServer, ...ConfiguredServer[]]
    readonly clientAddress: 'none' | 'xclient' | 'xforward' | 'proxy-v1' | 'proxy-v2'
    readonly tls: {
      readonly mode: 'off' | 'opportunistic' | 'require'
      /** PEM file with the authorities that are trusted in place of the usual ones. */
      readonly ca?: string
      /**
       * SHA-256 of certificates that are trusted, whoever signed them: 64 hex digits in lower case.
       */
      readonly fingerprints: readonly string[]
      /** The name asked for and expected; absent: the host of the server's URL. */
      readonly serverName?: string
    }
    /**
     * For all that is known it sends mail on for a local part that holds a route, when it trusts
     * who hands it over.
     */
    readonly followsRoutes: boolean
    /** Ask a server that offers PRDR for one reply per recipient. */
    readonly prdr: boolean
    /** Send texts by BDAT to a server that offers CHUNKING. */
    readonly chunking: boolean
    /** When the server hears of MAIL. */
    readonly mail: 'at_once' | 'with_rcpt'
    /** How often host names and MX records are looked up again. */
    readonly resolveEveryMs: number
    /**
     * How long a failing address is left alone, at first and at most; how often a quiet one is
     * asked, and how seldom whether it relays.
     */
    readonly health: {
      readonly ejectMs: number
      readonly ejectAtMostMs: number
      readonly askEveryMs: number
      readonly askRelayAtMostMs: number
    }
    readonly connectTimeoutMs: number
    readonly replyTimeoutMs: number
    /** From the final dot to the reply. */
    readonly deliveryTimeoutMs: number
    readonly pool: {
      readonly maxConnections: number
      /** Of these, at most, for clients that have said AUTH. */
      readonly authenticated: number
      /** To one server; absent: no limit of its own. */
      readonly perServer?: number
      readonly idleTimeoutMs: number
      /** Transactions and refused commands after which a connection is not used again. */
      readonly maxTransactions: number
      readonly maxErrors: number
    }
  }
  /** Absent: every domain; only valid while no backend could relay (sink). */
  readonly relayDomains?: readonly string[]
  readonly receivedHeader: boolean
  /** `observe`: nothing is decided, and what would have been is told. */
  readonly mode: 'enforce' | 'observe'
  readonly policies: ReadonlyMap<string, Policy>
  readonly recipients: {
    readonly defaultPolicy: Policy
    readonly sources: readonly SourceConfig[]
    /** Where the mailboxes behind an address are looked up; none: the address itself counts. */
    readonly aliases: readonly SourceConfig[]
    readonly aliasSteps: number
    readonly aliasMailboxes: number
    /** Of which of their policies an address with several mailboxes has its own. */
    readonly several: 'mildest' | 'strictest' | 'default'
    readonly onFailure: 'defer' | 'default'
  }
  readonly unknownRecipients: 'refuse' | 'conceal'
  /**
   * Where quarantined mail goes, instead of the recipient; absent: quarantine is answered as tag.
   */
  readonly quarantine?: { readonly address: string }
  /** In the order in which thresholds look for a score. */
  readonly judges: readonly JudgeConfig[]
  /** Whose verdict counts in the end. */
  readonly lastWord: 'judges' | 'backend'
  /** In order; the last one is `default` and fits everyone. */
  readonly peers: readonly [ConfiguredPeerClass, ...ConfiguredPeerClass[]]
  /** Reports of refusals to the sender (strategy `bounce`). */
  readonly bounces: {
    /** Any one of them is enough. */
    readonly vouchedBy: readonly ('spf' | 'dkim' | 'symbols')[]
    /** Largest text that is returned whole (RET=FULL). */
    readonly wholeTextBytes: number
    /** Address, or address:port; empty: those of the system. */
    readonly dnsServers: readonly string[]
    /** For all look-ups of one message. */
    readonly dnsTimeoutMs: number
    /** An answer is good for other messages; 0: for none. */
    readonly dnsKeepMs: number
    readonly dnsKeptBytes: number
    /** For one message. */
    readonly dnsQuestions: number
    /** Of one message, looked at. */
    readonly dkimSignatures: number
  }
  /** Address ranges that are never split (rule 7). */
  readonly trusted: readonly string[]
  /** Header fields of others that only this site may write. */
  readonly foreignFields: 'remove' | 'keep'
  readonly ledger: LedgerStore & {
    readonly patienceMs: number
    /** How long a closed split stays visible. */
    readonly keepMs: number
    /** After this long a deferred recipient that nobody offers again is missing. */
    readonly missingAfterMs: number
    /** Open and closed together. */
    readonly maxSplits: number
    /** What they take, about. */
    readonly maxBytes: number
  }
  /** Undefined: none is kept. */
  readonly history:
    | {
        readonly path: string
        readonly keepMs: number
        readonly maxSizeBytes: number
        readonly addresses: 'full' | 'domain' | 'hash'
        readonly queueBytes: number
      }
    | undefined
  readonly admin:
    | {
        readonly listen: ListenAddress
        readonly tokens: readonly {
          readonly name: string
          readonly role: 'read' | 'operate'
          readonly file: string
        }[]
        readonly socket?: { readonly path: string; readonly mode: number }
        /** Names that it answers to, besides addresses and loopback names. */
        readonly hosts: readonly string[]
        readonly requestsPerMinute: number
        readonly failuresPerMinute: number
        readonly eventsKeptBytes: number
      }
    | undefined
  readonly bareNewlines: 'reject' | 'normalize'
  readonly greetDelayMs: number
  readonly ehlo: {
    readonly chunking: boolean
    readonly greylist: boolean
    readonly limitsRcptMax?: number
  }
  readonly limits: {
    readonly messageSizeBytes: number
    readonly recipients: number
    readonly sessions: number
    readonly sessionsPerAddress: number
    /** Of one /24 (IPv4) or /64 (IPv6). */
    readonly sessionsPerNetwork: number
    readonly rates: ConfiguredRates
    /** Reports of refusals to one sender. */
    readonly bouncesPerHour: number
    /** In each worker (`mode: observe`). */
    readonly observedAtATime: number
    /** Of one client; Infinity: no limit. */
    readonly dnsQuestionsPerMinute: number
    readonly allDnsQuestionsPerMinute: number
    /** Octets a second of a text, as TextPace counts them. */
    readonly textMinimumRate: number
    /** Command line, CRLF included, before what extensions add (RFC 5321 4.5.3.1.4). */
    readonly commandLineBytes: number
    /** Longest line of the header section and body; longer ones are refused. */
    readonly textLineBytes: number
    readonly headerBytes: number
    readonly transactionsPerSession: number
    /** Refused or unknown commands, after which the session is ended. */
    readonly errorsPerSession: number
    /** Splits that may be open at a time; the two of a sender are of one reverse-path. */
    readonly openSplits: {
      readonly all: number
      readonly perSender: number
      readonly bytesPerSender: number
      readonly perClient: number
    }
  }
  readonly spool: {
    readonly memoryBytes: number
    readonly directory: string
    /** Of all messages together, in the whole program. */
    readonly totalMemoryBytes: number
    readonly totalDiskBytes: number
  }
  readonly timeouts: {
    readonly commandMs: number
    readonly textMs: number
    /** From the end of the text to the reply (protocol.md: Sizes and times). */
    readonly replyMs: number
    /** How long a return waits for an earlier attempt that is still being delivered. */
    readonly underWayMs: number
    readonly tlsHandshakeMs: number
    readonly proxyHeaderMs: number
    readonly policyMs: number
    /** A worker's event loop may stand still for so long. */
    readonly workerMs: number
    readonly shutdownMs: number
  }
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'auto' | 'json' | 'pretty' | 'line'
    /** Which have a line. */
    readonly messages: 'all' | 'notable'
    readonly priorities: boolean | 'auto'
    /** What is shown of mail addresses. */
    readonly addresses: 'full' | 'domain' | 'hash'
  }
  /** Who the program is once it has opened ports and keys as root; absent: who started it. */
  readonly runAs?: { readonly user: string; readonly group?: string } | undefined
  /** Processes that take mail; 1: this one alone. */
  readonly workers: number
  /** Where the ledger, the self-signed certificate and the sink are by default. */
  readonly dataDirectory: string
}
