/** Small parts that several views have. */
import type { ApiProblem } from './api.ts'
import { type Child, el, put } from './dom.ts'
import { clock } from './words.ts'
import type { State } from './source.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'quiet' | 'info'

export const badge = (text: string, tone: Tone = 'quiet'): HTMLElement =>
  el('span', { class: `badge ${tone}` }, text)

/** A field with its name above. */
export function field(name: string, input: HTMLElement, help?: string): HTMLElement {
  return el(
    'label',
    { class: 'field' },
    el('span', { class: 'name' }, name),
    input,
    help === undefined ? undefined : el('small', {}, help),
  )
}

export const facts = (pairs: readonly (readonly [string, Child] | undefined)[]): HTMLElement =>
  el(
    'dl',
    { class: 'facts' },
    pairs.flatMap((pair) =>
      pair === undefined ? [] : [el('dt', {}, pair[0]), el('dd', {}, pair[1])],
    ),
  )

/** The words that a view's list is filtered by; typing changes the address, not at each letter. */
export function filterField(label: string, go: (value: string) => void): HTMLInputElement {
  let timer: ReturnType<typeof setTimeout> | undefined
  const input: HTMLInputElement = el('input', {
    type: 'search',
    class: 'filter',
    placeholder: label,
    'aria-label': label,
    spellcheck: 'false',
    autocomplete: 'off',
    'data-filter': true,
    oninput: () => {
      clearTimeout(timer)
      timer = setTimeout(() => go(input.value), 120)
    },
  })
  return input
}

/** Not under the fingers of somebody who types. */
export function setField(input: HTMLInputElement | HTMLSelectElement, value = ''): void {
  if (document.activeElement !== input && input.value !== value) input.value = value
}

/** A line above a list: nothing has come yet, or what is shown is old, and why. */
export class Notice {
  readonly element = el('div', { class: 'notice', role: 'status', hidden: true })

  /** Whether there is anything to show below. */
  of({ value, at, problem }: State<unknown>): boolean {
    const { element } = this
    element.classList.toggle('loading', value === undefined && problem === undefined)
    element.classList.toggle('failed', problem !== undefined)
    if (problem !== undefined) put(element, sentenceOf(problem, at))
    else if (value === undefined) put(element, 'Loading …')
    element.hidden = problem === undefined && value !== undefined
    return value !== undefined
  }
}

export function sentenceOf({ status, message, expected }: ApiProblem, at?: number): string {
  const hint = expected === '' ? '' : ` Expected: ${expected}.`
  const asOf = at === undefined ? '' : ` Shown is what was told at ${clock(at, Date.now())}.`
  if (status === 0) return `Reconnecting: ${message}.${asOf}`
  if (status === 403) return `Not allowed: ${message}.${hint}`
  return `${message}.${hint}${asOf}`
}

/** A heading, and what one can do about what stands below it. */
export const bar = (title: Child, ...right: readonly Child[]): HTMLElement =>
  el('div', { class: 'bar' }, el('h2', {}, title), el('div', { class: 'tools' }, right))

const isIn = (element: Element | null, selector: string): boolean =>
  element?.closest(selector) instanceof Element

/** On a narrow screen it stands above the list; beside it it is always to be seen. */
const isAbove = (aside: Element): boolean => getComputedStyle(aside).position === 'static'

/** Beside the list: what is selected in it. Escape goes back to its row. */
export class Aside {
  readonly element = el('aside', { class: 'aside', hidden: true, tabindex: '-1' })
  #shown = ''

  constructor(label: string, close: () => void) {
    this.element.setAttribute('aria-label', label)
    this.element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.defaultPrevented) return
      close()
    })
  }

  /** Whoever opens another one is taken there, on the keyboard too. */
  show(key: string, ...children: readonly Child[]): void {
    put(this.element, ...children)
    this.element.hidden = false
    if (this.#shown !== key) {
      this.#shown = key
      if (isIn(document.activeElement, 'tbody')) {
        this.element.focus({ preventScroll: true })
        if (isAbove(this.element)) this.element.scrollIntoView({ block: 'nearest' })
      }
    }
  }

  get open(): boolean {
    return this.element.hidden === false
  }

  hide(): void {
    if (!this.open) return
    const hadFocus =
      this.element.contains(document.activeElement) || document.activeElement === document.body
    this.element.hidden = true
    put(this.element)
    this.#shown = ''
    if (hadFocus) document.querySelector<HTMLElement>('tr.selected th a')?.focus()
  }
}
