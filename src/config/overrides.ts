/** What the command line says in place of the file. */
import { resolve } from 'node:path'
import type { KeyPath } from './problem.ts'

/**
 * What the command line says instead of the file, in the file's notation; relative paths are the
 * shell's.
 */
export interface ConfigOverrides {
  /** One address, in place of `listen`. */
  readonly listen?: string
  /** One server, in place of `backend.servers`. */
  readonly backend?: string
  /** Domains with commas between them, in place of `relay_domains`. */
  readonly relayDomains?: string
  /** Address or `off`, in place of `admin.listen`. */
  readonly admin?: string
  readonly dataDirectory?: string
  readonly logLevel?: string
}

interface Option {
  readonly option: string
  readonly path: readonly [string, ...string[]]
  readonly value: (written: string) => unknown
}

const options: Readonly<Record<keyof ConfigOverrides, Option>> = {
  listen: { option: '--listen', path: ['listen'], value: (written) => written },
  backend: {
    option: '--backend',
    path: ['backend', 'servers'],
    value: (written) => [
      written.replace(/^sink:(.+)$/, (_, directory: string) => `sink:${resolve(directory)}`),
    ],
  },
  relayDomains: {
    option: '--relay-domains',
    path: ['relay_domains'],
    value: (written) => written.split(',').map((domain) => domain.trim()),
  },
  admin: { option: '--admin', path: ['admin', 'listen'], value: (written) => written },
  dataDirectory: {
    option: '--data-directory',
    path: ['data_directory'],
    value: (written) => resolve(written),
  },
  logLevel: { option: '--log-level', path: ['log', 'level'], value: (written) => written },
}

const used = (overrides: ConfigOverrides): readonly (Option & { readonly written: string })[] =>
  Object.entries(options).flatMap(([name, option]) => {
    const written = overrides[name as keyof ConfigOverrides]
    return written === undefined ? [] : [{ ...option, written }]
  })

/** The file's content with the overrides put in; the content itself stays as it is. */
export function applyOverrides(content: unknown, overrides: ConfigOverrides): unknown {
  return used(overrides).reduce(
    (merged, { path, value, written }) => put(merged, path, value(written)),
    content,
  )
}

function put(content: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value
  const isMap = typeof content === 'object' && content !== null && !Array.isArray(content)
  const map: Readonly<Record<string, unknown>> = isMap ? { ...content } : {}
  return { ...map, [key]: put(map[key], rest, value) }
}

/** The option that a value came from; undefined when it came from the file. */
export const optionFor = (path: KeyPath, overrides: ConfigOverrides): string | undefined =>
  used(overrides).find((option) => option.path.every((part, i) => path[i] === part))?.option
