/** What a filter sends, as octets made by hand from the facts of the protocol. */

/** Octets of a frame. */
export const frame = (code: string, data: Buffer | string = ''): Buffer => {
  const octets = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
  const front = Buffer.alloc(5)
  front.writeUInt32BE(octets.length + 1)
  front.writeUInt8(code.charCodeAt(0), 4)
  return Buffer.concat([front, octets])
}

const number = (value: number): Buffer => {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(value)
  return four
}

/** The answer to the offer. */
export const agrees = (protocol = 0, version = 6, actions = 0x1ff): Buffer =>
  frame('O', Buffer.concat([number(version), number(actions), number(protocol)]))

/** With a number in front: an index. */
export const numbered = (code: string, index: number, text: string): Buffer =>
  frame(code, Buffer.concat([number(index), Buffer.from(text, 'latin1')]))

export const goOn = frame('c')
