/**
 * The configuration as it is in force, key by key, and where each value comes from: the file, the
 * command line or the default. Secrets are not shown.
 */
import { locate } from './locate.ts'
import { applyOverrides, type ConfigOverrides, optionFor } from './overrides.ts'
import { dottedKey, type KeyPath } from './problem.ts'
import { type DocumentedKey, documentedKeys } from './schema-keys.ts'
import type { YamlText } from './yaml-text.ts'

export interface EffectiveValue {
  /** Such as `peers[0].strategy`. */
  readonly key: string
  /** As one writes it; of a default, in words where it is none. */
  readonly value: string
  /** `file:line`, an option such as `--listen`, or `default`. */
  readonly from: string
  readonly isDefault: boolean
}

/** Of a configuration that is right; `yaml` is absent for the built-in defaults. */
export function effectiveValues(
  yaml: YamlText | undefined,
  file: string | undefined,
  overrides: ConfigOverrides,
): readonly EffectiveValue[] {
  const content = applyOverrides(yaml?.content ?? {}, overrides)
  const fromOf = (path: KeyPath): string =>
    optionFor(path, overrides) ??
    (yaml === undefined ? 'default' : `${file ?? ''}:${locate(yaml, path).line}`)
  const written = leavesOf(content, []).map(({ path, value }): EffectiveValue => ({
    key: dottedKey(path),
    value: withoutSecrets(path, value),
    from: fromOf(path),
    isDefault: false,
  }))
  return [...written, ...defaultsBeside(content)].toSorted(inOrder())
}

interface Leaf {
  readonly path: KeyPath
  readonly value: unknown
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lists of plain values are one value. */
function leavesOf(value: unknown, path: KeyPath): readonly Leaf[] {
  if (isMap(value))
    return Object.entries(value).flatMap(([name, one]) => leavesOf(one, [...path, name]))
  if (Array.isArray(value) && value.some(isMap))
    return value.flatMap((one: unknown, at) => leavesOf(one, [...path, at]))
  return [{ path, value }]
}

/**
 * The keys that were left out where their section is written, or is there anyhow. A section that
 * has a short form, such as `admin: off`, has no keys besides.
 */
function defaultsBeside(content: unknown): readonly EffectiveValue[] {
  return documentedKeys()
    .filter(isValue)
    .flatMap(({ key, default: fallback = '' }) =>
      placesOf(content, key.split('.'), []).map((path) => ({
        key: dottedKey(path),
        value: fallback.replaceAll('`', ''),
        from: 'default',
        isDefault: true,
      })),
    )
}

/** Sections are no values; what has no default is either written or not there. */
const isValue = ({ value, default: fallback }: DocumentedKey): boolean =>
  fallback !== undefined && fallback !== '' && value !== 'a map' && !value.startsWith('a map of')

/** Where a documented key, such as `peers[].strategy`, is left out. */
function placesOf(at: unknown, names: readonly string[], path: KeyPath): readonly KeyPath[] {
  const [name, ...rest] = names
  if (name === undefined) return []
  if (name === 'NAME')
    return isMap(at)
      ? Object.entries(at).flatMap(([one, below]) => placesOf(below, rest, [...path, one]))
      : []
  const plain = name.replaceAll('[]', '')
  if (at !== undefined && at !== null && !isMap(at)) return []
  const inner = isMap(at) ? at[plain] : undefined
  const here = [...path, plain]
  if (rest.length === 0) return inner === undefined ? [here] : []
  if (name.endsWith('[]'))
    return Array.isArray(inner)
      ? inner.flatMap((one: unknown, index) =>
          isMap(one) ? placesOf(one, rest, [...here, index]) : [],
        )
      : []
  // A section of one of several kinds, such as a judge, is there only when it is written.
  if (inner === undefined && path.some((part) => typeof part === 'number')) return []
  return placesOf(inner, rest, here)
}

/** As in docs/configuration.md, which has the order of the schema. */
function inOrder(): (a: EffectiveValue, b: EffectiveValue) => number {
  const order = new Map(documentedKeys().map(({ key }, at) => [key, at]))
  const top = ({ key }: EffectiveValue): number =>
    order.get(/^[a-z_]+/.exec(key)?.[0] ?? key) ?? order.size
  return (a, b) => top(a) - top(b)
}

const secretName = /(?:^|_)(?:password|passwd|secret|token)$/
/** `redis://user:password@host` */
const inUrl = /(\/\/[^\s/@:]*):[^\s/@]*@/g
const inQuery = /([?&](?:password|secret|token|apikey|api_key|key)=)[^&\s]*/gi

function withoutSecrets(path: KeyPath, value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return secretName.test(String(path.at(-1)))
    ? '(hidden)'
    : text.replace(inUrl, '$1:(hidden)@').replace(inQuery, '$1(hidden)')
}
