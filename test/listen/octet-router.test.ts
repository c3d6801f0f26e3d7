/** Octets go to whoever they are for, however they are cut. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OctetRouter } from '../../src/listen/octet-router.ts'
import { cut, plainCuts } from '../smtp/splits.ts'

const text = {
  bareNewlines: 'reject',
  maxBytes: 1000,
  maxLineBytes: 100,
  maxHeaderBytes: 500,
} as const

/**
 * What was told, octets of a message joined, over a conversation that its own commands drive. Of a
 * text that is refused nobody keeps any.
 */
function run(octets: string, cuts: readonly number[]): string[] {
  const told: string[] = []
  let message = ''
  const end = (what: string): void => {
    told.push(`${what} ${JSON.stringify(message)}`)
    message = ''
  }
  const router = new OctetRouter(
    { text, commandLineBytes: 512 },
    {
      take: (part) => {
        message += part.toString('latin1')
      },
      turnEnded: () => undefined,
      textEnded: (size, fault) => {
        if (fault !== undefined) message = ''
        end(`text of ${size} ${fault ?? 'ok'}`)
      },
      droppedTextEnded: () => end('dropped'),
      chunkTaken: (bytes) => end(`chunk of ${bytes}`),
    },
  )
  for (const piece of cut(Buffer.from(octets, 'latin1'), cuts)) {
    router.push(piece)
    while (!router.takesOctets) {
      const line = router.nextLine()
      if (line === undefined) break
      const command = line.kind === 'line' ? line.text : line.kind
      told.push(command)
      const [verb = '', size = '', ...flags] = command.split(' ')
      if (verb === 'DATA') router.beginText()
      if (verb === 'DROP') router.dropText()
      if (verb === 'RSET') router.abandon()
      if (verb === 'BDAT')
        router.beginChunk({
          binary: false,
          bytes: Number(size),
          first: flags.includes('FIRST'),
          last: flags.includes('LAST'),
          discard: flags.includes('DISCARD'),
        })
      router.readAhead()
    }
  }
  return [...told, `unread ${router.unreadBytes}`]
}

const table: [string, string, string[]][] = [
  [
    'a text, then commands',
    'NOOP\r\nDATA\r\nX: y\r\n\r\n..\r\n.\r\nNOOP\r\n',
    ['NOOP', 'DATA', 'text of 11 ok "X: y\\r\\n\\r\\n.\\r\\n"', 'NOOP', 'unread 0'],
  ],
  [
    'a text that is dropped',
    'DROP\r\nNOOP\r\n.\r\nQUIT\r\n',
    ['DROP', 'dropped ""', 'QUIT', 'unread 0'],
  ],
  [
    'chunks, with commands between them',
    'BDAT 5 FIRST\r\nNOOP\rNOOP\r\nBDAT 3\r\n\n.\rBDAT 1 LAST\r\n\nNOOP\r\n',
    [
      'BDAT 5 FIRST',
      'chunk of 5 "NOOP"',
      'NOOP',
      'BDAT 3',
      'chunk of 3 "\\r\\n."',
      'BDAT 1 LAST',
      'text of 9 ok "\\r\\n"',
      'NOOP',
      'unread 0',
    ],
  ],
  [
    'nothing at all',
    'BDAT 0 FIRST LAST\r\nQUIT\r\n',
    ['BDAT 0 FIRST LAST', 'text of 0 ok ""', 'QUIT', 'unread 0'],
  ],
  [
    'a chunk that is refused is read to its end',
    'BDAT 6 DISCARD\r\nNOOP\r\nNOOP\r\n',
    ['BDAT 6 DISCARD', 'NOOP', 'unread 0'],
  ],
  [
    'a transaction that is given up between chunks',
    'BDAT 3 FIRST\r\nhelRSET\r\nNOOP\r\nDATA\r\n.\r\n',
    ['BDAT 3 FIRST', 'chunk of 3 "hel"', 'RSET', 'NOOP', 'DATA', 'text of 0 ok ""', 'unread 0'],
  ],
  ['half a line', 'NOOP\r\nNO', ['NOOP', 'unread 2']],
  [
    'a text that is dropped, of lines with dots and stray newlines',
    'DROP\r\nSubject: x\r\n\r\n..\r\n.\n\n.\r\n\r\r\n.\r\nQUIT\r\n',
    ['DROP', 'dropped ""', 'QUIT', 'unread 0'],
  ],
  [
    'a text that is refused',
    'DATA\r\na\nb\r\n.\r\n',
    ['DATA', 'text of 4 bareNewline ""', 'unread 0'],
  ],
]

test.each(table)('%s', (_name, octets, told) => {
  for (const cuts of plainCuts(octets))
    expect(run(octets, cuts), JSON.stringify(cuts)).toEqual(told)
  fc.assert(
    fc.property(fc.array(fc.nat({ max: octets.length }), { maxLength: 20 }), (cuts) => {
      expect(run(octets, cuts)).toEqual(told)
    }),
  )
})

test('octets that were not read can be thrown away', () => {
  const router = new OctetRouter(
    { text, commandLineBytes: 512 },
    {
      take: () => undefined,
      turnEnded: () => undefined,
      textEnded: () => undefined,
      droppedTextEnded: () => undefined,
      chunkTaken: () => undefined,
    },
  )
  router.push(Buffer.from('STARTTLS\r\nMAIL FROM:<evil@example.net>\r\nRC'))
  expect(router.nextLine()).toEqual({ kind: 'line', text: 'STARTTLS' })
  router.forget()
  expect(router.nextLine()).toBeUndefined()
  expect(router.unreadBytes).toBe(0)
})
