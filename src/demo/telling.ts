/** How the demonstration speaks to people, with colours on a terminal. */

import { paint, type Style } from '../log/colours.ts'

export const print = (text = ''): void => void process.stdout.write(`${text}\n`)
export const title = (text: string): void =>
  print(`\n${paint('bold', text)}\n${paint('bold', '-'.repeat(text.length))}`)
/** A line of a dialogue: of the client, or a reply by its kind. */
export const say = (line: string): void => print(`    ${paint(styleOf(line), line)}`)

function styleOf(line: string): Style {
  if (line.startsWith('C:')) return 'cyan'
  if (line.startsWith('S: 5')) return 'red'
  return line.startsWith('S: 4') ? 'yellow' : 'green'
}
