/**
 * deploy/compose/compose.yaml, started by podman-compose. Images that it takes from elsewhere are
 * made here: rspamd and Prometheus of Debian, and in Grafana's place, which Debian does not have, a
 * bare system that only waits.
 */
import path from 'node:path'
import { packageRoot } from '../../support/lab/packages.ts'
import type { Podman } from '../../support/lab/podman.ts'
import { findPrometheus } from '../prometheus/debian-prometheus.ts'

/** Folders that the machine has to see. */
export async function standInFolders(): Promise<Readonly<Record<string, string>>> {
  const prometheus = await findPrometheus()
  if (!prometheus.ok) throw new Error(prometheus.why)
  return {
    [await packageRoot('rspamd')]: '/rspamd',
    [path.dirname(prometheus.prometheus)]: '/prometheus',
  }
}

const rspamd = `set -e
mkdir -p /srv/rspamd && cd /srv/rspamd
mkdir -p etc/rspamd/local.d tmp var/lib/rspamd var/log/rspamd run/rspamd
printf 'root:x:0:0::/root:/bin/sh\\n_rspamd:x:110:110::/var/lib/rspamd:/bin/sh\\n' >etc/passwd
printf 'root:x:0:\\n_rspamd:x:110:\\n' >etc/group
# Half a minute of work that saves time only later.
echo 'disable_hyperscan = true;' >etc/rspamd/local.d/options.inc
chown 110:110 var/lib/rspamd var/log/rspamd run/rspamd && chmod 1777 tmp
start='ENTRYPOINT ["/usr/bin/rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd"]'
tar -c --exclude=./var --exclude=./usr/share/fonts -C /rspamd . -C /srv/rspamd etc/passwd etc/group etc/rspamd/local.d/options.inc tmp run var |
  podman import -q --change "$start" - docker.io/rspamd/rspamd:VERSION
`
/**
 * What the base image does in the place of an image that is not built: further mounts, and the
 * command.
 */
const inBaseImage: Readonly<
  Record<string, { readonly mounts: readonly string[]; readonly command: readonly string[] }>
> = {
  prometheus: {
    mounts: ['-v', '/prometheus:/opt/prometheus:ro'],
    command: [
      '/opt/prometheus/prometheus',
      '--config.file=/etc/prometheus/prometheus.yml',
      '--storage.tsdb.path=/tmp/prometheus',
    ],
  },
  grafana: { mounts: [], command: ['sleep', 'infinity'] },
}

export interface Service {
  readonly image: string
  readonly network_mode?: string
  readonly volumes?: readonly string[]
}

/** Makes the images under the names that the compose file has for them, and starts everything. */
export async function startStack(
  machine: Podman,
  services: Readonly<Record<string, Service>>,
): Promise<void> {
  const must = async (program: string, args: readonly string[]): Promise<void> => {
    const { code, transcript } = await machine.run(program, args)
    if (code !== 0)
      throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${transcript}`)
  }
  await must('sh', [
    '-c',
    rspamd.replace('rspamd/rspamd:VERSION', services['rspamd']?.image ?? 'rspamd'),
  ])
  const entries = Object.entries(services)
  const own = entries
    .filter(([, { network_mode }]) => network_mode === undefined)
    .map(([name]) => name)
  const folder = '/project/deploy/compose'
  await must('podman-compose', [
    '-p',
    'rcptwise',
    '-f',
    `${folder}/compose.yaml`,
    'up',
    '-d',
    ...own,
  ])
  // `network_mode: service:` is not known to podman-compose 1.0.
  for (const [name, { image, network_mode, volumes = [] }] of entries) {
    if (network_mode === undefined) continue
    const network = `container:rcptwise_${network_mode.replace('service:', '')}_1`
    const mounts = volumes.flatMap((volume) => [
      '-v',
      volume.startsWith('.') ? path.join(folder, volume) : volume,
    ])
    const { mounts: further = [], command = [] } = inBaseImage[name] ?? {}
    const place = ['--name', `rcptwise_${name}_1`, '--network', network, ...mounts, ...further]
    await must('podman', ['tag', 'node:24-slim', `docker.io/${image}`])
    await must('podman', ['run', '-d', '--user', 'nobody', ...place, image, ...command])
  }
}
