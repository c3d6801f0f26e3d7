/**
 * Which test belongs to which project of vitest (vitest.config.ts). What a test reaches by its
 * imports decides: one that can open no socket and start no process and no thread is pure, and is
 * run before each commit. Nobody has to keep a list, and a new test is where it belongs.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface TestProjects {
  readonly pure: readonly string[]
  readonly sockets: readonly string[]
}

/** Modules of Node with which a test leaves its thread, and what of them computes only. */
const leaving: Readonly<Record<string, readonly string[]>> = {
  'node:net': ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
  'node:tls': ['createSecureContext'],
  'node:http': [],
  'node:https': [],
  'node:dgram': [],
  'node:cluster': [],
  'node:child_process': [],
  'node:worker_threads': [],
}

/** They compute only, but for longer than one waits before each commit. What their names begin with. */
const long = ['test/config/many-mistakes', 'test/model/', 'test/fuzz/']

interface Import {
  readonly module: string
  readonly names: readonly string[]
}

const statement =
  /^(?:import|export)\s+(type\s)?([^'"]*?)\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm

/** Values that a file imports; types are gone when it runs. */
function importsOf(text: string): readonly Import[] {
  return [...text.matchAll(statement)].flatMap((match): Import[] => {
    const module = match[3] ?? match[4] ?? match[5]
    if (match[1] !== undefined || module === undefined) return []
    const names = (match[2] ?? '')
      .replace(/[{}]/g, '')
      .split(',')
      .map((name) => name.trim().replace(/\s+as\s.*/, ''))
      .filter((name) => name !== '' && !name.startsWith('type '))
    return [{ module, names }]
  })
}

export class ImportsOfTests {
  readonly #root: string
  readonly #imports = new Map<string, readonly Import[]>()

  constructor(root: string) {
    this.#root = root
  }

  /** Why a test is not pure: what it reaches, and by which file; undefined when it is. */
  leaves(test: string): string | undefined {
    const seen = new Set([test])
    for (const file of seen) {
      for (const { module, names } of this.#of(file)) {
        if (module.startsWith('.')) seen.add(path.join(path.dirname(file), module))
        else if (names.length === 0 && module in leaving) return `${module} in ${file}`
        else if (names.some((name) => leaving[module]?.includes(name) === false))
          return `${module} in ${file}`
      }
    }
    return undefined
  }

  #of(file: string): readonly Import[] {
    let imports = this.#imports.get(file)
    if (imports === undefined) {
      imports = file.endsWith('.ts')
        ? importsOf(readFileSync(path.join(this.#root, file), 'utf8'))
        : []
      this.#imports.set(file, imports)
    }
    return imports
  }
}

/** All but those against real mail servers, which are a project of their own. */
export function testProjects(root: string): TestProjects {
  const tests = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => `test/${name}`)
    .filter((name) => name.endsWith('.test.ts') && !name.startsWith('test/interop/'))
    .sort()
  const imports = new ImportsOfTests(root)
  const isPure = (name: string): boolean =>
    !long.some((folder) => name.startsWith(folder)) && imports.leaves(name) === undefined
  return { pure: tests.filter(isPure), sockets: tests.filter((name) => !isPure(name)) }
}
