/**
 * The chart, rendered by what helm renders with: Go's text/template and sprig, from Debian's
 * packages, in render.go. helm itself is in no registry that is reached here, so its own checks
 * (lint, the API versions of a cluster) are not made.
 *
 *   values.yaml ─▶ values.schema.json;  values and templates ─▶ render.go ─▶ YAML ─▶ the configuration is one that Rcptwise takes
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { parseConfig } from '../../../src/config/load.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { packageRoot } from '../../support/lab/packages.ts'
import { mustRun, run } from '../../support/lab/run.ts'

const chart = path.join(import.meta.dirname, '..', '..', '..', 'deploy', 'helm', 'rcptwise')
type Values = Readonly<Record<string, unknown>>

const readValues = async (): Promise<Values> =>
  parse(await readFile(path.join(chart, 'values.yaml'), 'utf8')) as Values

describe.skipIf(interopObstacle() !== undefined)('the chart', () => {
  let work: string
  let values: Values
  beforeAll(async () => {
    values = await readValues()
    const root = await packageRoot('go')
    work = await mkdtemp(path.join(tmpdir(), 'rcptwise-chart-'))
    const [go] = await readdir(path.join(root, 'usr', 'lib')).then((names) =>
      names.filter((name) => /^go-\d/.test(name)),
    )
    const env = {
      GOROOT: path.join(root, 'usr', 'lib', go ?? 'go'),
      GOPATH: path.join(root, 'usr', 'share', 'gocode'),
      GOCACHE: path.join(work, 'cache'),
      GO111MODULE: 'off',
      CGO_ENABLED: '0',
    }
    const source = path.join(import.meta.dirname, 'render.go')
    const compiler = path.join(env.GOROOT, 'bin', 'go')
    await mustRun(compiler, ['build', '-o', path.join(work, 'render'), source], {
      env,
      limitMs: 240_000,
    })
  }, 300_000)
  afterAll(async () => {
    await rm(work, { recursive: true, force: true })
  })

  /** The manifests by kind and name, or what the chart refuses. */
  async function render(further: Values = {}): Promise<Map<string, Record<string, unknown>>> {
    const about = parse(await readFile(path.join(chart, 'Chart.yaml'), 'utf8')) as Record<
      string,
      string
    >
    const input = JSON.stringify({
      Values: { ...values, ...further },
      Chart: { Name: about['name'], Version: about['version'], AppVersion: about['appVersion'] },
      Release: { Name: 'mx', Namespace: 'mail', Service: 'Helm' },
    })
    const templates = (await readdir(path.join(chart, 'templates')))
      .filter((name) => name !== 'NOTES.txt')
      .toSorted()
    const files = templates.map((name) => path.join(chart, 'templates', name))
    const { code, stdout, stderr } = await run(path.join(work, 'render'), files, { input })
    if (code !== 0) throw new Error(stderr)
    const manifests = new Map<string, Record<string, unknown>>()
    for (const document of parseAllDocuments(stdout)) {
      if (document.errors.length > 0) throw new Error(`${document.errors.join('\n')}\n${stdout}`)
      const manifest = document.toJSON() as { kind: string; metadata: { name: string } } | null
      if (manifest === null) continue
      manifests.set(`${manifest.kind} ${manifest.metadata.name}`, { ...manifest })
    }
    return manifests
  }
  const configOf = (manifests: Map<string, Record<string, unknown>>): string =>
    (manifests.get('ConfigMap mx') as { data: Record<string, string> }).data['config.yaml'] ?? ''

  test('gives everything that a cluster needs, and a configuration without a mistake', async () => {
    const manifests = await render()
    const kinds = [
      'ConfigMap mx',
      'PodDisruptionBudget mx',
      'Service mx',
      'Service mx-admin',
      'StatefulSet mx',
    ]
    expect([...manifests.keys()].toSorted()).toEqual(kinds)
    const loaded = parseConfig(configOf(manifests), '/etc/rcptwise/config.yaml')
    expect(loaded.ok ? [] : loaded.problems).toEqual([])
  })

  test('nothing runs as root or writes outside its volumes', async () => {
    const set = (await render()).get('StatefulSet mx')
    expect(set).toMatchObject({
      spec: {
        serviceName: 'mx-admin',
        template: {
          spec: {
            automountServiceAccountToken: false,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 10001,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            containers: [
              {
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ['ALL'] },
                },
                readinessProbe: { httpGet: { path: '/readyz' } },
                livenessProbe: { httpGet: { path: '/healthz' } },
              },
            ],
          },
        },
      },
    })
  })

  test('recipients, a certificate, a proxy and several replicas are in the configuration', async () => {
    const config = { ...(values['config'] as object), ledger: 'redis://redis.mail:6379' }
    const manifests = await render({
      config,
      replicas: 3,
      recipients: { 'ann@example.org': 'strict' },
      proxyProtocolFrom: ['10.0.0.0/8'],
      tlsSecret: 'mx-tls',
    })
    const rendered = parse(configOf(manifests)) as Record<string, unknown>
    expect(rendered).toMatchObject({
      listen: [{ address: '0.0.0.0:2525', proxy_protocol_from: ['10.0.0.0/8'] }],
      tls: {
        certificates: [{ cert: '/run/secrets/tls/tls.crt', key: '/run/secrets/tls/tls.key' }],
      },
      recipients: { default: 'careful', sources: [{ file: 'recipients.yaml' }] },
    })
    const loaded = parseConfig(configOf(manifests), '/etc/rcptwise/config.yaml')
    expect(loaded.ok ? [] : loaded.problems).toEqual([])
    expect(manifests.get('ConfigMap mx')).toMatchObject({
      data: { 'recipients.yaml': 'ann@example.org: strict\n' },
    })
  })

  test('several replicas with a ledger each are refused', async () => {
    await expect(render({ replicas: 2 })).rejects.toThrow(
      'replicas above 1 need a ledger that they share',
    )
  })

  test('values.schema.json takes values.yaml, and nothing misspelt', async () => {
    const json = JSON.parse(
      await readFile(path.join(chart, 'values.schema.json'), 'utf8'),
    ) as Parameters<typeof z.fromJSONSchema>[0]
    const schema = z.fromJSONSchema(json)
    expect(schema.safeParse(values).error?.issues ?? []).toEqual([])
    for (const wrong of [
      { replicas: 0 },
      { replica: 2 },
      { service: { type: 'Ingress', port: 25 } },
      { tlsSecret: 1 },
    ])
      expect(schema.safeParse({ ...values, ...wrong }).success).toBe(false)
  })
})
