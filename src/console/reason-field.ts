/** Where somebody says why they change something. */
import { el } from './dom.ts'
import { field } from './parts.ts'

export interface ReasonField {
  readonly element: HTMLElement
  /** Empty: none was said. */
  readonly reason: () => string
}

export function reasonField(): ReasonField {
  const input = el('input', {
    name: 'reason',
    maxlength: '200',
    autocomplete: 'off',
    placeholder: 'such as: ticket 4711, sender drops at 451',
  })
  return {
    element: field('Reason, for the audit log', input),
    reason: () => input.value.trim(),
  }
}
