/** Text in the columns of a terminal: how wide it is, cut, and wrapped. Pure. */

const segmenter = new Intl.Segmenter()
const charactersOf = (text: string): readonly string[] =>
  Array.from(segmenter.segment(text), ({ segment }) => segment)

/** East Asian letters and pictures take two columns (Unicode UAX 11), as terminals show them. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f1e6}-\u{1faff}\u{20000}-\u{3fffd}])|\p{Emoji_Presentation}|\ufe0f/u
const narrow = /^[\x20-\x7e]*$/

const columnsOf = (character: string): number => {
  if (wide.test(character)) return 2
  return /^\p{M}/u.test(character) ? 0 : 1
}

export const widthOf = (text: string): number =>
  narrow.test(text)
    ? text.length
    : charactersOf(text).reduce((sum, character) => sum + columnsOf(character), 0)

/** The beginning of it that has room. */
function beginning(characters: readonly string[], width: number): string {
  let [text, used] = ['', 0]
  for (const character of characters) {
    used += columnsOf(character)
    if (used > width) break
    text += character
  }
  return text
}

/** Of a longer one both ends are kept: of an address the name and the domain. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  const characters = charactersOf(text)
  const head = Math.ceil((width - 1) / 2)
  const tail = beginning(characters.toReversed(), width - 1 - head)
  const end = charactersOf(tail).toReversed().join('')
  return `${beginning(characters, head)}…${end}`
}

/** Lines of it, broken at blanks, and within a word that is too long itself. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) <= width) line += ` ${word}`
    else {
      if (line !== '') lines.push(line)
      const pieces = broken(word, width)
      lines.push(...pieces.slice(0, -1))
      line = pieces.at(-1) ?? ''
    }
  }
  return [...lines, line]
}

/**
 * Further lines of a line that is folded stand so much further in: where no line of its own begins,
 * so that what a stranger wrote is not taken for one.
 */
const hanging = 6

/** Sentences and lists that are longer than the terminal is wide, folded below their beginning. */
export const folded = (text: string, width: number): string =>
  text
    .split('\n')
    .flatMap((line) => {
      if (widthOf(line) <= width) return [line]
      const start = /^ */.exec(line)?.[0] ?? ''
      const further = `${start}${' '.repeat(hanging)}`
      const [first = '', ...rest] = wrapped(line.slice(start.length), width - further.length)
      return [start + first, ...rest.map((each) => further + each)]
    })
    .join('\n')

function broken(word: string, width: number): readonly string[] {
  const pieces: string[] = []
  let rest = charactersOf(word)
  while (rest.length > 0) {
    const piece = beginning(rest, Math.max(width, 2))
    pieces.push(piece)
    rest = rest.slice(charactersOf(piece).length)
  }
  return pieces
}
