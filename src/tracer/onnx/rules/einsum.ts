/** Einsum as transposes, a sum and one matmul per further operand. */
import type { Dim } from '../../../base/dim.js'
import { product } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { reshapeTo, transposeBy } from './compose.js'

/** A tensor whose axes are named; each name once. */
interface Labelled { readonly value: Value; readonly labels: readonly string[] }

const einsum: Rule = (call) => {
  const operands = call.inputs.map((_, i) => call.input(i))
  const equation = call.attrs.string('equation', '').replace(/\s/g, '')
  const [left = '', right] = equation.split('->')
  const terms = left.split(',')
  if (terms.length !== operands.length) call.fail('bad-attribute', `the equation '${equation}' has ${terms.length} terms for ${operands.length} inputs`)
  const labels = operands.map((v, i) => labelsOf(call, terms[i] ?? '', shapeOf(v).length, equation))
  const output = right === undefined ? implicitOutput(labels) : labelsOf(call, right, undefined, equation, ellipsisIn(labels))
  let parts = operands.map((value, i) => diagonal(call, { value, labels: labels[i] ?? [] }))
  parts = parts.map((p, i) => sumOut(call, p, p.labels.filter((l) => !output.includes(l) && !parts.some((q, j) => j !== i && q.labels.includes(l)))))
  let result = parts[0] ?? call.fail('onnx-invalid', 'Einsum needs at least one input')
  for (let i = 1; i < parts.length; i++) {
    const later = new Set([...output, ...parts.slice(i + 1).flatMap((p) => p.labels)])
    result = contract(call, result, parts[i] as Labelled, later)
  }
  if (output.some((l) => !result.labels.includes(l))) call.fail('bad-attribute', `the result of '${equation}' names an axis that no input has`)
  return transposeBy(call, result.value, output.map((l) => result.labels.indexOf(l)))
}

/** Names of axes; those under an ellipsis are called '.0', '.1', … from the last. */
function labelsOf(call: NodeCall, term: string, rank: number | undefined, equation: string, hidden = 0): string[] {
  const at = term.indexOf('...')
  const letters = [...term.replace('...', '')]
  if (!letters.every((c) => /[A-Za-z]/.test(c)) || (rank !== undefined && (at < 0 ? letters.length !== rank : letters.length > rank))) call.fail('bad-attribute', `the term '${term}' of the equation '${equation}' does not fit its input`)
  if (at < 0) return letters
  const count = rank === undefined ? hidden : rank - letters.length
  return [...letters.slice(0, at), ...Array.from({ length: count }, (_, i) => `.${count - 1 - i}`), ...letters.slice(at)]
}

const ellipsisIn = (labels: readonly (readonly string[])[]): number => Math.max(0, ...labels.map((l) => l.filter((x) => x.startsWith('.')).length))

function implicitOutput(labels: readonly (readonly string[])[]): string[] {
  const all = labels.flat()
  const once = [...new Set(all)].filter((l) => !l.startsWith('.') && all.filter((x) => x === l).length === 1).sort()
  return [...Array.from({ length: ellipsisIn(labels) }, (_, i, n = ellipsisIn(labels)) => `.${n - 1 - i}`), ...once]
}

/** Takes the diagonal of axes that bear one name, as a strided slice of the two axes in one. */
function diagonal(call: NodeCall, part: Labelled): Labelled {
  const twice = part.labels.findIndex((l, i) => part.labels.indexOf(l) !== i)
  if (twice < 0) return part
  const first = part.labels.indexOf(part.labels[twice] ?? ''), shape = shapeOf(part.value), n = shape[first]
  if (typeof n !== 'number') return call.fail('shape-not-static', 'a diagonal in Einsum needs an extent that is known while compiling')
  const rest = shape.flatMap((_, i) => (i === first || i === twice ? [] : [i]))
  const flat = reshapeTo(call, transposeBy(call, part.value, [...rest, first, twice]), [...rest.map((i) => shape[i] as Dim), n * n])
  const value = call.add('slice', [flat], { axes: [rest.length], starts: [0], steps: [n + 1], sizes: [n] })
  return diagonal(call, { value, labels: [...rest.map((i) => part.labels[i] as string), part.labels[first] as string] })
}

function sumOut(call: NodeCall, part: Labelled, labels: readonly string[]): Labelled {
  if (labels.length === 0) return part
  const axes = labels.map((l) => part.labels.indexOf(l)).sort((a, b) => a - b)
  return { value: call.add('reduce_sum', [part.value], { axes, keepdims: false }), labels: part.labels.filter((l) => !labels.includes(l)) }
}

/** One matmul: common axes that live on are its batch, common ones that do not are summed over. */
function contract(call: NodeCall, a: Labelled, b: Labelled, later: ReadonlySet<string>): Labelled {
  const common = a.labels.filter((l) => b.labels.includes(l))
  const batch = common.filter((l) => later.has(l)), summed = common.filter((l) => !later.has(l))
  const rows = a.labels.filter((l) => !common.includes(l)), columns = b.labels.filter((l) => !common.includes(l))
  const extent = (p: Labelled, l: string): Dim => shapeOf(p.value)[p.labels.indexOf(l)] as Dim
  const grouped = (p: Labelled, first: readonly string[], second: readonly string[]): Value => {
    const moved = transposeBy(call, p.value, [...batch, ...first, ...second].map((l) => p.labels.indexOf(l)))
    return reshapeTo(call, moved, [...batch.map((l) => extent(p, l)), product(first.map((l) => extent(p, l))), product(second.map((l) => extent(p, l)))])
  }
  const value = call.add('matmul', [grouped(a, rows, summed), grouped(b, summed, columns)], { trans_a: false, trans_b: false })
  const outer = batch.map((l) => (extent(a, l) === 1 ? extent(b, l) : extent(a, l)))
  return { labels: [...batch, ...rows, ...columns], value: reshapeTo(call, value, [...outer, ...rows.map((l) => extent(a, l)), ...columns.map((l) => extent(b, l))]) }
}

/** Einsum of the default domain. */
export const EINSUM: RuleTable = { Einsum: since(12, einsum) }
