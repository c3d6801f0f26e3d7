/**
 * How deep a YAML text goes, before anything is made of it. Reading it token by token is linear;
 * composing a document of it is not, as soon as maps and lists stand in one another: five hundred
 * times `? ` took the library a minute. Pure.
 */
import { CST, Lexer, LineCounter, Parser } from 'yaml'
import { type Position, positionAt } from './locate.ts'

/** Maps and lists in one another; a configuration has six. */
export const deepestNesting = 32

/**
 * Where it goes deeper than `deepestNesting`; undefined when it does not. What is quoted or a
 * comment opens nothing.
 */
export function tooDeepAt(text: string): Position | undefined {
  const lines = new LineCounter()
  lines.addNewLine(0)
  const parser = new Parser(lines.addNewLine)
  for (const lexeme of new Lexer().lex(text)) {
    drain(parser.next(lexeme))
    // Below them is the document, above them perhaps a value.
    const top = parser.stack.at(-1)
    if (top !== undefined && parser.stack.length > deepestNesting + 1 && CST.isCollection(top))
      return positionAt(lines, Math.max(0, parser.offset - lexeme.length))
  }
  return undefined
}

/** The parser goes on only as far as one asks for what it has finished. */
function drain(finished: Iterator<unknown>): void {
  while (finished.next().done !== true);
}
