/** Einsum as transposes, sums and one matmul per further operand, wherever values are: in graphs or in eager tensors. */
import { IngotError } from '../base/error.js'
import { product, type Dim } from './dims.js'
import type { GradMath } from './gradients.js'

/** A tensor whose axes are named; each name once. */
interface Labelled<V> { readonly value: V; readonly labels: readonly string[] }

function fail(what: string): never { throw new IngotError('bad-attribute', what) }

/** The sum of products that `equation` says, of as many operands as it has terms. Throws `bad-attribute`, and `shape-not-static` for the diagonal of an extent without number. */
export function einsum<V>(g: GradMath<V>, equation: string, operands: readonly V[]): V {
  const text = equation.replace(/\s/g, '')
  const [left = '', right] = text.split('->')
  const terms = left.split(',')
  if (terms.length !== operands.length) fail(`the equation '${text}' has ${terms.length} terms for ${operands.length} inputs`)
  const labels = operands.map((v, i) => labelsOf(terms[i] ?? '', g.ctx.shape(v).length, text))
  const output = right === undefined ? implicitOutput(labels) : labelsOf(right, undefined, text, ellipsisIn(labels))
  if (new Set(output).size !== output.length) fail(`the result of '${text}' names an axis twice`)
  let parts = operands.map((value, i) => diagonal(g, { value, labels: labels[i] ?? [] }))
  parts = parts.map((p, i) => sumOut(g, p, p.labels.filter((l) => !output.includes(l) && !parts.some((q, j) => j !== i && q.labels.includes(l)))))
  let result = parts[0] ?? fail('an einsum needs at least one input')
  for (let i = 1; i < parts.length; i++) {
    const later = new Set([...output, ...parts.slice(i + 1).flatMap((p) => p.labels)])
    result = contract(g, result, parts[i] as Labelled<V>, later)
  }
  if (output.some((l) => !result.labels.includes(l))) fail(`the result of '${text}' names an axis that no input has`)
  return g.transpose(result.value, output.map((l) => result.labels.indexOf(l)))
}

/** Names of axes; those under an ellipsis are called '.0', '.1', … from the last. */
function labelsOf(term: string, rank: number | undefined, equation: string, hidden = 0): string[] {
  const at = term.indexOf('...')
  const letters = [...term.replace('...', '')]
  if (!letters.every((c) => /[A-Za-z]/.test(c)) || (rank !== undefined && (at < 0 ? letters.length !== rank : letters.length > rank))) fail(`the term '${term}' of the equation '${equation}' does not fit its input`)
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
function diagonal<V>(g: GradMath<V>, part: Labelled<V>): Labelled<V> {
  const twice = part.labels.findIndex((l, i) => part.labels.indexOf(l) !== i)
  if (twice < 0) return part
  const first = part.labels.indexOf(part.labels[twice] ?? ''), shape = g.ctx.shape(part.value), n = shape[first]
  if (typeof n !== 'number' || typeof shape[twice] !== 'number') throw new IngotError('shape-not-static', 'a diagonal in an einsum needs an extent that is known while compiling')
  if (n !== shape[twice]) throw new IngotError('shape-mismatch', `axes of ${n} and ${shape[twice]} that bear one name have no diagonal`)
  const rest = shape.flatMap((_, i) => (i === first || i === twice ? [] : [i]))
  const flat = g.reshape(g.transpose(part.value, [...rest, first, twice]), [...rest.map((i) => shape[i] as Dim), n * n])
  const value = g.op('slice', [flat], { axes: [rest.length], starts: [0], steps: [n + 1], sizes: [n] })
  return diagonal(g, { value, labels: [...rest.map((i) => part.labels[i] as string), part.labels[first] as string] })
}

function sumOut<V>(g: GradMath<V>, part: Labelled<V>, labels: readonly string[]): Labelled<V> {
  if (labels.length === 0) return part
  const axes = labels.map((l) => part.labels.indexOf(l)).sort((a, b) => a - b)
  return { value: g.sum(part.value, axes, false), labels: part.labels.filter((l) => !labels.includes(l)) }
}

/** One matmul: common axes that live on are its batch, common ones that do not are summed over. */
function contract<V>(g: GradMath<V>, a: Labelled<V>, b: Labelled<V>, later: ReadonlySet<string>): Labelled<V> {
  const common = a.labels.filter((l) => b.labels.includes(l))
  const batch = common.filter((l) => later.has(l)), summed = common.filter((l) => !later.has(l))
  const rows = a.labels.filter((l) => !common.includes(l)), columns = b.labels.filter((l) => !common.includes(l))
  const extent = (p: Labelled<V>, l: string): Dim => g.ctx.shape(p.value)[p.labels.indexOf(l)] as Dim
  const grouped = (p: Labelled<V>, first: readonly string[], second: readonly string[]): V => {
    const moved = g.transpose(p.value, [...batch, ...first, ...second].map((l) => p.labels.indexOf(l)))
    return g.reshape(moved, [...batch.map((l) => extent(p, l)), product(first.map((l) => extent(p, l))), product(second.map((l) => extent(p, l)))])
  }
  const value = g.op('matmul', [grouped(a, rows, summed), grouped(b, summed, columns)], { trans_a: false, trans_b: false })
  const outer = batch.map((l) => (extent(a, l) === 1 ? extent(b, l) : extent(a, l)))
  return { labels: [...batch, ...rows, ...columns], value: g.reshape(value, [...outer, ...rows.map((l) => extent(a, l)), ...columns.map((l) => extent(b, l))]) }
}
