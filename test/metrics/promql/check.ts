/**
 * Whether a PromQL expression asks for what can be there: series and labels that exist, rates of
 * counters only, quantiles of histograms that kept their `le`, and two sides of an operator that
 * can meet.
 */
import { childOf, labelsIn, type Node, parsePromql, within } from './tree.ts'
import type { KnownSeriesByName } from './series.ts'

/** Labels of what comes out; undefined for a number. */
export type Labels = ReadonlySet<string> | undefined

export interface Checked {
  readonly faults: readonly string[]
  readonly labels: Labels
}

const ofCounters = new Set(['rate', 'increase', 'irate', 'resets'])
const numbers = new Set(['time', 'pi', 'scalar'])
const withoutLabels = new Set(['absent', 'absent_over_time', 'vector'])

export function checkPromql(expression: string, known: KnownSeriesByName): Checked {
  const tree = parsePromql(expression)
  if (typeof tree === 'string') return { faults: [tree], labels: new Set() }
  const checker = new Checker(known)
  const labels = checker.labelsOf(tree)
  return { faults: checker.faults, labels }
}

class Checker {
  readonly faults: string[] = []
  readonly #known: KnownSeriesByName

  constructor(known: KnownSeriesByName) {
    this.#known = known
  }

  /** `bare`: whether it is there is asked, and not how much it is. */
  labelsOf(node: Node, bare = false): Labels {
    switch (node.type) {
      case 'VectorSelector':
        return this.#selected(node, bare ? undefined : 'none')
      case 'MatrixSelector':
        this.faults.push(`a range without a function: ${node.text}`)
        return new Set()
      case 'ParenExpr':
      case 'UnaryExpr':
      case 'OffsetExpr':
      case 'StepInvariantExpr':
        return this.labelsOf(operands(node)[0] ?? node, bare)
      case 'AggregateExpr':
        return this.#aggregated(node, bare)
      case 'FunctionCall':
        return this.#called(node)
      case 'BinaryExpr':
        return this.#joined(node, bare)
      case 'NumberDurationLiteral':
      case 'StringLiteral':
        return undefined
      default:
        this.faults.push(`this test does not know ${node.type}: ${node.text}`)
        return new Set()
    }
  }

  /** `by`: the function that reads its range, `none` for its value, undefined where it is not read. */
  #selected(node: Node, by: string | undefined): ReadonlySet<string> {
    const name = childOf(node, 'Identifier')?.text ?? ''
    const series = this.#known.get(name)
    if (series === undefined) {
      this.faults.push(`no such series: ${name === '' ? node.text : name}`)
      return new Set()
    }
    for (const part of within(node))
      if (part.type === 'LabelName' && !series.labels.has(part.text))
        this.faults.push(`${name} has no label ${part.text}`)
    const counts = series.kind === 'counter' || series.kind === 'bucket'
    if (by !== undefined && counts && !ofCounters.has(by))
      this.faults.push(`${name} is a counter: ask for its rate or increase`)
    if (by !== undefined && !counts && ofCounters.has(by))
      this.faults.push(`${name} is no counter: ${by} of it says nothing`)
    return series.labels
  }

  #aggregated(node: Node, bare: boolean): Labels {
    const operator = childOf(node, 'AggregateOp')?.text ?? ''
    const body = childOf(node, 'FunctionCallBody')
    const argument = body?.children.at(-1)
    if (argument === undefined) return new Set()
    const inner = this.labelsOf(argument, bare || operator === 'count' || operator === 'group')
    if (inner === undefined) {
      this.faults.push(`${operator} of a number`)
      return new Set()
    }
    if (['topk', 'bottomk', 'limitk'].includes(operator)) return inner
    const modifier = childOf(node, 'AggregateModifier')
    const named = labelsIn(modifier === undefined ? undefined : childOf(modifier, 'GroupingLabels'))
    for (const label of named)
      if (!inner.has(label)) this.faults.push(`${argument.text} has no label ${label}`)
    if (modifier !== undefined && childOf(modifier, 'Without') !== undefined)
      return inner.difference(new Set(named))
    return new Set(named)
  }

  #called(node: Node): Labels {
    const name = childOf(node, 'FunctionIdentifier')?.text ?? ''
    const parts = childOf(node, 'FunctionCallBody')?.children ?? []
    const range = parts.map(rangeIn).find((found) => found !== undefined)
    if (range !== undefined) {
      const selector = childOf(range, 'VectorSelector')
      return selector === undefined ? new Set() : this.#selected(selector, name)
    }
    const subquery = parts.find(({ type }) => type === 'SubqueryExpr')
    if (subquery !== undefined) return this.labelsOf(operands(subquery)[0] ?? subquery)
    const all = parts.map((part) => this.labelsOf(part, withoutLabels.has(name)))
    if (numbers.has(name)) return undefined
    if (withoutLabels.has(name)) return new Set()
    const labels = all.find((one) => one !== undefined) ?? new Set<string>()
    if (name === 'histogram_quantile') {
      if (!labels.has('le')) this.faults.push(`histogram_quantile without le: ${node.text}`)
      return labels.difference(new Set(['le']))
    }
    if (name === 'label_replace' || name === 'label_join')
      return labels.union(new Set([(parts[1]?.text ?? '').slice(1, -1)]))
    return labels
  }

  #joined(node: Node, bare: boolean): Labels {
    const [leftNode, rightNode] = operands(node)
    if (leftNode === undefined || rightNode === undefined) return new Set()
    const isSet = ['And', 'Or', 'Unless'].some((type) => childOf(node, type) !== undefined)
    const asks = bare || childOf(node, 'Unless') !== undefined
    const left = this.labelsOf(leftNode, asks)
    const right = this.labelsOf(rightNode, asks)
    if (left === undefined || right === undefined) return left ?? right
    if (childOf(node, 'Or') !== undefined) return left.union(right)
    const modifier = childOf(node, 'MatchingModifierClause')
    const on = modifier !== undefined && childOf(modifier, 'On') !== undefined
    const named = new Set(labelsIn(modifier?.children.find(isLabels)))
    const [onLeft, onRight] = on
      ? [named, named]
      : [left.difference(named), right.difference(named)]
    const missing = on
      ? [...named].filter((label) => !left.has(label) || !right.has(label))
      : [...onLeft.symmetricDifference(onRight)]
    if (missing.length > 0)
      this.faults.push(`the sides can't meet for ${missing.join(', ')}: ${node.text}`)
    if (isSet) return left
    const grouped = modifier !== undefined && childOf(modifier, 'GroupLeft') !== undefined
    const added = grouped ? labelsIn(modifier.children.filter(isLabels)[1]) : []
    return grouped ? left.union(new Set(added)) : onLeft
  }
}

const isLabels = ({ type }: Node): boolean => type === 'GroupingLabels'
const isOperand = ({ type }: Node): boolean =>
  /(?:Expr|Selector|Call|Literal)$/.test(type) && type !== 'OffsetDurationExpr'
const operands = (node: Node): readonly Node[] =>
  node.children.filter((child) => isOperand(child) && child.type !== 'DurationExpr')

/** Of `x[5m]` and `x[5m] offset 1h`. */
const rangeIn = (node: Node): Node | undefined =>
  node.type === 'MatrixSelector'
    ? node
    : node.type === 'OffsetExpr'
      ? childOf(node, 'MatrixSelector')
      : undefined
