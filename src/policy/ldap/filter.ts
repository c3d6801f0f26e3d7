/** The filter of a search: the administrator's own, once for each key. Pure. */

/** What stands for the key. */
export const keyPlaceholder = '{key}'

/**
 * RFC 4515 3: these octets mean something in a filter. All others stand for themselves, and no key
 * has half a character.
 */
export const escapedValue = (value: string): string =>
  value.replaceAll(/[\0\\*()]/g, (mark) => `\\${mark.charCodeAt(0).toString(16).padStart(2, '0')}`)

export function filterFor(template: string, keys: readonly string[]): string {
  const each = keys.map((key) => template.replaceAll(keyPlaceholder, () => escapedValue(key)))
  return each.length === 1 ? each.join('') : `(|${each.join('')})`
}

/** Undefined, or what is wrong with it. */
export function filterMistake(template: string): string | undefined {
  if (!template.includes(keyPlaceholder))
    return `has no ${keyPlaceholder}; write for instance (mail=${keyPlaceholder})`
  let depth = 0
  for (let at = 0; at < template.length; at++) {
    const mark = template[at]
    if (mark === '(') depth++
    if (mark === ')') depth--
    const isOver = depth === 0 && at < template.length - 1
    if (depth < 0 || isOver || (at === 0 && mark !== '(')) return 'is not one filter in parentheses'
  }
  return depth === 0 ? undefined : 'is not one filter in parentheses'
}
