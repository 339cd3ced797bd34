/**
 * Rules for sequences and optionals, which are there while importing only: their lengths must be known then, and the positions at which they are
 * changed. What is left of them in the graph are the tensors that were in them.
 */
import type { Dim } from '../../../base/dim.js'
import type { DType } from '../../../base/dtype.js'
import { dimsOf } from '../../../ir/build.js'
import { add } from '../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import { typesEqual } from '../../../ir/types.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { describeItem, isSequence, MAX_LENGTH, NOTHING, type Sequence } from '../items.js'
import { dtypeOfNumber } from '../tensor.js'
import { decided } from './bounds.js'
import { reshapeTo, sliceAxis, unsqueezeAt } from './compose.js'

/** A sequence of `elements`, which must be of `dtype`. */
function sequence(call: NodeCall, dtype: DType, elements: readonly Value[]): Sequence {
  if (elements.length > MAX_LENGTH) call.fail('unsupported-op', `a sequence of ${elements.length} tensors is not supported; ${MAX_LENGTH} are the most`)
  const other = elements.map(dtypeOf).find((d) => d !== dtype)
  if (other !== undefined) call.fail('dtype-mismatch', `a tensor of ${other} in a sequence of ${dtype}`)
  return { kind: 'sequence', dtype, elements }
}

/** The number that input `i` holds, which must be known while compiling: a position in a sequence of `count`, where negative ones count from the end, or up to `last`. */
function position(call: NodeCall, i: number, count: number, last = count - 1): number {
  const [given, ...more] = call.numbers(i, 'the position')
  if (given === undefined || more.length > 0) return call.fail('bad-attribute', 'the position must be one number')
  const at = given < 0 ? given + count : given
  return at >= 0 && at <= last ? at : call.fail('index-out-of-range', `position ${given} is outside ${describeItem(call.item(0))}`)
}

const construct: Rule = (call) => {
  call.arity(1, Infinity)
  return sequence(call, call.dtype(0), call.inputs.map((_, i) => call.input(i)))
}

const empty: Rule = (call) => {
  call.arity(0)
  return sequence(call, dtypeOfNumber(call.attrs.int('dtype', 1), 'the sequence'), [])
}

const insert: Rule = (call) => {
  call.arity(2, 3)
  const { dtype, elements } = call.sequence(0)
  const at = call.optional(2) === null ? elements.length : position(call, 2, elements.length, elements.length)
  return sequence(call, dtype, elements.toSpliced(at, 0, call.input(1)))
}

const erase: Rule = (call) => {
  call.arity(1, 2)
  const { dtype, elements } = call.sequence(0)
  if (elements.length === 0) call.fail('index-out-of-range', 'there is nothing to erase in an empty sequence')
  return sequence(call, dtype, elements.toSpliced(call.optional(1) === null ? -1 : position(call, 1, elements.length), 1))
}

/** Where the position is only known while running, a row of all elements, which must then be of one shape. */
const elementAt: Rule = (call) => {
  call.arity(2)
  const { elements } = call.sequence(0), [first] = elements, place = call.input(1)
  const isKnown = dimsOf(place)?.every((d) => typeof decided(call, d) === 'number') ?? false
  if (isKnown || first === undefined || !elements.every((v) => typesEqual(v.type, first.type))) return elements[position(call, 1, elements.length)] as Value
  return call.emit('gather', [call.add('concat', elements.map((v) => unsqueezeAt(call, v, [0])), { axis: 0 }), reshapeTo(call, place, [])], { axis: 0 })
}

const concat: Rule = (call) => {
  call.arity(1)
  const { elements } = call.sequence(0), [first] = elements, fresh = call.attrs.bool('new_axis', false)
  const axis = call.attrs.int('axis', undefined) ?? call.fail('bad-attribute', 'axis is missing')
  if (first === undefined) return call.fail('unsupported-op', 'an empty sequence is concatenated, whose shape nothing says')
  const front = call.axis(axis, shapeOf(first).length + (fresh ? 1 : 0))
  const parts = fresh ? elements.map((v) => unsqueezeAt(call, v, [front])) : elements
  return parts.length === 1 ? parts[0] as Value : call.emit('concat', parts, { axis: front })
}

/**
 * With a list as `split` parts of those sizes; with a number parts of that size, the last of what is left; without one tensor for each place on the axis, which goes with
 * `keepdims` 0. So it does with the number 1, where ONNX says that `keepdims` counts for nothing: PyTorch's exporters write `unbind` like this, and onnxruntime takes it so.
 */
const split: Rule = (call) => {
  call.arity(1, 2)
  const x = call.input(0), shape = shapeOf(x), axis = call.axis(call.attrs.int('axis', 0), shape.length)
  const extent = shape[axis] ?? call.fail('bad-attribute', 'a scalar has no axis to split')
  const listed = call.optional(1) !== null && call.shape(1).length > 0, size = listed ? 0 : call.optional(1) === null ? 1 : call.numbers(1, 'split')[0] as number
  const sizes = listed ? call.dims(1, 'split') : evenSizes(call, extent, axis, size), keep = call.attrs.bool('keepdims', true) || size !== 1
  if (sizes.some((d) => typeof d === 'number' && d < 0)) call.fail('bad-attribute', `split [${sizes.join(', ')}] has a negative part`)
  call.assume(add(...sizes), extent, 'the parts of SplitToSequence cover its axis')
  const elements: Value[] = []
  let start: Dim = 0
  for (const size of sizes) {
    const part = sliceAxis(call, x, axis, start, size)
    elements.push(keep ? part : reshapeTo(call, part, shape.filter((_, i) => i !== axis)))
    start = add(start, size)
  }
  return sequence(call, dtypeOf(x), elements)
}

function evenSizes(call: NodeCall, extent: Dim, axis: number, size: number): readonly number[] {
  if (size < 1) call.fail('bad-attribute', `parts of ${size} elements`)
  if (typeof extent !== 'number') return call.fail('shape-not-static', `into how many parts SplitToSequence cuts axis ${axis} is only known while running`, 'fix the extent with --shape, or the option `shapes`')
  const count = Math.ceil(extent / size)
  if (count > MAX_LENGTH) call.fail('unsupported-op', `a sequence of ${count} tensors is not supported; ${MAX_LENGTH} are the most`)
  return Array.from({ length: count }, (_, i) => Math.min(size, extent - i * size))
}

/** The body written out once for each element; what is no sequence is given to each. */
const map: Rule = (call) => {
  call.arity(1, Infinity)
  const graph = call.attrs.graph('body') ?? call.fail('bad-attribute', 'SequenceMap needs the graph body')
  const { length } = call.sequence(0).elements, items = call.inputs.map((_, i) => call.item(i))
  for (const [i, item] of items.entries()) if (isSequence(item) && item.elements.length !== length) call.fail('onnx-invalid', `input ${i} of SequenceMap is ${describeItem(item)}, and input 0 is one of ${length}`)
  const results = Array.from({ length }, (_, k) => call.inline(graph, items.map((item) => (isSequence(item) ? item.elements[k] as Value : item))))
  return graph.output.map((output, o) => {
    const elements = results.map((r) => call.tensor(r[o], `result ${o} of the body`)), [first] = elements
    return sequence(call, first === undefined ? dtypeOfNumber(output.type?.tensorType?.elemType ?? 0, `result ${o} of the body`) : dtypeOf(first), elements)
  })
}

const optional: Rule = (call) => {
  call.arity(0, 1)
  call.attrs.ignore('type')
  return call.inputs.length === 0 ? NOTHING : call.item(0)
}

const getElement: Rule = (call) => {
  call.arity(1)
  return call.item(0) === NOTHING ? call.fail('onnx-invalid', 'the element of an optional that holds nothing is asked for') : call.item(0)
}

const hasElement: Rule = (call) => {
  call.arity(0, 1)
  return call.scalar('bool', call.inputs.length === 0 || call.item(0) === NOTHING ? 0 : 1)
}

/** Sequences and optionals of the default domain. */
export const SEQUENCES: RuleTable = {
  SequenceConstruct: since(11, construct), SequenceEmpty: since(11, empty), SequenceInsert: since(11, insert), SequenceErase: since(11, erase), SequenceAt: since(11, elementAt),
  SequenceLength: since(11, (call) => { call.arity(1); return call.scalar('int64', call.sequence(0).elements.length) }),
  ConcatFromSequence: since(11, concat), SplitToSequence: since(11, split), SequenceMap: since(17, map),
  Optional: since(15, optional), OptionalGetElement: since(15, getElement), OptionalHasElement: since(15, hasElement),
}
