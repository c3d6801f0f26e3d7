/** Which senders a recipient wants to hear of, whatever is said of the text. Pure. */

/** What an entry is for; the special one stands over the general one. */
export type SenderMatch = 'nobody' | 'everyone' | 'domain' | 'address'
const bySpeciality: readonly SenderMatch[] = ['nobody', 'everyone', 'domain', 'address']

/**
 * Entries: `user@example.net` in lower case, `@example.net` for its domain, `*` for everyone, the
 * null reverse-path too.
 */
export type SenderList = ReadonlySet<string>

export interface SenderLists {
  readonly acceptSenders?: SenderList
  readonly refuseSenders?: SenderList
  /** Whom neither a list nor a symbol accepts is refused. */
  readonly knownSendersOnly?: true
}

/** `sender`: an address with its domain in the canonical spelling; empty for the null path. */
function matchOf(list: SenderList | undefined, sender: string): SenderMatch {
  if (list === undefined) return 'nobody'
  const at = sender.lastIndexOf('@')
  if (list.has(sender.toLowerCase())) return 'address'
  if (at >= 0 && list.has(sender.slice(at).toLowerCase())) return 'domain'
  return list.has('*') ? 'everyone' : 'nobody'
}

const isMoreSpecial = (one: SenderMatch, other: SenderMatch): boolean =>
  bySpeciality.indexOf(one) > bySpeciality.indexOf(other)

/** The most special entry that one of the names matches. */
const bestMatch = (list: SenderList | undefined, names: readonly string[]): SenderMatch =>
  names
    .map((name) => matchOf(list, name))
    .reduce((best, match) => (isMoreSpecial(match, best) ? match : best))

export const hasLists = ({ acceptSenders, refuseSenders }: SenderLists): boolean =>
  acceptSenders !== undefined || refuseSenders !== undefined

/** A report (the null reverse-path) has no sender whom one could know. */
export const refusesStrangers = ({ knownSendersOnly }: SenderLists, sender: string): boolean =>
  knownSendersOnly === true && sender !== ''

export type SenderWish = 'accept' | 'refuse' | undefined

/**
 * What the lists say of this sender; of two entries the special one counts. `author`: an address
 * that somebody vouches for; it counts as the reverse-path does.
 */
export function wishFor(
  { acceptSenders, refuseSenders }: SenderLists,
  sender: string,
  author = sender,
): SenderWish {
  if (acceptSenders === undefined && refuseSenders === undefined) return undefined
  const names = author === sender ? [sender] : [sender, author]
  const [accepted, refused] = [bestMatch(acceptSenders, names), bestMatch(refuseSenders, names)]
  if (isMoreSpecial(accepted, refused)) return 'accept'
  return refused === 'nobody' ? undefined : 'refuse'
}
