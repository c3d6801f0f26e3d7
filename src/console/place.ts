/** What the page shows, as the part of its address behind the `#`. Pure. */

export const viewNames = [
  'now',
  'senders',
  'splits',
  'history',
  'delays',
  'audit',
  'configuration',
] as const
export type ViewName = (typeof viewNames)[number]

export interface Place {
  readonly view: ViewName
  /** Sorting, filters, what is selected: each view has its own words. */
  readonly state: ReadonlyMap<string, string>
}

/** Anything may come in: what is no view is the first one. */
export function placeIn(hash: string): Place {
  const [name = '', query = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s)
  const view = viewNames.find((known) => known === name) ?? 'now'
  return { view, state: new Map(new URLSearchParams(query)) }
}

export function hashOf({ view, state }: Place): string {
  const query = new URLSearchParams([...state].filter(([, value]) => value !== '')).toString()
  return query === '' ? `#/${view}` : `#/${view}?${query}`
}

/** An empty value takes the word away. */
export function changed(
  { view, state }: Place,
  change: Readonly<Record<string, string | undefined>>,
): Place {
  const next = new Map([...state, ...Object.entries(change).map(([k, v]) => [k, v ?? ''] as const)])
  return { view, state: new Map([...next].filter(([, value]) => value !== '')) }
}
