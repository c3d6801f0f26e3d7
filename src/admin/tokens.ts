/**
 * The tokens of the admin API (RFC 6750 2.1), each from a file of its own that may be replaced
 * while serve runs, and the sessions that a console gets for one.
 *
 * A session is a signed text and nothing that is kept: `name.expiry.id.signature`, by a key that
 * only the token gives. So it holds over a restart and on every front-end that has the token, and
 * it is gone when the token is gone, is another one, or is called otherwise.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { EndedSessions } from './ended-sessions.ts'

export type Role = 'read' | 'operate'

export interface TokenSettings {
  readonly name: string
  readonly role: Role
  readonly file: string
}

/** Who has shown a token, or a session that was given for one. */
export interface Holder {
  readonly name: string
  readonly role: Role
}

export interface Session extends Holder {
  readonly cookie: string
  /** ms since the epoch. */
  readonly endsAt: number
}

/** Chance makes none that is shorter, and nobody guesses one that is as long. */
export const shortestToken = 16
const sessionMs = 12 * 3_600_000
/** Longer is none of ours. */
const longestShown = 1000

interface Token extends Holder {
  text: string
  readonly file: string
  stamp: string
  trouble: string
}

export class Tokens {
  #tokens: readonly Token[]
  readonly #onTrouble: (why: string) => void
  readonly #now: () => number
  readonly #ended: EndedSessions

  private constructor(tokens: readonly Token[], options: TokensOptions) {
    this.#tokens = tokens
    this.#onTrouble = options.onTrouble ?? (() => undefined)
    this.#now = options.now ?? Date.now
    this.#ended = new EndedSessions({
      ...(options.endedFile !== undefined && { file: options.endedFile }),
      ...{ now: this.#now, onTrouble: this.#onTrouble },
    })
  }

  /** @throws Error when a file can't be read, or holds no token. */
  static async open(
    settings: readonly TokenSettings[],
    options: TokensOptions = {},
  ): Promise<Tokens> {
    return new Tokens(await readAll(settings), options)
  }

  /** Gives what takes others into use. @throws Error as `open`. */
  async prepare(settings: readonly TokenSettings[]): Promise<() => void> {
    const tokens = await readAll(settings)
    return () => {
      this.#tokens = tokens
    }
  }

  /** Whose token it is; takes the same time whatever is wrong with it. */
  async holderOf(shown: string): Promise<Holder | undefined> {
    await this.#refresh()
    return this.#find(shown)
  }

  /** Undefined: it is no token. */
  async begin(shown: string): Promise<Session | undefined> {
    await this.#refresh()
    const token = this.#find(shown)
    if (token === undefined) return undefined
    const endsAt = this.#now() + sessionMs
    const id = randomBytes(9).toString('base64url')
    const signed = [Buffer.from(token.name).toString('base64url'), endsAt, id].join('.')
    const { name, role } = token
    return { name, role, endsAt, cookie: `${signed}.${signatureOf(token, signed)}` }
  }

  /** Whose session a cookie is. */
  async sessionOf(cookie: string): Promise<Session | undefined> {
    await this.#refresh()
    if (cookie.length > longestShown) return undefined
    const [name = '', ends = '', id = '', signature = ''] = cookie.split('.')
    const signed = [name, ends, id].join('.')
    const called = Buffer.from(name, 'base64url').toString()
    const token = this.#tokens.find((one) => one.name === called)
    if (token === undefined || !isSame(signature, signatureOf(token, signed))) return undefined
    const endsAt = Number(ends)
    if (!(endsAt > this.#now()) || this.#ended.has(id)) return undefined
    return { name: token.name, role: token.role, endsAt, cookie }
  }

  /** Before its time. */
  async end(cookie: string): Promise<void> {
    const session = await this.sessionOf(cookie)
    if (session === undefined) return
    this.#ended.end(cookie.split('.')[2] ?? '', session.endsAt)
  }

  /** All are compared, also behind the right one. */
  #find(shown: string): Token | undefined {
    const known = this.#tokens.filter(({ text }) => isSame(shown, text))
    return shown === '' ? undefined : known[0]
  }

  /**
   * A file whose stamp has changed is read again; one that is gone or wrong by then leaves the old
   * token in force, and is told once.
   */
  async #refresh(): Promise<void> {
    await Promise.all(this.#tokens.map(async (token) => await this.#refreshOne(token)))
  }

  async #refreshOne(token: Token): Promise<void> {
    try {
      const now = await stampOf(token.file)
      if (now === token.stamp) return
      token.stamp = now
      token.text = await readToken(token.file)
      token.trouble = ''
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (why !== token.trouble) this.#onTrouble(`${why}; the token read before stays in force`)
      token.trouble = why
    }
  }
}

export interface TokensOptions {
  readonly onTrouble?: (why: string) => void
  readonly now?: () => number
  /** Where it is kept which sessions were ended; absent: nowhere. */
  readonly endedFile?: string
}

const readAll = async (settings: readonly TokenSettings[]): Promise<readonly Token[]> =>
  await Promise.all(
    settings.map(async ({ name, role, file }) => {
      const stamp = await stampOf(file)
      return { name, role, file, stamp, text: await readToken(file), trouble: '' }
    }),
  )

const signatureOf = ({ text, role }: Token, signed: string): string =>
  createHmac('sha256', `rcptwise session ${text}`).update(`${role} ${signed}`).digest('base64url')

/** Digests have equal lengths, which timingSafeEqual needs and which hides the token's. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
const isSame = (shown: string, wanted: string): boolean =>
  timingSafeEqual(digest(shown), digest(wanted))

async function stampOf(path: string): Promise<string> {
  const { ctimeNs, mtimeNs, size, ino } = await stat(path, { bigint: true })
  return [ctimeNs, mtimeNs, size, ino].join(' ')
}

async function readToken(path: string): Promise<string> {
  const token = (await readFile(path, 'utf8')).trim()
  if (token === '')
    throw new Error(`${path} is empty: write a token of the admin API into it, on one line`)
  if (/[^\x21-\x7e]/.test(token))
    throw new Error(`${path} must hold one token of visible ASCII characters, without spaces`)
  if (token.length < shortestToken)
    throw new Error(
      `${path} holds a token of ${token.length} characters; expected ${shortestToken} or more, such as openssl rand -hex 32 makes`,
    )
  return token
}
