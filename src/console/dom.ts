/**
 * Elements of the page. Texts become text nodes and nothing else: here, and nowhere else, is where
 * what strangers wrote comes into the page (docs/decisions/0110).
 */
import { visible } from '../log/visible.ts'

export type Child = Node | string | number | undefined | readonly Child[]

/** Events begin with `on`; a value of `undefined` or `false` leaves the attribute out. */
export type Attributes = Readonly<
  Record<string, string | number | boolean | undefined | ((event: Event) => void)>
>

export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  setAttributes(element, attributes)
  put(element, ...children)
  return element
}

const svgNamespace = 'http://www.w3.org/2000/svg'

export function svg(
  tag: string,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElement {
  const element = document.createElementNS(svgNamespace, tag)
  setAttributes(element, attributes)
  put(element, ...children)
  return element
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === undefined || value === false) element.removeAttribute(name)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
}

/** Puts these in place of what is there. */
export function put(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...nodesOf(children))
}

function nodesOf(children: readonly Child[]): (Node | string)[] {
  return children.flatMap((child): (Node | string)[] => {
    if (child === undefined) return []
    if (child instanceof Node) return [child]
    return typeof child === 'object' ? nodesOf(child) : [visible(String(child))]
  })
}

/** Of a stranger: what turns text around ends with it, and a long one may be broken anywhere. */
export const outside = (text: string, className = ''): HTMLElement =>
  el('bdi', { class: `outside ${className}`.trim() }, text)

/** Only what differs is touched: a selection, and what a reader is saying, stay. */
export function setText(element: Element, text: string): void {
  const shown = visible(text)
  if (element.textContent !== shown) element.textContent = shown
}

export function find(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element ${id}`)
  return found
}
