/** A PromQL expression as a tree, by the parser that Prometheus' own page uses. */
import { parser } from '@prometheus-io/lezer-promql'
import type { SyntaxNode } from '@lezer/common'

export interface Node {
  readonly type: string
  readonly text: string
  readonly children: readonly Node[]
}

/** Or what is wrong with it. */
export function parsePromql(expression: string): Node | string {
  let wrong: string | undefined
  const nodeOf = (node: SyntaxNode): Node => {
    if (node.type.isError) wrong ??= expression.slice(Math.max(0, node.from - 20), node.from + 20)
    const children: Node[] = []
    for (let child = node.firstChild; child !== null; child = child.nextSibling)
      children.push(nodeOf(child))
    return { type: node.name, text: expression.slice(node.from, node.to), children }
  }
  const root = nodeOf(parser.parse(expression).topNode)
  if (wrong !== undefined) return `not PromQL at “${wrong}”`
  const [only] = root.children
  return only === undefined ? 'nothing is asked' : only
}

export const childOf = (node: Node, type: string): Node | undefined =>
  node.children.find((child) => child.type === type)

export function* within(node: Node): Generator<Node> {
  yield node
  for (const child of node.children) yield* within(child)
}

/** The names in `(a, b)`. */
export const labelsIn = (node: Node | undefined): readonly string[] =>
  node?.children.filter(({ type }) => type === 'LabelName').map(({ text }) => text) ?? []
