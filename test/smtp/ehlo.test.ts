import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { offeredExtensions, offerOf, parseExtensions } from '../../src/smtp/ehlo.ts'

const own = { messageSizeBytes: 1000, chunking: false, greylist: false, prdr: 'own' } as const
const inClear = { startTls: true, secured: false }
const backend = (...lines: string[]) => parseExtensions(['mx.backend', ...lines])

describe('what a backend offers', () => {
  test.each<[string, string[], [string, string][]]>([
    ['the first line is the greeting', ['PRDR'], []],
    [
      'keywords in any case',
      ['mx', 'pipelining', 'Size 1000'],
      [
        ['PIPELINING', ''],
        ['SIZE', '1000'],
      ],
    ],
    ['the old form with =', ['mx', 'AUTH=LOGIN'], [['AUTH', 'LOGIN']]],
    ['lines that are none', ['mx', '', '???', '-X'], []],
  ])('%s', (_name, lines, extensions) => expect([...parseExtensions(lines)]).toEqual(extensions))

  test('never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (lines) => void parseExtensions(lines)),
    )
  })
})

describe('what a client is offered (protocol.md: EHLO)', () => {
  test.each<[string, ReturnType<typeof backend>, string[]]>([
    [
      'nothing behind',
      new Map(),
      ['PIPELINING', 'SIZE 1000', 'STARTTLS', 'ENHANCEDSTATUSCODES', 'PRDR'],
    ],
    [
      'what can be passed through',
      backend('8BITMIME', 'DSN', 'SMTPUTF8', 'DELIVERBY 240', 'MT-PRIORITY MIXER'),
      [
        'PIPELINING',
        'SIZE 1000',
        'STARTTLS',
        'ENHANCEDSTATUSCODES',
        '8BITMIME',
        'DSN',
        'SMTPUTF8',
        'DELIVERBY 240',
        'MT-PRIORITY MIXER',
        'PRDR',
      ],
    ],
    [
      'what can not',
      backend(
        'XCLIENT NAME ADDR',
        'XFORWARD NAME',
        'BURL',
        'ETRN',
        'VRFY',
        'EXPN',
        'AUTH PLAIN',
        'STARTTLS',
        'CHUNKING',
        'BINARYMIME',
        'REQUIRETLS',
        'LIMITS RCPTMAX=5',
        'PRDR',
        'GREYLIST',
        'X-UNKNOWN',
      ),
      ['PIPELINING', 'SIZE 1000', 'STARTTLS', 'ENHANCEDSTATUSCODES', 'PRDR'],
    ],
    [
      'SIZE is the smaller of both',
      backend('SIZE 500'),
      ['PIPELINING', 'SIZE 500', 'STARTTLS', 'ENHANCEDSTATUSCODES', 'PRDR'],
    ],
    [
      'a larger SIZE behind',
      backend('SIZE 5000'),
      ['PIPELINING', 'SIZE 1000', 'STARTTLS', 'ENHANCEDSTATUSCODES', 'PRDR'],
    ],
    [
      'SIZE 0 is no limit (RFC 1870 4)',
      backend('SIZE 0'),
      ['PIPELINING', 'SIZE 1000', 'STARTTLS', 'ENHANCEDSTATUSCODES', 'PRDR'],
    ],
    [
      'SIZE without a number',
      backend('SIZE'),
      ['PIPELINING', 'SIZE 1000', 'STARTTLS', 'ENHANCEDSTATUSCODES', 'PRDR'],
    ],
  ])('%s', (_name, behind, lines) =>
    expect(offerOf(offeredExtensions(own, behind, inClear)).lines).toEqual(lines),
  )

  test.each<[string, string[], { chunking: boolean; secured: boolean }, string[]]>([
    [
      'both',
      ['CHUNKING', 'BINARYMIME', 'REQUIRETLS'],
      { chunking: true, secured: true },
      ['BINARYMIME', 'REQUIRETLS'],
    ],
    ['no CHUNKING here', ['CHUNKING', 'BINARYMIME'], { chunking: false, secured: true }, []],
    ['no CHUNKING behind', ['BINARYMIME'], { chunking: true, secured: true }, []],
    ['no BINARYMIME behind', ['CHUNKING'], { chunking: true, secured: true }, []],
    ['in clear', ['REQUIRETLS'], { chunking: true, secured: false }, []],
    ['no REQUIRETLS behind', [], { chunking: true, secured: true }, []],
  ])('BINARYMIME and REQUIRETLS: %s', (_name, behind, { chunking, secured }, lines) => {
    const offer = offeredExtensions({ ...own, chunking }, backend(...behind), {
      startTls: false,
      secured,
    })
    expect([...offer.keys()].filter((keyword) => /BINARY|REQUIRE/.test(keyword))).toEqual(lines)
  })

  test('what is configured', () => {
    const offer = offeredExtensions(
      { ...own, chunking: true, greylist: true, limitsRcptMax: 50 },
      new Map(),
      {
        startTls: false,
        secured: false,
      },
    )
    expect(offerOf(offer).lines).toEqual([
      'PIPELINING',
      'SIZE 1000',
      'ENHANCEDSTATUSCODES',
      'CHUNKING',
      'LIMITS RCPTMAX=50',
      'GREYLIST',
      'PRDR',
    ])
  })

  test('Exim finds PRDR in the whole reply, on a line of its own (protocol-reference 1.5.1)', () => {
    const wire = ['mx.test', ...offerOf(offeredExtensions(own, new Map(), inClear)).lines]
      .map((line) => `\n250-${line}`)
      .join('')
    expect(wire).toMatch(/\n250[\s-]PRDR(\s|\n|$)/)
  })
})
