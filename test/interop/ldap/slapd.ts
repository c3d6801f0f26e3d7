/** Debian's slapd in a place of its own, on a port of 127.0.0.1, with an entry an address. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Client } from 'ldapts'
import { Place } from '../../support/lab/place.ts'
import { freePort } from '../../support/lab/ports.ts'
import { until } from '../../support/lab/until.ts'
import { standStill } from '../../support/stopped.ts'
import { makeSelfSigned } from '../../../src/tls/self-signed.ts'

export interface Slapd extends AsyncDisposable {
  /** `ldap://127.0.0.1:PORT`. */
  readonly url: string
  readonly secureUrl: string
  /** A Unix socket, as OpenLDAP writes it. */
  readonly socketUrl: string
  /** Of its certificate, in PEM. */
  readonly ca: string
  /** Searches that it has had below the suffix. */
  readonly searches: () => Promise<number>
  /** As its owner. */
  readonly add: (
    name: string,
    attributes: Readonly<Record<string, string | string[]>>,
  ) => Promise<void>
  readonly remove: (name: string) => Promise<void>
  /** A new branch for entries: its DN. */
  readonly branch: () => Promise<string>
  /** Stops it, so that it takes connections and says nothing; and lets it go on. */
  readonly hold: () => Promise<void>
  readonly goOn: () => void
  readonly kill: () => Promise<void>
  readonly startAgain: () => Promise<void>
}

export const suffix = 'cn=test'
export const reader = { dn: `cn=rcptwise,${suffix}`, password: 'p4ss(w*rd' }
const owner = { dn: `cn=admin,${suffix}`, password: 'owner' }

const oid = (number: number): string => `1.3.6.1.4.1.99999.1.${number}`
const text = '1.3.6.1.4.1.1466.115.121.1.15'
const ia5 = '1.3.6.1.4.1.1466.115.121.1.26'
const attributes = ['address', 'wish', 'tagAt', 'rejectAt', 'friends', 'forward']
/** Those of the recipe in docs/recipients.md. */
const ofRecipe = ['mail', 'mailPolicy', 'spamTagLevel']

const configuration = `modulepath /usr/lib/ldap
moduleload back_mdb
${[...attributes, ...ofRecipe]
  .map(
    (name, i) =>
      `attributetype ( ${oid(i + 1)} NAME '${name}' EQUALITY caseIgnoreMatch SYNTAX ${text} )`,
  )
  .join('\n')}
attributetype ( ${oid(50)} NAME 'asciiAddress' EQUALITY caseIgnoreIA5Match SYNTAX ${ia5} )
objectclass ( ${oid(100)} NAME 'branch' SUP top STRUCTURAL MUST cn MAY userPassword )
objectclass ( ${oid(101)} NAME 'recipient' SUP top STRUCTURAL MUST cn MAY ( ${[...attributes, 'asciiAddress'].join(' $ ')} ) )
TLSCertificateFile /cert.pem
TLSCertificateKeyFile /key.pem
objectclass ( ${oid(102)} NAME 'inetOrgPerson' SUP top STRUCTURAL MUST cn MAY ( ${ofRecipe.join(' $ ')} ) )
database mdb
suffix "${suffix}"
rootdn "${owner.dn}"
rootpw ${owner.password}
directory /data
maxsize 104857600
dbnosync
index address eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
`

/** `hostname`: what its certificate is for, apart from `localhost`. */
export async function startSlapd(hostname = '127.0.0.1'): Promise<Slapd> {
  const place = await Place.make('slapd')
  const [port, securePort] = [await freePort(), await freePort()]
  const url = `ldap://127.0.0.1:${port}`
  const { cert, key } = await makeSelfSigned(hostname, Date.now())
  await place.directory('/data', { user: 'root', group: 'root', mode: 0o755 })
  await place.write('/cert.pem', cert)
  await place.write('/key.pem', key)
  await place.write('/slapd.conf', configuration)
  let daemon: ChildProcess
  const asOwner = async <One>(does: (client: Client) => Promise<One>): Promise<One> => {
    const client = new Client({ url, connectTimeout: 2000 })
    try {
      await client.bind(owner.dn, owner.password)
      return await does(client)
    } finally {
      await client.unbind()
    }
  }
  const start = async (): Promise<void> => {
    const where = `${url}/ ldaps://127.0.0.1:${securePort}/ ldapi://%2Fldapi/`
    daemon = await place.start('/usr/sbin/slapd', ['-d', '256', '-f', '/slapd.conf', '-h', where])
    await until(
      'slapd answers',
      async () => {
        if (daemon.exitCode !== null) throw new Error(await place.read('/daemon.log'))
        return await asOwner(async () => await Promise.resolve(true)).catch(() => false)
      },
      { explain: async () => await place.read('/daemon.log') },
    )
  }
  const add = async (
    name: string,
    entry: Readonly<Record<string, string | string[]>>,
  ): Promise<void> => await asOwner(async (client) => await client.add(name, { ...entry }))
  let branches = 0
  try {
    await start()
    await add(suffix, { objectClass: ['branch'], cn: 'test' })
    await add(reader.dn, {
      objectClass: ['branch'],
      cn: 'rcptwise',
      userPassword: reader.password,
    })
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
  return {
    url,
    secureUrl: `ldaps://127.0.0.1:${securePort}`,
    socketUrl: `ldapi://${encodeURIComponent(place.host('/ldapi'))}`,
    ca: cert,
    async searches() {
      const log = await place.read('/daemon.log')
      return [...log.matchAll(/ SRCH base="cn=branch/g)].length
    },
    add,
    remove: async (name) => await asOwner(async (client) => await client.del(name)),
    async branch() {
      const cn = `branch${++branches}`
      await add(`cn=${cn},${suffix}`, { objectClass: ['branch'], cn })
      return `cn=${cn},${suffix}`
    },
    hold: async () => await standStill(Number(daemon.pid)),
    goOn: () => void daemon.kill('SIGCONT'),
    kill: async () => {
      const ended = once(daemon, 'exit')
      daemon.kill('SIGKILL')
      await ended
    },
    startAgain: start,
    [Symbol.asyncDispose]: async () => await place[Symbol.asyncDispose](),
  }
}
