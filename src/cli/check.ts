/** `rcptwise check`: what is wrong with a configuration before it is served. */
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { visible } from '../log/visible.ts'
import { loadCertificates } from '../tls/certificates.ts'
import { adviseOnDomains } from './check-mx.ts'
import { checkBackend, type Finding } from './check-backend.ts'
import { checkBounces } from './check-bounces.ts'
import { checkJudges } from './check-judges.ts'
import { checkRecipients } from './check-recipients.ts'
import { checkRelay } from './check-relay.ts'
import { configured, withConfigOptions } from './configured.ts'

export function register(program: Command): void {
  const command = program
    .command('check')
    .description('check the configuration, the backend and the certificates')
  withConfigOptions(command).action(async () => await check(command))
}

async function check(command: Command): Promise<void> {
  const config = configured(command)
  const findings: Finding[] = [
    { ok: true, text: `configuration: ${config.file ?? 'built-in defaults'}` },
  ]
  if (config.mode === 'observe') findings.push({ ok: true, text: observesOnly })
  const backend = await checkBackend(config)
  findings.push(
    ...(await checkRecipients(config)),
    ...backend.findings,
    ...(await checkJudges(config)),
    ...(await checkRelay(config, backend.servers)),
    ...(await checkBounces(config)),
    ...(await checkCertificates(config)),
  )
  for (const { ok, text } of findings) print(ok ? 'ok  ' : 'BAD ', text)
  for (const advice of await adviseOnDomains(config.relayDomains ?? [])) print('note', advice)
  if (findings.some((finding) => !finding.ok)) process.exitCode = 1
}

const observesOnly =
  'mode: observes only; every message is passed on, and counted and logged is what recipients would have been told'

/** What servers and name servers say stands in it: it can't move the cursor. */
const print = (kind: string, text: string): void =>
  void process.stdout.write(`${kind} ${visible(text)}\n`)

async function checkCertificates(config: Config): Promise<Finding[]> {
  if (config.listen.every(({ tls }) => tls === 'off'))
    return [{ ok: true, text: 'tls: switched off (listen[].tls)' }]
  const { hostname, dataDirectory } = config
  try {
    const { all } = await loadCertificates({
      hostname,
      pairs: config.tls.certificates,
      dataDirectory,
    })
    return all.map(({ name, expiresAt, selfSigned }) => {
      const days = Math.floor((expiresAt - Date.now()) / 86_400_000)
      const kind = selfSigned ? 'self-signed certificate' : 'certificate'
      return {
        ok: days >= 0,
        text: `tls: ${kind} for ${name}, ${days < 0 ? 'EXPIRED' : `valid for ${days} days`}`,
      }
    })
  } catch (error) {
    return [{ ok: false, text: `tls: ${words(error)}` }]
  }
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))
