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

/** What the lists say of this sender; of two entries the special one counts. */
export function wishFor(
  { acceptSenders, refuseSenders }: SenderLists,
  sender: string,
): 'accept' | 'refuse' | undefined {
  const [accepted, refused] = [matchOf(acceptSenders, sender), matchOf(refuseSenders, sender)]
  if (isMoreSpecial(accepted, refused)) return 'accept'
  return refused === 'nobody' ? undefined : 'refuse'
}
