/** The text of a message of the run: short, and with what the run has to know it by. */

export interface LetterText {
  readonly id: string
  readonly reversePath: string
  readonly score: number
  /** Octets besides. */
  readonly filler: number
}

/** Without the final dot; no line begins with one. */
export const textOf = ({ id, reversePath, score, filler }: LetterText): string =>
  [
    `From: <${reversePath}>`,
    `Message-ID: <${id}@${reversePath.split('@')[1] ?? ''}>`,
    `Subject: ${id}`,
    `X-Letter: ${id}`,
    `X-Score: ${score}`,
    '',
    `hello ${id}`,
    'x'.repeat(filler),
    '',
  ].join('\r\n')

export const letterIn = (text: string): string => /^X-Letter: (\S+)/m.exec(text)?.[1] ?? ''

export const scoreIn = (text: string): number => Number(/^X-Score: (\S+)/m.exec(text)?.[1] ?? 0)
