/**
 * The pages, as the units that a test can quote: sentences, and tables as a whole; and as they are
 * in the source, line by line. Code and what is between `<!-- tables: begin -->` and `<!-- tables:
 * end -->` (made by tools/strategy-table.ts) are left out.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

export interface Page {
  /** Such as `limits.md`: as a test's name gives it. */
  readonly name: string
  readonly file: string
  /** Without markup, in order; a table is `table under HEADING`. */
  readonly units: readonly string[]
  /** Paragraphs and list entries, with the lines of each. */
  readonly paragraphs: readonly (readonly string[])[]
}

const markdownOf = (folder: string): string[] =>
  readdirSync(join(root, folder), { encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))

/** What readers of this version read: neither decisions nor the history of changes. */
export const documents: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'grafana/README.md',
  ...markdownOf('docs'),
  ...markdownOf('docs/deploy'),
  ...markdownOf('docs/sites'),
]

/** Emphasis, code marks and links are how a sentence looks, not what it says. */
export const plain = (text: string): string =>
  text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*`]/g, '')
    .replace(/\s+/g, ' ')
    .trim()

/** No sentence ends behind these, nor within a number or a name. */
const abbreviations = /(?:\be\.g|\bi\.e|\bvs|\betc|\bNo)\.$/

export function sentencesOf(paragraph: string): string[] {
  const found: string[] = []
  let begun = ''
  for (const piece of paragraph.split(/(?<=[.!?]\**["”’)]?\**)\s+(?=["“‘(*`[]*[A-Z0-9]|\**[`[])/)) {
    begun = plain(`${begun} ${piece}`)
    if (abbreviations.test(begun)) continue
    found.push(begun)
    begun = ''
  }
  return begun === '' ? found : [...found, begun]
}

/** Blocks of one kind: a heading, a table, a list entry or a paragraph. */
function blocksOf(text: string): Pick<Page, 'units' | 'paragraphs'> {
  const units: string[] = []
  const paragraphs: string[][] = []
  let heading = ''
  let paragraph: string[] = []
  let tables = 0
  const end = (): void => {
    if (paragraph.length > 0) {
      paragraphs.push(paragraph)
      units.push(...sentencesOf(paragraph.join(' ')))
    }
    paragraph = []
  }
  let inTable = false
  for (const line of text.split('\n')) {
    const row = /^\s*\|/.test(line)
    if (row && !inTable) {
      end()
      tables++
      units.push(`table${tables > 1 ? ` ${tables}` : ''} under ${heading}`)
    }
    inTable = row
    if (row) continue
    const head = /^#+ (.*)$/.exec(line)
    if (head !== null) {
      end()
      heading = plain(head[1] ?? '')
      tables = 0
    } else if (line.trim() === '') end()
    else {
      const entry = /^\s*(?:[-*]|\d+\.) (.*)$/.exec(line)
      if (entry !== null) end()
      paragraph.push(entry === null ? line : (entry[1] ?? ''))
    }
  }
  end()
  return { units, paragraphs }
}

export function readPage(file: string): Page {
  const text = readFileSync(join(root, file), 'utf8')
    .replace(/<!-- tables: begin -->[\s\S]*?<!-- tables: end -->/g, '')
    .replace(/^( *)```[\s\S]*?^ *```$/gm, '')
    .replace(/<!--[\s\S]*?-->/g, '')
  return { name: basename(file), file, ...blocksOf(text) }
}
