/** How the demonstration speaks to people, with colours on a terminal. */

const colour = process.stdout.isTTY
export const paint = (code: number, text: string): string =>
  colour ? `\x1b[${code}m${text}\x1b[0m` : text
export const print = (text = ''): void => void process.stdout.write(`${text}\n`)
export const title = (text: string): void =>
  print(`\n${paint(1, text)}\n${paint(1, '-'.repeat(text.length))}`)
/** A line of a dialogue: of the client, or a reply by its kind. */
export const say = (line: string): void =>
  print(
    `    ${paint(line.startsWith('C:') ? 36 : /^S: 5/.test(line) ? 31 : /^S: 4/.test(line) ? 33 : 32, line)}`,
  )
