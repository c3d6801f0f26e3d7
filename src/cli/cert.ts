/** `rcptwise cert`: an authority and certificates for development and for networks of one's own. */
import { open, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { carryOut, CommandFailure } from './command-failure.ts'
import { canBeCertified, makeAuthority, makeServerCertificate } from '../tls/development-ca.ts'
import type { Issued } from '../tls/issue.ts'

export function register(program: Command): void {
  const cert = program
    .command('cert')
    .description('make certificates for development and for networks of your own')
  const days = (fallback: number): Option =>
    new Option('--days <days>', 'how long the certificate is good')
      .argParser(parseDays)
      .default(fallback)
  const force = (): Option => new Option('--force', 'replace files that are there already')
  const json = (): Option => new Option('--json', 'as JSON')
  cert
    .command('ca')
    .description('make a certificate authority; whoever trusts its ca.pem trusts what it signs')
    .option('--out <directory>', 'where ca.pem and ca.key are written', 'rcptwise-ca')
    .option('--name <name>', 'what it is called', 'Rcptwise development CA')
    .addOption(days(3650))
    .addOption(force())
    .addOption(json())
    .action(async (options: AuthorityOptions, command: Command) => {
      await carryOut(command, async () => {
        const files = await makeCa(options)
        print(options, files, () => nextOfCa(files, options))
        return 'done'
      })
    })
  cert
    .command('server')
    .description('make a certificate for a mail server, signed by an authority that "cert ca" made')
    .argument(
      '<name...>',
      'host names, "*.example.org", addresses; files are called after the first',
    )
    .option('--ca <directory>', 'where ca.pem and ca.key are', 'rcptwise-ca')
    .option('--out <directory>', 'where the certificate and its key are written (as --ca)')
    .addOption(days(397))
    .addOption(force())
    .addOption(json())
    .action(async (names: [string, ...string[]], options: ServerOptions, command: Command) => {
      await carryOut(command, async () => {
        const made = await makeServer(names, options)
        print(options, made, () => nextOfServer(made, options))
        return 'done'
      })
    })
}

interface AuthorityOptions {
  readonly out: string
  readonly name: string
  readonly days: number
  readonly force?: boolean
  readonly json?: true
}

interface ServerOptions {
  readonly ca: string
  readonly out?: string
  readonly days: number
  readonly force?: boolean
  readonly json?: true
}

function parseDays(written: string): number {
  const days = Number(written)
  if (Number.isInteger(days) && days >= 1 && days <= 36_500) return days
  throw new InvalidArgumentError('expected a whole number from 1 to 36500')
}

const print = ({ json }: { readonly json?: true }, made: Issued, words: () => string): void =>
  void process.stdout.write(json === true ? `${JSON.stringify(made, undefined, 2)}\n` : words())

async function makeCa({ out, name, days, force }: AuthorityOptions): Promise<Issued> {
  if (!/^[\x20-\x7e]{1,64}$/.test(name))
    throw new CommandFailure('usage', '--name: expected 1 to 64 characters of ASCII')
  const files = { cert: join(out, 'ca.pem'), key: join(out, 'ca.key') }
  await claim(files, force === true)
  await writePair(files, await makeAuthority(name, days, Date.now()))
  return files
}

const nextOfCa = (files: Issued, { out }: AuthorityOptions): string => `${written(files)}
Next: a certificate for a server
  rcptwise cert server mx1.example.org --ca ${out}
Whoever has ${files.key} can pose as any server to those who trust ${files.cert}: keep it to yourself.
`

interface MadeServer extends Issued {
  readonly names: readonly string[]
  readonly validTo: string
  readonly fingerprint256: string
}

async function makeServer(
  names: readonly [string, ...string[]],
  options: ServerOptions,
): Promise<MadeServer> {
  const { ca, out = ca, days, force } = options
  const wrong = names.find((name) => !canBeCertified(name))
  if (wrong !== undefined)
    throw new CommandFailure(
      'usage',
      `${wrong}: expected a host name, "*." and a domain, or an address`,
    )
  const authority = { cert: await readPart(ca, 'ca.pem'), key: await readPart(ca, 'ca.key') }
  const base = names[0].replace('*', '_').replaceAll(':', '-')
  const files = { cert: join(out, `${base}.pem`), key: join(out, `${base}.key`) }
  await claim(files, force === true)
  const made = await makeServerCertificate(names, authority, { days, now: Date.now() })
  await writePair(files, made)
  const { fingerprint256, validTo } = new X509Certificate(made.cert)
  return {
    ...files,
    names,
    validTo: new Date(validTo).toISOString(),
    fingerprint256: fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

const nextOfServer = (made: MadeServer, { ca }: ServerOptions): string => `${written(made)}
It is for ${made.names.join(', ')}, and good until ${made.validTo}. Next: the configuration of Rcptwise, where it is to show this certificate
  tls: { certificates: [{ cert: ${resolve(made.cert)}, key: ${resolve(made.key)} }] }
or, where it is the certificate of the mail server behind,
  backend: { tls: { mode: require, ca: ${resolve(ca, 'ca.pem')} } }
Its SHA-256 fingerprint: ${made.fingerprint256}
`

const written = ({ cert, key }: Issued): string =>
  `wrote ${cert}\nwrote ${key} (readable by you alone)`

async function readPart(directory: string, name: string): Promise<string> {
  const file = join(directory, name)
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const next =
      code === 'ENOENT'
        ? `make the authority first: rcptwise cert ca --out ${directory}`
        : 'check --ca'
    throw new Error(`${file} can't be read (${code}); ${next}`, { cause: error })
  }
}

/** Neither file may be there yet: half a pair is of no use to anyone. */
async function claim(files: Issued, force: boolean): Promise<void> {
  for (const file of [files.cert, files.key]) {
    const there = await stat(file).catch(() => undefined)
    if (there !== undefined && !force)
      throw new Error(`${file} is there already; --force replaces it`)
  }
}

/**
 * The key first: who finds a certificate finds its key. Written beside and renamed, so that nobody
 * reads half a file.
 */
async function writePair(files: Issued, made: Issued): Promise<void> {
  await mkdir(dirname(files.key), { recursive: true, mode: 0o700 })
  await replace(files.key, made.key, 0o600)
  await replace(files.cert, made.cert, 0o644)
}

async function replace(file: string, content: string, mode: number): Promise<void> {
  const temporary = `${file}.new`
  try {
    await rm(temporary, { force: true })
    await using handle = await open(temporary, 'wx', mode)
    await handle.writeFile(content)
    await handle.sync()
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
