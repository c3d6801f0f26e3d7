/**
 * A reader of replies that shares nothing with the product's: how many there are in some octets.
 * Throws where something else stands.
 */

export function parseReply(wire: string): number {
  let count = 0
  const lines = wire.split('\r\n')
  if (lines.pop() !== '')
    throw new Error(`the last line does not end with CRLF: ${JSON.stringify(wire)}`)
  let code = ''
  for (const line of lines) {
    if (!/^[2-5][0-9]{2}(?:[ -][\t\x20-\x7e\x80-\xff]*)?$/.test(line))
      throw new Error(`this is no line of a reply: ${JSON.stringify(line)}`)
    if (code !== '' && !line.startsWith(code))
      throw new Error(`the code changes within a reply: ${JSON.stringify(wire)}`)
    code = line[3] === '-' ? line.slice(0, 3) : ''
    if (code === '') count++
  }
  if (code !== '') throw new Error(`a reply has no last line: ${JSON.stringify(wire)}`)
  return count
}
