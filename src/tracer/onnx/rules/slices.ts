/** Rules for Slice and Split, whose starts and ends are clamped to the extent as numpy does, and CenterCropPad. */
import type { Dim } from '../../../base/dim.js'
import { add, ceilDiv, dimsEqual, floorDiv, lt, mul, select, sub } from '../../../ir/dims.js'
import type { Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { clamp, greater, isNonNegative, lesser } from './bounds.js'
import { movingCodes } from './narrow.js'

/** Numbers from here on stand for "to the end": exporters write the greatest int32 or int64. */
const FAR = 2 ** 31 - 1

interface Range { readonly start: Dim; readonly size: Dim }

/** Start and number of elements of `x[start:end:step]` on an axis of `extent`. */
function rangeOf(call: NodeCall, extent: Dim, start: Dim, end: Dim, step: number): Range {
  return step > 0 ? forwards(call, extent, start, end, step) : backwards(call, extent, start, end, -step)
}

function forwards(call: NodeCall, extent: Dim, start: Dim, end: Dim, step: number): Range {
  const known: Dim[] = []
  const from = startOf(call, extent, start, known)
  const to = endOf(call, extent, end, known)
  const length = sub(to, from)
  const certain = isNonNegative(call, length) || known.some((k) => dimsEqual(k, length))
  return { start: from, size: ceilDiv(certain ? length : greater(call, length, 0), step) }
}

/** Takes `dim` to be ≥ 0: a bound that is violated is an error when the program runs, not a wrong result. */
function assumeNonNegative(call: NodeCall, dim: Dim, why: string, known: Dim[]): Dim {
  if (!isNonNegative(call, dim)) { call.assume(mul(-1, dim), 0, why, 'le'); known.push(dim) }
  return dim
}

function startOf(call: NodeCall, extent: Dim, start: Dim, known: Dim[]): Dim {
  if (typeof start === 'number' && typeof extent === 'number') return Math.min(Math.max(start < 0 ? start + extent : start, 0), extent)
  if (call.mayBeNegative(start) && typeof start !== 'number') return clamp(call, select(lt(start, 0), add(start, extent), start), 0, extent)
  if (typeof start === 'number' && Math.abs(start) >= FAR) return start < 0 ? 0 : extent
  const why = 'a slice starts inside its axis'
  if (isNegative(call, start)) return assumeNonNegative(call, add(extent, start), why, known)
  assumeNonNegative(call, start, why, known)
  assumeNonNegative(call, sub(extent, start), why, known)
  return start
}

function endOf(call: NodeCall, extent: Dim, end: Dim, known: Dim[]): Dim {
  if (typeof end === 'number' && typeof extent === 'number') return Math.min(Math.max(end < 0 ? end + extent : end, 0), extent)
  if (call.mayBeNegative(end) && typeof end !== 'number') return clamp(call, select(lt(end, 0), add(end, extent), end), 0, extent)
  if (typeof end === 'number' && Math.abs(end) >= FAR) return end < 0 ? 0 : extent
  if (isNegative(call, end)) return assumeNonNegative(call, add(extent, end), 'a slice ends inside its axis', known)
  return lesser(call, assumeNonNegative(call, end, 'a slice ends inside its axis', known), extent)
}

const isNegative = (call: NodeCall, dim: Dim): boolean => (typeof dim === 'number' ? dim < 0 : isNonNegative(call, mul(-1, dim)))

function backwards(call: NodeCall, extent: Dim, start: Dim, end: Dim, step: number): Range {
  const last = sub(extent, 1)
  const wrap = (d: Dim): Dim => (typeof d === 'number' ? (d < 0 ? add(d, extent) : d) : call.mayBeNegative(d) ? select(lt(d, 0), add(d, extent), d) : d)
  const far = (d: Dim, sign: number): boolean => typeof d === 'number' && d * sign >= FAR
  const from = far(start, 1) ? last : far(start, -1) ? 0 : clamp(call, wrap(start), 0, last)
  const to = far(end, -1) ? -1 : far(end, 1) ? last : clamp(call, wrap(end), -1, last)
  return { start: from, size: ceilDiv(greater(call, sub(from, to), 0), step) }
}

const slice: Rule = (call) => {
  const byInput = call.opset >= 10
  call.arity(byInput ? 3 : 1, byInput ? 5 : 1)
  const starts = byInput ? call.dims(1, 'starts') : call.attrs.ints('starts', [])
  const ends = byInput ? call.dims(2, 'ends') : call.attrs.ints('ends', [])
  const shape = call.shape(0)
  const order = starts.map((_, i) => i)
  const given = byInput ? (call.optional(3) === null ? order : call.numbers(3, 'axes')) : call.attrs.ints('axes', order)
  const steps = byInput && call.optional(4) !== null ? call.numbers(4, 'steps') : starts.map(() => 1)
  if ([ends, given, steps].some((list) => list.length !== starts.length)) call.fail('bad-attribute', 'starts, ends, axes and steps must have one entry for each other')
  if (steps.includes(0)) call.fail('bad-attribute', 'a step of 0')
  call.axes(given, shape.length)
  const axes = given.map((a) => call.axis(a, shape.length))
  const ranges = axes.map((axis, i) => rangeOf(call, shape[axis] as Dim, starts[i] as Dim, ends[i] as Dim, steps[i] as number))
  return call.emit('slice', [call.input(0)], { axes, starts: ranges.map((r) => r.start), steps, sizes: ranges.map((r) => r.size) })
}

const split: Rule = (call) => {
  call.arity(1, 2)
  const shape = call.shape(0), axis = call.axis(call.attrs.int('axis', 0), shape.length)
  const extent = shape[axis] as Dim
  const given = call.optional(1) !== null ? call.dims(1, 'split') : call.attrs.ints('split', undefined)
  const count = call.attrs.int('num_outputs', undefined) ?? given?.length ?? call.outputCount
  const sizes = given ?? evenParts(call, extent, count)
  if (sizes.length < call.outputCount) call.fail('bad-attribute', `${call.outputCount} outputs, but split has ${sizes.length} parts`)
  call.assume(add(...sizes), extent, 'the parts of Split cover its axis')
  const out: Value[] = []
  let start: Dim = 0
  for (const [i, size] of sizes.entries()) {
    if (call.wants(i)) out[i] = call.emit('slice', [call.input(0)], { axes: [axis], starts: [start], steps: [1], sizes: [size] }, i)
    start = add(start, size)
  }
  return out
}

/** Parts of one size, the last smaller where the extent is no multiple; a symbolic extent is taken to be one. */
function evenParts(call: NodeCall, extent: Dim, count: number): readonly Dim[] {
  if (typeof extent !== 'number') {
    const part = floorDiv(extent, count)
    call.assume(mul(part, count), extent, `Split makes ${count} equal parts`)
    return Array.from({ length: count }, () => part)
  }
  if (call.opset < 18 && extent % count !== 0) call.fail('shape-mismatch', `${extent} elements cannot be split into ${count} equal parts`)
  const part = Math.ceil(extent / count)
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, extent - i * part)))
}

/** Cuts off or adds as much at the start as at the end, of an odd number one more at the end. */
const centerCropPad: Rule = (call) => {
  call.arity(2)
  const shape = call.shape(0), axes = call.attrs.ints('axes', shape.map((_, i) => i)).map((a) => call.axis(a, shape.length)), wished = call.dims(1, 'the shape')
  if (wished.length !== axes.length || new Set(axes).size !== axes.length) call.fail('bad-attribute', `${wished.length} extents for ${axes.length} axes, each of which must be named once`)
  const cut = { axes: [] as number[], starts: [] as Dim[], steps: [] as number[], sizes: [] as Dim[] }, before: Dim[] = shape.map(() => 0), after: Dim[] = [...before]
  axes.forEach((axis, i) => {
    const size = wished[i] as Dim, more = sub(size, shape[axis] as Dim), less = mul(-1, more)
    if (more === 0) return
    if (isNonNegative(call, less)) {
      cut.axes.push(axis); cut.starts.push(floorDiv(less, 2)); cut.steps.push(1); cut.sizes.push(size)
    } else if (isNonNegative(call, more)) {
      before[axis] = floorDiv(more, 2)
      after[axis] = sub(more, before[axis] as Dim)
    } else call.fail('shape-not-static', `whether axis ${axis} is cropped or padded is only known while running`, 'give the extents as numbers while compiling')
  })
  const x = call.input(0), inner = cut.axes.length === 0 ? x : call.add('slice', [x], cut)
  return [...before, ...after].every((d) => d === 0) ? inner : call.emit('pad', [inner], { mode: 'constant', before, after })
}

/** Parts of tensors, of the default domain. */
export const SLICES: RuleTable = { Slice: always(movingCodes(slice)), Split: always(movingCodes(split)), CenterCropPad: since(18, movingCodes(centerCropPad)) }
