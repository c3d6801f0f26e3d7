/**
 * MAIL and RCPT parameters (RFC 5321 4.1.1.11): which there are, which were offered, and the line
 * for the backend.
 */
import { wordsOf } from './blanks.ts'
import type { Extensions } from './ehlo.ts'

export type Parameters = ReadonlyMap<string, string | undefined>

/**
 * A value may be empty, and hold `=`, which Postfix takes: what its parameter allows is asked for
 * behind.
 */
const parameter = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x7e\x80-\xff]*))?$/

/** Of most commands. */
const noParameters: Parameters = new Map()

/**
 * Splits `SIZE=100 BODY=8BITMIME`; undefined when one is no parameter or is given twice. Names in
 * upper case.
 */
export function parseParameters(text: string): Parameters | undefined {
  if (text === '') return noParameters
  const parameters = new Map<string, string | undefined>()
  for (const word of wordsOf(text)) {
    const match = parameter.exec(word)
    const name = match?.[1]?.toUpperCase()
    if (match === null || name === undefined || parameters.has(name)) return undefined
    parameters.set(name, match[2])
  }
  return parameters
}

/**
 * What is wrong with a parameter: `unknown` was not offered (555), `syntax` has a value that it
 * can't have (501).
 */
export interface ParameterFault {
  readonly fault: 'unknown' | 'syntax'
  readonly name: string
}

const decimal = /^[0-9]{1,20}$/
/** RFC 3461 4; with `=` and with lower-case digits too, as Postfix takes it. */
const xtext = /^(?:[\x21-\x2a\x2c-\x7e]|\+[0-9A-Fa-f]{2})+$/

type Check = (value: string | undefined) => boolean
const noValue: Check = (value) => value === undefined
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    value !== undefined && words.includes(value.toUpperCase())
const matching =
  (pattern: RegExp): Check =>
  (value) =>
    value !== undefined && pattern.test(value)

/**
 * Per command: name, the EHLO keyword that offers it (absent: it is taken although nobody offered
 * it), and what its value may be.
 */
interface Rule {
  readonly keyword?: string
  readonly valid: Check
}
const mailRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['SIZE', { keyword: 'SIZE', valid: matching(decimal) }], // RFC 1870
  ['BODY', { keyword: '8BITMIME', valid: oneOf('7BIT', '8BITMIME') }], // RFC 6152
  ['SMTPUTF8', { keyword: 'SMTPUTF8', valid: noValue }], // RFC 6531
  ['RET', { keyword: 'DSN', valid: oneOf('FULL', 'HDRS') }], // RFC 3461 4.3
  ['ENVID', { keyword: 'DSN', valid: matching(xtext) }], // RFC 3461 4.4
  ['PRDR', { keyword: 'PRDR', valid: noValue }], // draft-hall-prdr-00 4.2
  // RFC 4954 5. It is believed of those alone who have authenticated here, so others may say what
  // they like.
  ['AUTH', { valid: (value) => value !== undefined }],
  // RFC 2852 4: a time that is over can be reported of (N), and not be kept (R).
  [
    'BY',
    {
      keyword: 'DELIVERBY',
      valid: matching(/^(?:[-+]?[0-9]{1,9};NT?|\+?0*[1-9][0-9]{0,8};RT?)$/i),
    },
  ],
  ['MT-PRIORITY', { keyword: 'MT-PRIORITY', valid: matching(/^-?[0-9]$/) }], // RFC 6710
  ['REQUIRETLS', { keyword: 'REQUIRETLS', valid: noValue }], // RFC 8689 2
])
const binaryBody: Rule = { keyword: 'BINARYMIME', valid: () => true } // RFC 3030 3

/**
 * `BODY=BINARYMIME`: the text may hold anything behind its header section, and comes by BDAT alone
 * (RFC 3030 3).
 */
export const isBinary = (parameters: Parameters): boolean =>
  parameters.get('BODY')?.toUpperCase() === 'BINARYMIME'
const notify = /^(?:NEVER|(?:(?:SUCCESS|FAILURE|DELAY)(?:,|$))+)$/i
const rcptRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['NOTIFY', { keyword: 'DSN', valid: matching(notify) }], // RFC 3461 4.1
  // RFC 3461 4.2, RFC 6533 3
  ['ORCPT', { keyword: 'DSN', valid: matching(/^[\x21-\x3a\x3c-\x7e]+;/) }],
])

function check(
  parameters: Parameters,
  rules: ReadonlyMap<string, Rule>,
  offered: Extensions,
): ParameterFault | undefined {
  for (const [name, value] of parameters) {
    const binary = name === 'BODY' && rules === mailRules && value?.toUpperCase() === 'BINARYMIME'
    const rule = binary ? binaryBody : rules.get(name)
    if (rule === undefined || (rule.keyword !== undefined && !offered.has(rule.keyword)))
      return { fault: 'unknown', name: binary ? 'BODY=BINARYMIME' : name }
    if (!rule.valid(value)) return { fault: 'syntax', name }
  }
  return undefined
}

/** The first thing wrong with MAIL's parameters, measured by what EHLO offered. */
export const checkMailParameters = (
  parameters: Parameters,
  offered: Extensions,
): ParameterFault | undefined => check(parameters, mailRules, offered)
export const checkRcptParameters = (
  parameters: Parameters,
  offered: Extensions,
): ParameterFault | undefined => check(parameters, rcptRules, offered)

/**
 * Parameters as they go on to the backend: all but `PRDR`, which is ours to keep (protocol.md:
 * PRDR).
 */
export function encodeParameters(parameters: Parameters): string {
  if (parameters.size === 0) return ''
  let line = ''
  for (const [name, value] of parameters) {
    if (name !== 'PRDR') line += value === undefined ? ` ${name}` : ` ${name}=${value}`
  }
  return line
}
