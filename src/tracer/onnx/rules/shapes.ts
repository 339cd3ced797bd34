/** Rules for ops that only change the shape of a tensor, or turn shapes into tensors. */
import type { Dim } from '../../../base/dim.js'
import { DTYPES } from '../../../base/dtype.js'
import { dimsEqual, eq, floorDiv, product, select } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { isNarrow, movingCodes, packedCodes } from './narrow.js'

const reshape: Rule = (call) => {
  const byInput = call.opset >= 5
  call.arity(byInput ? 2 : 1)
  const wished = byInput ? call.dims(1, 'the shape') : call.attrs.ints('shape', [])
  const keepZero = call.attrs.bool('allowzero', false)
  return call.emit('reshape', [call.input(0)], { shape: resolveShape(call, wished, keepZero) })
}

/** 0 copies the input's extent, -1 takes what is left; elements only known while running may be either. */
function resolveShape(call: NodeCall, wished: readonly Dim[], keepZero: boolean): readonly Dim[] {
  const own = call.shape(0), total = product(own)
  const rests = wished.filter((d) => d === -1).length
  if (rests > 1) call.fail('bad-attribute', `the shape [${wished.join(', ')}] has more than one -1`)
  const copied = wished.map((d, i): Dim => {
    if (keepZero) return d
    if (d === 0) return own[i] ?? call.fail('bad-attribute', `the shape [${wished.join(', ')}] copies axis ${i} of an input of rank ${own.length}`)
    return call.mayBeNegative(d) && d !== -1 && i < own.length ? select(eq(d, 0), own[i] as Dim, d) : d
  })
  return copied.map((d, i): Dim => {
    const others = copied.filter((_, j) => j !== i)
    if (d === -1) return others.includes(0) ? 0 : floorDiv(total, product(others))
    if (typeof d === 'number' && d < -1) return call.fail('bad-attribute', `the shape [${wished.join(', ')}] has the extent ${d}`)
    return call.mayBeNegative(d) ? select(eq(wished[i] as Dim, -1), floorDiv(total, product(others)), d) : d
  })
}

function axesOf(call: NodeCall): readonly number[] | undefined {
  if (call.opset < 13) { call.arity(1); return call.attrs.ints('axes', undefined) }
  call.arity(1, 2)
  return call.optional(1) === null ? undefined : call.numbers(1, 'axes')
}

const squeeze: Rule = (call) => {
  const given = axesOf(call), shape = call.shape(0)
  const axes = given === undefined ? shape.flatMap((d, i) => (d === 1 ? [i] : [])) : call.axes(given, shape.length)
  for (const a of axes) call.assume(shape[a] as Dim, 1, `axis ${a} is squeezed away`)
  return call.emit('reshape', [call.input(0)], { shape: shape.filter((_, i) => !axes.includes(i)) })
}

const unsqueeze: Rule = (call) => {
  const given = axesOf(call) ?? call.fail('bad-attribute', 'axes are missing')
  const shape = [...call.shape(0)]
  for (const a of call.axes(given, shape.length + given.length)) shape.splice(a, 0, 1)
  return call.emit('reshape', [call.input(0)], { shape })
}

const flatten: Rule = (call) => {
  call.arity(1)
  const shape = call.shape(0), given = call.attrs.int('axis', 1)
  const axis = given < 0 ? given + shape.length : given
  if (axis < 0 || axis > shape.length) call.fail('bad-attribute', `axis ${given} is outside a tensor of rank ${shape.length}`)
  return call.emit('reshape', [call.input(0)], { shape: [product(shape.slice(0, axis)), product(shape.slice(axis))] })
}

const transpose: Rule = (call) => {
  call.arity(1)
  const rank = call.shape(0).length
  const perm = call.attrs.ints('perm', Array.from({ length: rank }, (_, i) => rank - 1 - i))
  if (perm.length !== rank || new Set(call.axes(perm, rank)).size !== rank) call.fail('bad-attribute', `perm [${perm.join(', ')}] is no permutation of ${rank} axes`)
  return call.emit('transpose', [call.input(0)], { perm: perm.map((p) => call.axis(p, rank)) })
}

/** The shape that numpy broadcasting of both gives; where neither is known to be 1 the wished extent counts. */
function broadcast(own: readonly Dim[], wished: readonly Dim[]): readonly Dim[] {
  const rank = Math.max(own.length, wished.length)
  return Array.from({ length: rank }, (_, i): Dim => {
    const a = own[i - rank + own.length] ?? 1, b = wished[i - rank + wished.length] ?? 1
    if (a === 1 || dimsEqual(a, b)) return b
    return b === 1 || typeof a === 'number' ? a : b
  })
}

const expand: Rule = (call) => {
  call.arity(2)
  return call.emit('expand', [call.input(0)], { shape: broadcast(call.shape(0), call.dims(1, 'the shape')) })
}

const tile: Rule = (call) => {
  const rank = call.shape(0).length
  if (call.opset < 6) {
    call.arity(3)
    const [tiles] = call.dims(1, 'tiles'), [axis] = call.numbers(2, 'axis')
    return call.emit('tile', [call.input(0)], { repeats: Array.from({ length: rank }, (_, i) => (i === axis ? tiles ?? 1 : 1)) })
  }
  call.arity(2)
  return call.emit('tile', [call.input(0)], { repeats: call.dims(1, 'repeats') })
}

const dimsTensor = (call: NodeCall, dims: readonly Dim[], shape: readonly number[]): Value => call.emit('dims_tensor', [], { dims, shape, dtype: 'int64' })

const shapeRule: Rule = (call) => {
  call.arity(1)
  const shape = call.shape(0), rank = shape.length
  const clamped = (i: number): number => Math.min(Math.max(i < 0 ? i + rank : i, 0), rank)
  const dims = shape.slice(clamped(call.attrs.int('start', 0)), clamped(call.attrs.int('end', rank)))
  return dimsTensor(call, dims, [dims.length])
}

const constantOfShape: Rule = (call) => {
  call.arity(1)
  const value = call.attrs.tensor('value') ?? fromNumbers('float32', [1], [0])
  if (value.data.length !== 1) call.fail('bad-attribute', `value has ${value.data.length} elements, not 1`)
  const shape = call.dims(0, 'the shape'), { dtype } = value
  if (!isNarrow(dtype)) return call.emit('fill', [], { shape, value: { ...value, shape: [1] } })
  return packedCodes(call, call.add('fill', [], { shape, value: fromNumbers('uint8', [1], [Number(value.data[0]) & (2 ** DTYPES[dtype].bits - 1)]) }), dtype)
}

/** Rearranges blocks of pixels into channels, or back. */
const depthToSpace: Rule = (call) => {
  call.arity(1)
  const b = blockOf(call), [n, c, h, w] = imageOf(call)
  const mode = call.attrs.string('mode', 'DCR'), out = floorDiv(c, b * b)
  if (mode !== 'DCR' && mode !== 'CRD') call.fail('bad-attribute', `mode is '${mode}', not DCR or CRD`)
  const split = call.add('reshape', [call.input(0)], { shape: mode === 'DCR' ? [n, b, b, out, h, w] : [n, out, b, b, h, w] })
  const moved = call.add('transpose', [split], { perm: mode === 'DCR' ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3] })
  return call.emit('reshape', [moved], { shape: [n, out, product([h, b]), product([w, b])] })
}

const spaceToDepth: Rule = (call) => {
  call.arity(1)
  const b = blockOf(call), [n, c, h, w] = imageOf(call)
  const split = call.add('reshape', [call.input(0)], { shape: [n, c, floorDiv(h, b), b, floorDiv(w, b), b] })
  const moved = call.add('transpose', [split], { perm: [0, 3, 5, 1, 2, 4] })
  return call.emit('reshape', [moved], { shape: [n, product([c, b * b]), floorDiv(h, b), floorDiv(w, b)] })
}

function blockOf(call: NodeCall): number {
  const b = call.attrs.int('blocksize', 0)
  return b >= 1 ? b : call.fail('bad-attribute', `blocksize is ${b}`)
}

function imageOf(call: NodeCall): readonly [Dim, Dim, Dim, Dim] {
  const shape = shapeOf(call.input(0))
  return shape.length === 4 ? (shape as unknown as readonly [Dim, Dim, Dim, Dim]) : call.fail('shape-mismatch', `${call.opType} takes a tensor of rank 4, not ${shape.length}`)
}

/** Shape ops of the default domain. */
export const SHAPES: RuleTable = {
  Reshape: always(movingCodes(reshape)),
  Squeeze: always(movingCodes(squeeze)),
  Unsqueeze: always(movingCodes(unsqueeze)),
  Flatten: always(movingCodes(flatten)),
  Transpose: always(movingCodes(transpose)),
  Expand: always(movingCodes(expand)),
  Tile: always(movingCodes(tile)),
  Shape: always(shapeRule),
  Size: always((call) => { call.arity(1); return dimsTensor(call, [product(call.shape(0))], []) }),
  ConstantOfShape: always(constantOfShape),
  DepthToSpace: always(movingCodes(depthToSpace)),
  SpaceToDepth: always(movingCodes(spaceToDepth)),
}
