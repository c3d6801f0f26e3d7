/** Filters of Debian that speak the milter protocol, each in a place of its own, without network. */
import { generateKeyPairSync } from 'node:crypto'
import { Place } from './place.ts'
import { freePort } from './ports.ts'
import { listens } from './python-milter.ts'
import { until } from './until.ts'

export interface Milter extends AsyncDisposable {
  /** `inet:127.0.0.1:PORT`. */
  readonly url: string
  readonly log: () => Promise<string>
}

interface Daemon {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly port: number
}

async function started(place: Place, { name, program, args, port }: Daemon): Promise<Milter> {
  const log = async (): Promise<string> => await place.read('/daemon.log')
  try {
    const daemon = await place.start(program, args)
    await until(`${name} listens`, async () => daemon.exitCode !== null || (await listens(port)))
    if (daemon.exitCode !== null) throw new Error(`it ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`${name} did not start:\n${said}`, { cause: error })
  }
  return {
    url: `inet:127.0.0.1:${port}`,
    log,
    [Symbol.asyncDispose]: async () => await place[Symbol.asyncDispose](),
  }
}

export interface DkimKey {
  readonly domain: string
  readonly privatePem: string
  /** Of the DNS record. */
  readonly publicBase64: string
}

export function makeDkimKey(domain: string): DkimKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    domain,
    privatePem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    publicBase64: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  }
}

/** OpenDKIM that signs for the key's domain, or verifies with the key in place of DNS. */
export async function startOpendkim(
  mode: 'sign' | 'verify',
  { domain, privatePem, publicBase64 }: DkimKey,
): Promise<Milter> {
  const place = await Place.make('opendkim')
  const port = await freePort()
  await place.write('/etc/key.pem', privatePem, 0o600)
  await place.write('/etc/keys', `sel._domainkey.${domain} v=DKIM1; k=rsa; p=${publicBase64}\n`)
  const lines = [
    `Socket inet:${port}@127.0.0.1`,
    'Background no',
    'Syslog no',
    'LogWhy yes',
    ...(mode === 'sign'
      ? ['Mode s', `Domain ${domain}`, 'Selector sel', 'KeyFile /etc/key.pem']
      : ['Mode v', 'TestPublicKeys /etc/keys', 'AlwaysAddARHeader yes']),
    // Every octet counts: also the blank behind a colon.
    'Canonicalization simple/simple',
    `InternalHosts ${mode === 'sign' ? '127.0.0.1' : '192.0.2.254'}`,
    'AuthservID mx.example.org',
  ]
  await place.write('/etc/opendkim.conf', `${lines.join('\n')}\n`)
  const args = ['-f', '-x', '/etc/opendkim.conf']
  return await started(place, { name: 'opendkim', program: '/usr/sbin/opendkim', args, port })
}

/** OpenDMARC, which believes `mx.example.org`, and has no name servers. */
export async function startOpendmarc(): Promise<Milter> {
  const place = await Place.make('opendmarc')
  const port = await freePort()
  await place.write('/etc/ignored', '192.0.2.254\n')
  await place.write(
    '/etc/opendmarc.conf',
    [
      `Socket inet:${port}@127.0.0.1`,
      'Background false',
      'Syslog false',
      'AuthservID mx.example.org',
      'TrustedAuthservIDs mx.example.org',
      'IgnoreHosts /etc/ignored',
      'RejectFailures false',
      '',
    ].join('\n'),
  )
  const args = ['-f', '-c', '/etc/opendmarc.conf']
  return await started(place, { name: 'opendmarc', program: '/usr/sbin/opendmarc', args, port })
}

export const eicar = [
  'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR',
  '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*',
].join('')

/** clamav-milter with clamd, whose one signature is that of EICAR. */
export async function startClamavMilter(): Promise<Milter & { readonly clamd: string }> {
  const place = await Place.make('clamav')
  const [port, clamdPort] = [await freePort(), await freePort()]
  const signature = Buffer.from(eicar, 'latin1').toString('hex')
  await place.write('/db/test.ndb', `Test.Eicar:0:*:${signature}\n`)
  await place.write(
    '/etc/clamd.conf',
    [
      'Foreground yes',
      `TCPSocket ${clamdPort}`,
      'TCPAddr 127.0.0.1',
      'DatabaseDirectory /db',
      'TemporaryDirectory /tmp',
      'User root',
      '',
    ].join('\n'),
  )
  await place.write(
    '/etc/clamav-milter.conf',
    [
      'Foreground yes',
      `MilterSocket inet:${port}@127.0.0.1`,
      `ClamdSocket tcp:127.0.0.1:${clamdPort}`,
      'OnInfected Reject',
      'OnFail Defer',
      'RejectMsg Virus found: %v',
      'AddHeader Replace',
      'User root',
      'TemporaryDirectory /tmp',
      '',
    ].join('\n'),
  )
  const clamd = await place.start('/usr/sbin/clamd', ['-c', '/etc/clamd.conf'])
  await until('clamd listens', async () => clamd.exitCode !== null || (await listens(clamdPort)), {
    explain: async () => await place.read('/daemon.log'),
  })
  const args = ['-c', '/etc/clamav-milter.conf']
  const milter = await started(place, {
    name: 'clamav-milter',
    program: '/usr/sbin/clamav-milter',
    args,
    port,
  })
  return { ...milter, clamd: `inet:127.0.0.1:${clamdPort}` }
}
