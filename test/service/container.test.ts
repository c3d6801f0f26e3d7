/**
 * deploy/'s container files, as far as they can be looked at without an engine: what they name
 * exists, and is configured well.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'

const project = path.join(import.meta.dirname, '..', '..')
const text = (name: string): string => readFileSync(path.join(project, name), 'utf8')

/** Instructions of a Dockerfile, stage by stage; continued lines are one, comments are none. */
function stagesOf(dockerfile: string): { name: string; args: string }[][] {
  const stages: { name: string; args: string }[][] = []
  const lines = dockerfile
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
  for (const line of lines.filter((each) => each.trim() !== '')) {
    const [, name = '', args = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`this is no instruction: ${line}`)
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, args: args.replaceAll(/ +/g, ' ') })
  }
  return stages
}

const argumentsOf = (
  stage: readonly { name: string; args: string }[] | undefined,
  name: string,
): string[] => (stage ?? []).filter((each) => each.name === name).map(({ args }) => args)

describe('deploy/Dockerfile', () => {
  const stages = stagesOf(text('deploy/Dockerfile'))
  const final = stages.at(-1)

  test('has a stage that builds and one that serves; only the first is run on the builder', () => {
    expect(stages.map((stage) => stage[0]?.args)).toEqual([
      '--platform=$BUILDPLATFORM node:24-slim AS build',
      'node:24-slim',
    ])
    // No RUN in the last stage: nothing has to be emulated for another platform.
    expect(argumentsOf(final, 'RUN')).toEqual([])
  })

  test('copies what exists, and what its ignore file lets through', () => {
    const copied = stages
      .flatMap((stage) => argumentsOf(stage, 'COPY'))
      .filter((args) => !args.startsWith('--from'))
    const sources = copied.flatMap((args) => args.split(' ').slice(0, -1))
    expect(sources.length).toBeGreaterThan(4)
    const exceptions = text('deploy/Dockerfile.dockerignore').matchAll(/^!(.+)$/gm)
    const allowed = [...exceptions].map(([, name = '']) => name)
    for (const source of sources) {
      expect(existsSync(path.join(project, source)), source).toBe(true)
      expect(
        allowed.some((name) => source === name || source.startsWith(`${name}/`)),
        source,
      ).toBe(true)
    }
  })

  test('serves as a user with a number, answers for its health, and takes the Node of package.json', () => {
    expect(argumentsOf(final, 'USER')).toEqual(['10001:10001'])
    expect(argumentsOf(final, 'HEALTHCHECK')[0]).toContain('/readyz')
    const command = [...argumentsOf(final, 'ENTRYPOINT'), ...argumentsOf(final, 'CMD')]
    expect(command.flatMap((json) => JSON.parse(json) as string[])).toEqual([
      'node',
      '/app/dist/cli/main.js',
      'serve',
      '--config',
      '/etc/rcptwise/config.yaml',
    ])
    const { engines } = JSON.parse(text('package.json')) as { engines: { node: string } }
    expect(engines.node).toBe('>=24')
  })
})

test.each([
  'deploy/container/config.yaml',
  'deploy/compose/rcptwise/config.yaml',
  'deploy/debian/config.yaml',
])('%s is a configuration without a mistake', (name) => {
  const loaded = loadConfig(path.join(project, name))
  expect(loaded.ok ? [] : loaded.problems).toEqual([])
})

interface Service {
  readonly build?: string | { readonly context: string; readonly dockerfile: string }
  readonly image: string
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[]
  readonly network_mode?: string
}

describe('deploy/compose/compose.yaml', () => {
  const directory = path.join(project, 'deploy', 'compose')
  const compose = parse(text('deploy/compose/compose.yaml')) as {
    readonly services: Readonly<Record<string, Service>>
    readonly volumes: Readonly<Record<string, null>>
  }
  const services = Object.entries(compose.services)

  test('has the five', () => {
    expect(Object.keys(compose.services)).toEqual([
      'rcptwise',
      'postfix',
      'rspamd',
      'prometheus',
      'grafana',
    ])
  })

  test.each(services)(
    'what %s names exists',
    (_, { build, volumes = [], depends_on = [], network_mode, image }) => {
      expect(image).not.toMatch(/:latest$/)
      for (const volume of volumes) {
        const [source = ''] = volume.split(':')
        if (source.startsWith('.'))
          expect(existsSync(path.join(directory, source)), source).toBe(true)
        else expect(Object.keys(compose.volumes)).toContain(source)
      }
      for (const other of depends_on) expect(Object.keys(compose.services)).toContain(other)
      if (network_mode !== undefined)
        expect(Object.keys(compose.services)).toContain(network_mode.replace('service:', ''))
      if (typeof build === 'string')
        expect(readdirSync(path.join(directory, build))).toContain('Dockerfile')
      if (typeof build === 'object') {
        expect(existsSync(path.join(directory, build.context, build.dockerfile))).toBe(true)
      }
    },
  )
})
