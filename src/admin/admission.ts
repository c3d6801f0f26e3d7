/**
 * Who may do what: by a token, by a console's session, or by being on this host where no token is
 * set. Everything that comes from a web page of somebody else is turned away before (guard.ts).
 */
import { Allowance } from './allowance.ts'
import { type AdminResponse, problem } from './exchange.ts'
import { type GuardedRequest, isFromElsewhere, refuseHost, refuseOrigin } from './guard.ts'
import type { Role, Session, Tokens } from './tokens.ts'
import { WrongTokens } from './wrong-tokens.ts'

/**
 * Who an operation is for. `open`: anybody, under any name. `anyone`: whoever may reach the
 * address, to log in.
 */
export type Access = 'open' | 'anyone' | Role

export interface Asking extends GuardedRequest {
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  /** The header that a console sends with its changes, and that no form of another site can. */
  readonly console: string | undefined
  readonly fetchSite: string | undefined
  /** Address of the other end. */
  readonly remote: string
}

/** Who asks, for the audit line. */
export interface Client {
  /** The name of the token; without tokens, the address. */
  readonly by: string
  /** `none`: it has shown no token. */
  readonly role: Role | 'none'
  /** Until when its session lasts; absent for who shows a token, or needs none. */
  readonly sessionUntil?: number
}

export interface AdmissionOptions {
  /** Absent: everybody who reaches the address may do everything. */
  readonly tokens?: Tokens
  /** Names that this address has, besides its own and those of loopback. */
  readonly hosts: () => readonly string[]
  /** What to call everybody, where there is no token and no address. */
  readonly by?: string
  readonly cookieName: string
  readonly requestsPerMinute: number
  readonly failuresPerMinute: number
  readonly now: () => number
  /** Hears, in words, of wrong tokens and whence they came. */
  readonly onWrongToken?: (what: string) => void
}

export class Admission {
  readonly #options: AdmissionOptions
  readonly #requests: Allowance
  readonly #failures: Allowance
  readonly #wrong: WrongTokens

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#requests = new Allowance(options.requestsPerMinute, options.now)
    this.#failures = new Allowance(options.failuresPerMinute, options.now)
    this.#wrong = new WrongTokens(options.onWrongToken ?? ((): void => undefined), options.now)
  }

  /** Whether anybody needs a token. */
  get wantsToken(): boolean {
    return this.#options.tokens !== undefined
  }

  async admit(asking: Asking, access: Access): Promise<Client | AdminResponse> {
    const { tokens, hosts } = this.#options
    if (access === 'open' && tokens !== undefined) return nobody
    const refusal = refuseHost(asking, tokens === undefined ? undefined : hosts())
    const fromPage = refusal ?? refuseOrigin(asking)
    if (fromPage !== undefined) return fromPage
    if (access === 'open') return nobody
    const client =
      tokens === undefined
        ? ({ by: this.#options.by ?? asking.remote, role: 'operate' } as const)
        : await this.#identify(tokens, asking)
    if ('status' in client) return access === 'anyone' ? nobody : client
    if (access === 'operate' && client.role !== 'operate') return mayOnlyRead(client.by)
    return this.#limited(client.by) ?? client
  }

  /** The session for a token; for a failure, what to answer. */
  async logIn(token: string, remote: string): Promise<Session | AdminResponse> {
    const { tokens } = this.#options
    if (tokens === undefined) return noTokens
    const wait = this.#failures.waitSeconds(remote)
    if (wait > 0) return tooManyFailures(wait)
    const session = await tokens.begin(token)
    if (session === undefined) this.#fail(remote)
    return session ?? unauthorized
  }

  /** Whether who was admitted still is: its token may be gone, or its session over. */
  async holds(asking: Asking): Promise<boolean> {
    const { tokens } = this.#options
    if (tokens === undefined) return true
    if (asking.authorization !== undefined)
      return (await tokens.holderOf(bearerIn(asking.authorization))) !== undefined
    return (await tokens.sessionOf(this.#cookieIn(asking) ?? '')) !== undefined
  }

  async logOut(asking: Asking): Promise<void> {
    const cookie = this.#cookieIn(asking)
    if (cookie !== undefined) await this.#options.tokens?.end(cookie)
  }

  /** `Secure` where the console came by https, through a proxy. */
  setCookie(value: string, maxAgeSeconds: number, origin: string | undefined): string {
    const secure = origin?.toLowerCase().startsWith('https:') === true ? '; Secure' : ''
    // Without a path it is for this API alone, whatever prefix a proxy has put before it.
    return `${this.#options.cookieName}=${value}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`
  }

  async #identify(tokens: Tokens, asking: Asking): Promise<Client | AdminResponse> {
    const cookie = asking.authorization === undefined ? this.#cookieIn(asking) : undefined
    if (cookie !== undefined) return (await this.#bySession(tokens, cookie, asking)) ?? unauthorized
    if (asking.authorization === undefined) return unauthorized
    const wait = this.#failures.waitSeconds(asking.remote)
    if (wait > 0) return tooManyFailures(wait)
    const holder = await tokens.holderOf(bearerIn(asking.authorization))
    if (holder !== undefined) return { by: holder.name, role: holder.role }
    this.#fail(asking.remote)
    return unauthorized
  }

  async #bySession(
    tokens: Tokens,
    cookie: string,
    asking: Asking,
  ): Promise<Client | AdminResponse | undefined> {
    const session = await tokens.sessionOf(cookie)
    if (session === undefined) return undefined
    if (isFromElsewhere(asking.fetchSite)) return otherSite
    const changes = asking.method !== 'GET' && asking.method !== 'HEAD'
    if (changes && asking.console === undefined) return noConsole
    return { by: session.name, role: session.role, sessionUntil: session.endsAt }
  }

  #cookieIn({ cookie = '' }: Asking): string | undefined {
    const start = `${this.#options.cookieName}=`
    return cookie
      .split(/; ?/)
      .find((one) => one.startsWith(start))
      ?.slice(start.length)
  }

  #fail(remote: string): void {
    this.#failures.take(remote)
    this.#wrong.note(remote)
  }

  #limited(by: string): AdminResponse | undefined {
    const wait = this.#requests.waitSeconds(by)
    if (wait > 0) return tooMany('too many requests', wait)
    this.#requests.take(by)
    return undefined
  }
}

const bearerIn = (authorization: string): string =>
  /^bearer +([^ ]+) *$/i.exec(authorization)?.[1] ?? ''

const nobody: Client = { by: 'anybody', role: 'none' }

const unauthorized: AdminResponse = {
  ...problem(
    401,
    'the token is missing or wrong',
    'Authorization: Bearer, with a token of admin.tokens',
  ),
  headers: { 'www-authenticate': 'Bearer realm="rcptwise"' },
}

const noTokens = problem(409, 'nobody needs a token here', 'admin.tokens in the configuration')

const mayOnlyRead = (name: string): AdminResponse =>
  problem(403, `${name} may only read`, 'a token with role: operate')

const otherSite = problem(
  403,
  'a web page of another site must not read anything here',
  'a request of the console itself',
)

const noConsole = problem(
  403,
  'a change by a session needs the header that a console sends',
  'X-Rcptwise-Console: 1',
)

const tooManyFailures = (seconds: number): AdminResponse =>
  tooMany('too many wrong tokens came from this address', seconds)

const tooMany = (what: string, seconds: number): AdminResponse => ({
  ...problem(429, what, `the next one in ${seconds} seconds`),
  headers: { 'retry-after': String(seconds) },
})
