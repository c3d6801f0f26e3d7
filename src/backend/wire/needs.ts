/**
 * What a client used of the extensions that it was offered, and what becomes of it at a server that
 * has less: a parameter never reaches a server that did not offer it. Pure.
 *
 * Dropped is what changes nothing for the client (SIZE, BODY=7BIT, RET, ENVID, ORCPT, NOTIFY of
 * failures and delays, which is what happens without NOTIFY too: RFC 3461 4.1). What would change
 * something is not dropped but refused: for good only when no server has it, else for now, and at
 * its next session the client sees what is offered then.
 */
import type { Extensions } from '../../smtp/ehlo.ts'
import type { Reply } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'

export interface Needs {
  /** Keywords without which the message can't be passed on. */
  readonly must: readonly string[]
  /** Keywords that are better to have. */
  readonly should: readonly string[]
  /** From SIZE; 0 when it was not said. */
  readonly sizeBytes: number
  /** The message is a report, from the null reverse-path. */
  readonly report?: true
}

interface Rule {
  readonly keyword: string
  readonly lacking: 'drop' | 'refuse'
}

const must = (keyword: string): Rule => ({ keyword, lacking: 'refuse' })
const may = (keyword: string): Rule => ({ keyword, lacking: 'drop' })

function ruleOf(parameter: string): Rule {
  const [name = '', value = ''] = parameter.toUpperCase().split('=')
  switch (name) {
    case 'BODY':
      if (value === 'BINARYMIME') return must('BINARYMIME')
      return value === '7BIT' ? may('8BITMIME') : must('8BITMIME')
    case 'BY':
      return must('DELIVERBY')
    case 'SMTPUTF8':
    case 'REQUIRETLS':
      return must(name)
    case 'RET':
    case 'ENVID':
    case 'ORCPT':
      return may('DSN')
    case 'NOTIFY':
      return /SUCCESS|NEVER/.test(value) ? must('DSN') : may('DSN')
    default:
      return may(name) // SIZE, MT-PRIORITY, AUTH and PRDR are offered under their own names
  }
}

/**
 * The path ends at the first bracket outside of quotes; a quoted local part may hold brackets and
 * blanks.
 */
const path = /^<(?:[^<>"\\]|"(?:[^"\\]|\\.)*")*>/

function parametersOf(argument: string): readonly string[] {
  if (argument.endsWith('>') && !argument.includes('> ')) return []
  const rest = argument.slice(path.exec(argument)?.[0].length ?? argument.length)
  return rest.split(' ').filter((word) => word !== '')
}

/** Of what stands behind `MAIL FROM:`; undefined for nothing. */
export function needsOf(mail: string): Needs | undefined {
  const parameters = parametersOf(mail)
  if (parameters.length === 0) return undefined
  const needed: string[] = []
  const wanted: string[] = []
  let sizeBytes = 0
  for (const parameter of parameters) {
    const { keyword, lacking } = ruleOf(parameter)
    if (keyword === 'SIZE') sizeBytes = Number(parameter.slice('SIZE='.length)) || 0
    else if (lacking === 'refuse') needed.push(keyword)
    else if (keyword === 'DSN') wanted.push(keyword)
  }
  if (needed.length === 0 && wanted.length === 0 && sizeBytes === 0) return undefined
  const needs = { must: needed, should: wanted, sizeBytes }
  return mail.startsWith('<>') ? { ...needs, report: true } : needs
}

/** A server that says nothing of SIZE, or 0, takes any (RFC 1870 4). */
const hasRoom = (offered: Extensions, sizeBytes: number): boolean => {
  const limit = Number(offered.get('SIZE') ?? '') || 0
  return limit === 0 || sizeBytes <= limit
}

/** `well`: with all that is better to have; `barely`: with what there must be. */
export function fits(offered: Extensions, needs: Needs): 'well' | 'barely' | 'not' {
  if (!needs.must.every((keyword) => offered.has(keyword)) || !hasRoom(offered, needs.sizeBytes))
    return 'not'
  return needs.should.every((keyword) => offered.has(keyword)) ? 'well' : 'barely'
}

/**
 * What the client hears when no server that can be used fits. Undefined for a message that is only
 * too large: the server says that best itself. `others`: a server that is away or was never asked
 * may have it.
 */
export function refusalFor(
  needs: Needs,
  lackedByAll: (keyword: string) => boolean,
  others: boolean,
): Reply | undefined {
  const lacking = needs.must.find(lackedByAll)
  if (lacking === undefined)
    return others ? replies.backendLacks(needs.must[0] ?? 'SIZE') : undefined
  if (others) return replies.backendLacks(lacking)
  switch (lacking) {
    case '8BITMIME':
      return replies.backendNot8bit
    case 'SMTPUTF8':
      return replies.backendNotUtf8
    case 'BINARYMIME':
      return replies.backendNotBinary
    case 'REQUIRETLS':
      // A report is not to be lost for it (RFC 8689 5): its sender may do without at its next
      // session.
      return needs.report === true ? replies.backendLacks(lacking) : replies.backendNoRequireTls
    default:
      return replies.backendLacks(lacking)
  }
}

/** An envelope command's argument as a server may see it, or what is to be said in its endpoint. */
export function argumentFor(argument: string, offered: Extensions): string | Reply {
  const parameters = parametersOf(argument)
  if (parameters.length === 0) return argument
  const kept: string[] = []
  for (const parameter of parameters) {
    const { keyword, lacking } = ruleOf(parameter)
    if (offered.has(keyword)) kept.push(parameter)
    else if (lacking === 'refuse') return replies.backendLacks(keyword)
  }
  if (kept.length === parameters.length) return argument
  return [path.exec(argument)?.[0] ?? '', ...kept].join(' ')
}
