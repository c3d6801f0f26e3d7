/**
 * `log.addresses`: no line says more of a mail address than is wanted, wherever in it the address
 * stands: in a field of its own, in a reply of a server, in the words of an error. The guard is
 * where lines leave (log.ts), so that nobody who writes one has to think of it.
 *
 * An address is what stands around an `@`. Of the texts that others wrote, replies name mailboxes
 * also without their domain: those that the line has in its own fields are hidden there, too.
 * Message-IDs stay, as in the history: they name messages.
 */

/** What is shown of an address. It does not change what it has given itself. */
export type KeepAddress = (address: string) => string

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A line of JSON, with its end. */
export function withoutAddresses(line: string, keep: KeepAddress): string {
  const content = JSON.parse(line) as Json
  const mailboxes = new Map<string, string>()
  collect(content, mailboxes)
  const hidden = hide(content, '', { keep, mailboxes })
  return `${JSON.stringify(hidden)}\n`
}

interface Hiding {
  readonly keep: KeepAddress
  /** The address of each local part, in lower case, that the line names. */
  readonly mailboxes: ReadonlyMap<string, string>
}

const notAddresses: ReadonlySet<string> = new Set(['messageId'])
/** What servers and judges have written. */
const others: ReadonlySet<string> = new Set(['reply', 'why', 'told', 'said', 'msg'])

function hide(value: Json, key: string, hiding: Hiding): Json {
  if (typeof value === 'string') return notAddresses.has(key) ? value : hideIn(value, key, hiding)
  if (typeof value !== 'object' || value === null) return value
  if (isList(value)) return value.map((one) => hide(one, key, hiding))
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [hideIn(name, '', hiding), hide(one, name, hiding)]),
  )
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

function hideIn(text: string, key: string, { keep, mailboxes }: Hiding): string {
  const whole = uncut(text)
  const shown = whole.includes('@') ? hideAddresses(whole, keep) : whole
  return others.has(key) ? hideMailboxes(shown, { keep, mailboxes }) : shown
}

/**
 * Of a text that was cut (cut.ts) the last word may be the beginning of an address, and so may all
 * that follows a quote.
 */
function uncut(text: string): string {
  const cut = /… \(\d+ characters\)$/.exec(text)
  if (cut === null) return text
  const before = text.slice(0, cut.index)
  const quote = before.indexOf('"')
  return before.slice(0, quote === -1 ? startOfLastWord(before) : quote) + cut[0]
}

function startOfLastWord(text: string): number {
  let start = text.length
  while (start > 0 && !outsideAtoms.test(text[start - 1] ?? '')) start--
  return start
}

const domain = /^(?:\[[^\]\s]{0,100}\]|[^\s<>(),;:"'[\]\\@]*)/u

/** From its end to its beginning: what a quoted local part holds is none of its own. */
export function hideAddresses(text: string, keep: KeepAddress): string {
  let [before, after] = [text, '']
  for (let at = before.lastIndexOf('@'); at !== -1; at = before.lastIndexOf('@')) {
    const rest = before.slice(at + 1)
    const name = withoutDots(domain.exec(rest)?.[0] ?? '')
    const start = startOfLocalPart(before, at)
    const kept = start === at ? `@${name}` : keep(`${before.slice(start, at)}@${name}`)
    after = kept + rest.slice(name.length) + after
    before = before.slice(0, start)
  }
  return before + after
}

/** Those at the end of a sentence. */
function withoutDots(name: string): string {
  let end = name.length
  while (end > 0 && name[end - 1] === '.') end--
  return name.slice(0, end)
}

const outsideAtoms = /[\s<>(),;:"[\]]/

/** Where nothing opens the quotes, all that is before belongs to it: rather too much is hidden. */
function startOfLocalPart(text: string, at: number): number {
  if (text[at - 1] === '"') {
    for (
      let quote = text.lastIndexOf('"', at - 2);
      quote > 0;
      quote = text.lastIndexOf('"', quote - 1)
    )
      if (!isEscaped(text, quote)) return quote
    return 0
  }
  let start = at
  while (start > 0 && !outsideAtoms.test(text[start - 1] ?? '')) start--
  return text[start] === "'" ? start + 1 : start
}

function isEscaped(text: string, at: number): boolean {
  let first = at
  while (first > 0 && text[first - 1] === '\\') first--
  return (at - first) % 2 === 1
}

const betweenWords = /([\s<>"',;:()[\]]+)/

const hideMailboxes = (text: string, { keep, mailboxes }: Hiding): string =>
  mailboxes.size === 0
    ? text
    : text
        .split(betweenWords)
        .map((word) => {
          const address = mailboxes.get(word.toLowerCase())
          return address === undefined ? word : keep(address)
        })
        .join('')

/** The fields of a line that are one address. */
function collect(value: Json, mailboxes: Map<string, string>): void {
  if (typeof value === 'string') {
    const at = value.lastIndexOf('@')
    if (at > 0 && !/\s/.test(value)) mailboxes.set(value.slice(0, at).toLowerCase(), value)
  } else if (typeof value === 'object' && value !== null)
    for (const one of Object.values(value)) collect(one, mailboxes)
}
