/** `rcptwise check`: what is wrong with a configuration before it is served. */
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { type ConfigProblem, describeProblem } from '../config/problem.ts'
import { visible } from '../log/visible.ts'
import { loadCertificates } from '../tls/certificates.ts'
import { adviseOnDomains } from './check-mx.ts'
import { checkBackend } from './check-backend.ts'
import { checkBounces } from './check-bounces.ts'
import { checkJudges } from './check-judges.ts'
import { checkLedger } from './check-ledger.ts'
import { checkPorts } from './check-ports.ts'
import { checkRecipients } from './check-recipients.ts'
import { checkRelay } from './check-relay.ts'
import { carryOut } from './command-failure.ts'
import { configSource, withConfigOptions } from './configured.ts'
import type { Ending } from './endings.ts'
import { errorInWords } from './error-in-words.ts'
import { bad, type Finding, inOneLine, ok, summary, warning, worstLast } from './finding.ts'
import { sentences } from './table.ts'

interface CheckOptions {
  readonly json?: true
}

export function register(program: Command): void {
  const command = program
    .command('check')
    .description(
      'check the configuration, and try what it names: ports, servers, judges, sources and certificates',
    )
  withConfigOptions(command)
    .option('--json', 'as JSON')
    .action(async (options: CheckOptions) => {
      await carryOut(command, async () => await check(command, options))
    })
}

async function check(command: Command, { json }: CheckOptions): Promise<Ending> {
  const loaded = configSource(command).load()
  if (!loaded.ok) {
    tell(loaded.problems.map(mistake), json)
    return 'configuration'
  }
  const { config } = loaded
  const findings = [
    ok('configuration', config.file ?? 'built-in defaults'),
    ...(await findingsOn(config)),
    ...loaded.warnings.map(doubt),
  ]
  tell(findings, json)
  return findings.some(({ level }) => level === 'bad') ? 'failed' : 'done'
}

/** Never rejects. */
export async function findingsOn(config: Config): Promise<readonly Finding[]> {
  const backend = await checkBackend(config)
  return [
    ...(config.mode === 'observe' ? [ok('mode', observesOnly)] : []),
    ...(await checkPorts(config)),
    ...(await checkLedger(config)),
    ...(await checkRecipients(config)),
    ...backend.findings,
    ...(await checkJudges(config)),
    ...(await checkRelay(config, backend.servers)),
    ...(await checkBounces(config)),
    ...(await checkCertificates(config)),
    ...(await adviseOnDomains(config.relayDomains ?? [])),
  ]
}

/** Programs find a mistake by its place; people by the line as editors and grep know it. */
const mistake = (problem: ConfigProblem): Finding =>
  bad('configuration', describeProblem(problem), placeOf(problem))

const doubt = (problem: ConfigProblem): Finding =>
  warning('configuration', describeProblem(problem), placeOf(problem))

const placeOf = ({ file, line, column, key }: ConfigProblem): string =>
  [file, line, column, key].filter((part) => part !== undefined).join(':')

function tell(findings: readonly Finding[], json: true | undefined): void {
  const sorted = worstLast(findings)
  const said = summary(sorted)
  const text =
    json === true
      ? JSON.stringify({ summary: said, findings: sorted }, undefined, 2)
      : sentences([...sorted.map(inOneLine), visible(said)].join('\n'))
  process.stdout.write(`${text}\n`)
}

const observesOnly =
  'observes only; every message is passed on, and counted and logged is what recipients would have been told'

async function checkCertificates(config: Config): Promise<Finding[]> {
  if (config.listen.every(({ tls }) => tls === 'off'))
    return [ok('tls', 'switched off (listen[].tls)')]
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
      return days < 0
        ? bad('tls', `${kind} for ${name}, EXPIRED`, name)
        : ok('tls', `${kind} for ${name}, valid for ${days} days`, name)
    })
  } catch (error) {
    return [bad('tls', errorInWords(error))]
  }
}
