/**
 * A table that is sorted by its headings, filtered by words, and kept up to date row by row: what
 * has the focus keeps it. With j and k, or the arrows, one goes from row to row.
 */
import { type Child, el, put, setAttributes } from './dom.ts'
import { matches } from './words.ts'

export interface Column<Row> {
  /** In the page's address. */
  readonly key: string
  readonly title: string
  /** What the column is sorted by, and shown where there is no `cell`. */
  readonly value: (row: Row) => string | number
  readonly cell?: (row: Row) => Child
  /** Numbers stand to the right; `wide` is left out on a narrow screen. */
  readonly kind?: 'number' | 'text'
  readonly wide?: true
  /** First from large to small. */
  readonly down?: true
  readonly help?: string
}

export interface TableOptions<Row> {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly keyOf: (row: Row) => string
  /** Where the first cell of a row leads to. */
  readonly hrefOf?: (row: Row) => string
  /** What changes when the row has to be drawn again, beside the values. */
  readonly stampOf?: (row: Row) => string
  readonly searched: (row: Row) => readonly (string | undefined)[]
  readonly onSort: (sort: string) => void
  /** The key of a column, with `-` before it for large first; absent: as the rows come. */
  readonly sort?: string
}

export interface Shown<Row> {
  readonly rows: readonly Row[]
  readonly sort?: string | undefined
  readonly filter?: string | undefined
  readonly selected?: string | undefined
  /** What stands there when there is no row. */
  readonly empty: string
}

interface DrawnRow {
  readonly element: HTMLTableRowElement
  stamp: string
}

/** Rows that are drawn; a filter finds the others. */
const mostRows = 1000

export class Table<Row> {
  readonly element: HTMLElement
  readonly #options: TableOptions<Row>
  readonly #body = el('tbody')
  readonly #headings: readonly HTMLTableCellElement[]
  readonly #empty = el('p', { class: 'empty', hidden: true })
  readonly #drawn = new Map<string, DrawnRow>()

  constructor(options: TableOptions<Row>) {
    this.#options = options
    this.#headings = options.columns.map((column) => this.#heading(column))
    this.element = el(
      'div',
      { class: 'table' },
      el(
        'table',
        {},
        el('caption', { class: 'unseen' }, options.label),
        el('thead', {}, el('tr', {}, this.#headings)),
        this.#body,
      ),
      this.#empty,
    )
    this.#body.addEventListener('click', followRow)
    this.#body.addEventListener('keydown', moveBetweenRows)
  }

  /** How many rows the filter lets through. */
  show({ rows, sort = this.#options.sort, filter = '', selected, empty }: Shown<Row>): number {
    this.#markSorted(sort)
    const found =
      filter === '' ? rows : rows.filter((row) => matches(filter, this.#options.searched(row)))
    const sorted = this.#sorted(found, sort).slice(0, mostRows)
    this.#draw(sorted, selected)
    this.#empty.hidden = sorted.length > 0
    put(this.#empty, rows.length > 0 ? 'Nothing matches the filter.' : empty)
    return found.length
  }

  #draw(rows: readonly Row[], selected: string | undefined): void {
    const focused = document.activeElement
    const keys = new Set(rows.map((row) => this.#options.keyOf(row)))
    for (const [key, { element }] of this.#drawn) {
      if (keys.has(key)) continue
      element.remove()
      this.#drawn.delete(key)
    }
    let next = this.#body.firstElementChild
    for (const row of rows) {
      const element = this.#rowElement(row, selected)
      if (element === next) next = next.nextElementSibling
      else this.#body.insertBefore(element, next)
    }
    // A row that is moved loses the focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement)
      if (focused.isConnected) focused.focus({ preventScroll: true })
  }

  #rowElement(row: Row, selected: string | undefined): HTMLTableRowElement {
    const { columns, keyOf, stampOf } = this.#options
    const key = keyOf(row)
    const values = columns.map(({ value }) => value(row))
    const stamp = [...values, stampOf?.(row) ?? ''].join('\n')
    let drawn = this.#drawn.get(key)
    if (drawn === undefined) {
      drawn = { element: el('tr'), stamp: '' }
      this.#drawn.set(key, drawn)
    }
    const { element } = drawn
    if (stamp !== drawn.stamp) {
      const hadFocus = element.contains(document.activeElement)
      put(element, this.#cells(row, values))
      drawn.stamp = stamp
      if (hadFocus) linkIn(element)?.focus({ preventScroll: true })
    }
    setAttributes(element, { 'aria-selected': undefined, class: key === selected && 'selected' })
    const link = linkIn(element)
    if (link !== null)
      setAttributes(link, { 'aria-current': key === selected ? 'true' : undefined })
    return element
  }

  #cells(row: Row, values: readonly (string | number)[]): readonly HTMLElement[] {
    return this.#options.columns.map(({ cell, kind, wide }, i) => {
      const content = cell?.(row) ?? values[i]
      const href = i === 0 ? this.#options.hrefOf?.(row) : undefined
      const shown = href === undefined ? content : el('a', { href }, content)
      return el(
        i === 0 ? 'th' : 'td',
        { ...(i === 0 && { scope: 'row' }), class: classOf(kind, wide) },
        shown,
      )
    })
  }

  #sorted(rows: readonly Row[], sort: string | undefined): readonly Row[] {
    const column = this.#options.columns.find(({ key }) => key === sort?.replace(/^-/, ''))
    if (column === undefined) return rows
    const turn = sort?.startsWith('-') === true ? -1 : 1
    const { value } = column
    return [...rows].sort((a, b) => turn * compare(value(a), value(b)))
  }

  #heading({ key, title, kind, wide, down, help }: Column<Row>): HTMLTableCellElement {
    const next = (): void => {
      const now = this.#sort
      const first = down === true ? `-${key}` : key
      const second = down === true ? key : `-${key}`
      this.#options.onSort(now === first ? second : first)
    }
    const button = el(
      'button',
      { type: 'button', class: 'sort', title: help, onclick: next },
      title,
    )
    return el('th', { scope: 'col', class: classOf(kind, wide) }, button)
  }

  #sort: string | undefined

  #markSorted(sort: string | undefined): void {
    this.#sort = sort
    for (const [i, { key }] of this.#options.columns.entries()) {
      const direction = sort?.startsWith('-') === true ? 'descending' : 'ascending'
      const heading = this.#headings[i]
      if (heading !== undefined)
        setAttributes(heading, { 'aria-sort': sort?.replace(/^-/, '') === key && direction })
    }
  }
}

const classOf = (kind: string | undefined, wide: true | undefined): string | undefined =>
  [...(kind === 'number' ? ['number'] : []), ...(wide === true ? ['wide'] : [])].join(' ') ||
  undefined

const compare = (a: string | number, b: string | number): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))

const linkIn = (row: Element): HTMLAnchorElement | null => row.querySelector('th a')

/** The whole row is as its link, for a mouse; text that is being selected is no click. */
function followRow(event: Event): void {
  const target = event.target as Element
  if (target.closest('a, button') !== null || String(getSelection() ?? '') !== '') return
  const row = target.closest('tr')
  if (row !== null) linkIn(row)?.click()
}

function moveBetweenRows(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const row = (event.target as Element).closest('tr')
  const down = event.key === 'ArrowDown' || event.key === 'j'
  const up = event.key === 'ArrowUp' || event.key === 'k'
  const next = down ? row?.nextElementSibling : up ? row?.previousElementSibling : undefined
  if (!(next instanceof HTMLElement)) return
  event.preventDefault()
  linkIn(next)?.focus()
}
