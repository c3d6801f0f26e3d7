/**
 * What the console is looked at with: a real `serve` and mail of senders as one has them. For the
 * screenshots and for the tests in a browser.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Served } from '../../crash/serve.ts'
import { until } from '../lab/until.ts'
import type { Scanner } from './scanner.ts'
import { type Fates, type Letter, sendLetter } from './mail.ts'

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts')

const recipients = [
  '"ann@example.org": tag-only',
  '"bob@example.org": careful',
  '"cho@example.org": strict',
  '"dan@example.org": strict',
].join('\n')

export interface SceneOptions {
  readonly admin?: string
  readonly workers?: number
  /** More of the configuration, in YAML; `admin:` comes from here as well when it is needed. */
  readonly more?: string
  readonly servers?: readonly string[]
  readonly tokens?: readonly SceneToken[]
  /** Who judges instead of the message's own header fields (scanner.ts). */
  readonly scanner?: Scanner | undefined
}

export interface SceneToken {
  readonly name: string
  readonly role: 'read' | 'operate'
  readonly token: string
}

const tokensIn = (tokens: readonly SceneToken[]): string => {
  const listed = tokens.map(
    ({ name, role }) => `{ name: ${name}, role: ${role}, token_file: ${name}.token }`,
  )
  return listed.length === 0 ? '' : `, tokens: [${listed.join(', ')}]`
}

const judgedByHeader =
  '{ headers: { from: [127.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24] } }'

const configuration = ({
  admin,
  workers,
  more,
  servers,
  tokens,
  scanner,
}: Required<SceneOptions>): string => `
hostname: mx1.example.org
listen: [{ address: "127.0.0.1:0", xclient_from: [127.0.0.1] }]
admin: { listen: "${admin}"${tokensIn(tokens)} }
backend: { servers: [${servers.join(', ')}] }
relay_domains: [example.org]
judges: [${scanner === undefined ? judgedByHeader : `{ rspamd: { url: "${scanner.url}" } }`}]
recipients: { default: careful, sources: [{ file: recipients.yaml }] }
policies:
  tag-only: { tag_at: 6 }
  careful: { tag_at: 6, reject_at: 15 }
  strict: { tag_at: 5, reject_at: 8 }
peers:
  - { name: partners, match: { address: [198.51.100.0/24] }, strategy: late, shadow: group, retry_hint: 30s }
  - { name: newsletters, match: { rdns: ["*.mail.example"] }, strategy: lenient }
  - { name: default, strategy: auto, retry_hint: 60s }
log: { format: json }
workers: ${workers}
${more}
`

/** A place on the disk, and `serve` in it: what is started anew finds what the last one has kept. */
export class Scene implements AsyncDisposable {
  readonly directory: string
  readonly #options: Required<SceneOptions>
  served: Served

  private constructor(directory: string, options: Required<SceneOptions>) {
    this.directory = directory
    this.#options = options
    this.served = this.#start()
  }

  static async begin(options: SceneOptions = {}): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-console-'))
    await writeFile(join(directory, 'recipients.yaml'), recipients)
    const given = {
      admin: '127.0.0.1:0',
      workers: 2,
      more: '',
      servers: ['"sink:mail"'],
      tokens: [],
      scanner: undefined,
      ...options,
    }
    for (const { name, token } of given.tokens)
      await writeFile(join(directory, `${name}.token`), `${token}\n`, { mode: 0o600 })
    await writeFile(join(directory, 'config.yaml'), configuration(given))
    const scene = new Scene(directory, given)
    await scene.#listening()
    return scene
  }

  #start(): Served {
    const file = join(this.directory, 'config.yaml')
    return new Served([process.execPath, main, 'serve', '--config', file], this.directory)
  }

  async #listening(): Promise<void> {
    const { served } = this
    await until('serve listens', () => served.port !== undefined || served.ended, {
      explain: () => served.output,
    })
    if (served.ended) throw new Error(`serve has ended:\n${served.output}`)
  }

  get port(): number {
    return this.served.listeningPort
  }

  get adminUrl(): string {
    return this.served.adminUrl
  }

  /** Ends it, and starts it at the same admin address. */
  async restart(
    whileAway: () => Promise<void> = async () => await Promise.resolve(),
  ): Promise<void> {
    const admin = new URL(this.adminUrl).host
    this.served.signal('SIGTERM')
    await this.served.ending()
    await whileAway()
    await this.configure(configuration({ ...this.#options, admin }))
    this.served = this.#start()
    await this.#listening()
  }

  async configure(text: string): Promise<void> {
    await writeFile(join(this.directory, 'config.yaml'), text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.served.kill()
    await rm(this.directory, { recursive: true, force: true })
  }
}

const people = ['ann', 'bob', 'cho', 'dan', 'eve'].map((name) => `${name}@example.org`)

/** Names from RFC 2606 and addresses from RFC 5737. */
const senders: readonly (readonly [string, string, string])[] = [
  ['billing@shop.example.com', 'mta3.example.com', '198.51.100.17'],
  ['news@weekly.mail.example', 'out7.weekly.mail.example', '203.0.113.8'],
  ['maria.keller@partner.example.net', 'mx1.partner.example.net', '198.51.100.40'],
  ['noreply@forum.example.net', 'relay.forum-host.example', '192.0.2.25'],
  ['orders@wholesale.example', 'smtp.wholesale.example', '192.0.2.77'],
  ['j.tanaka@university.example', 'mail.university.example', '203.0.113.130'],
  ['bounces@lists.example.org.uk', 'lists.example.org.uk', '203.0.113.55'],
]

export interface Written {
  readonly letter: Letter
  readonly fates: Fates
}

let number = 0

export function letterOf(i: number, change: Partial<Letter> = {}): Written {
  const [from = '', rdns = '', address = ''] = senders[i % senders.length] ?? []
  number += 1
  const letter: Letter = {
    ...{ from, rdns, address },
    to: people.slice(i % 3, 2 + (i % 4)),
    subject: 'Offer',
    score: [0.4, 1.2, 9.5, 2.1, 6.4, -1.5, 16.2, 8.8][i % 8] ?? 0,
    messageId: `<${(1_000_000 + number * 7919).toString(36)}.${number}@${rdns}>`,
    ...change,
  }
  return { letter, fates: new Map() }
}

export const isOpen = ({ letter, fates }: Written): boolean =>
  letter.to.some((recipient) => !fates.has(recipient))

/** One attempt. A server that goes away in the middle leaves the letter as it was. */
export async function offer(port: number, { letter, fates }: Written): Promise<void> {
  await sendLetter(port, letter, fates).catch(() => undefined)
}

/** Messages of all senders; some come back once, some never, some until everybody has an answer. */
export async function aBusyMorning(port: number, messages = 60): Promise<void> {
  for (let i = 0; i < messages; i++) {
    const written = letterOf(i, i % 5 === 1 ? { prdr: true } : {})
    await offer(port, written)
    const tries = i % 6 === 4 ? 1 : i % 6 === 5 ? 2 : 12
    for (let n = 1; n < tries && isOpen(written); n++) await offer(port, written)
  }
  await offer(port, hostile())
}

/** What a stranger may write: control characters never pass an envelope, these do. */
const hostile = (): Written =>
  letterOf(3, {
    from: '"<script>alert(1)</script>"@forum.example.net',
    to: people.slice(0, 4),
    score: 9.1,
    messageId: '<\u202egpj.exe@forum.example.net>',
  })
