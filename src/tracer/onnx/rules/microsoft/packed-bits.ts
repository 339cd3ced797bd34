/** Small unsigned integers packed into bytes, taken apart by plain ops: the layouts of com.microsoft's block-quantised ops. */
import type { Dim } from '../../../../base/dim.js'
import { mul } from '../../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import type { NodeCall } from '../../call.js'
import { castTo, expandTo, reshapeTo, sliceAxis } from '../compose.js'

/** Bits that an element may have. */
export type Bits = 2 | 4 | 8

/** The attribute `bits`. */
export function bitsOf(call: NodeCall): Bits {
  const bits = call.attrs.int('bits', 4)
  return bits === 2 || bits === 4 || bits === 8 ? bits : call.fail('unsupported-op', `${call.opType} with bits = ${bits} is not supported`, '2, 4 and 8 bits are')
}

/** The elements of bytes along the last axis, as uint8; the first one lies in the low bits (or, with `highFirst`, in the high ones). */
export function unpacked(call: NodeCall, bytes: Value, bits: Bits, highFirst = false): Value {
  if (bits === 8) return bytes
  const shape = shapeOf(bytes), count = 8 / bits, mask = call.scalar('uint8', 2 ** bits - 1)
  const parts = Array.from({ length: count }, (_, i) => {
    const place = highFirst ? count - 1 - i : i
    const shifted = place === 0 ? bytes : call.add('shift_right', [bytes, call.scalar('uint8', place * bits)])
    return reshapeTo(call, place === count - 1 ? shifted : call.add('bitwise_and', [shifted, mask]), [...shape, 1])
  })
  return reshapeTo(call, call.add('concat', parts, { axis: shape.length }), [...shape.slice(0, -1), mul(shape[shape.length - 1] as Dim, count)])
}

/** Elements along the last axis, in blocks that share a scale and a zero point. */
export interface Blocks {
  /** uint8 integers, [..., blocks·size or fewer]. */
  readonly integers: Value
  /** [..., blocks]. */
  readonly scales: Value
  /** [..., blocks], as uint8 integers or as floats; a number is that of all. */
  readonly zeros: Value | number
  readonly size: number
}

/** (integers - zeros)·scales, in the dtype of the scales, with as many elements as there are integers. */
export function dequantizedBlocks(call: NodeCall, { integers, scales, zeros, size }: Blocks): Value {
  const dtype = dtypeOf(scales), shape = shapeOf(integers), rank = shape.length, outer = shape.slice(0, -1), last = shape[rank - 1] as number
  const blocks = Math.ceil(last / size), whole = blocks * size
  const wide = castTo(call, integers, dtype)
  const inBlocks = (v: Value): Value => {
    if (whole === last) return reshapeTo(call, v, [...outer, blocks, size])
    const after = shape.map((_, i) => (i === rank - 1 ? whole - last : 0))
    return reshapeTo(call, call.add('pad', [v], { mode: 'constant', before: shape.map(() => 0), after }), [...outer, blocks, size])
  }
  const perBlock = (v: Value): Value => reshapeTo(call, castTo(call, v, dtype), [...outer, blocks, 1])
  const zero = typeof zeros === 'number' ? call.scalar(dtype, zeros) : perBlock(zeros)
  const centred = zeros === 0 ? inBlocks(wide) : call.add('sub', [inBlocks(wide), zero])
  const values = reshapeTo(call, call.add('mul', [centred, perBlock(scales)]), [...outer, whole])
  return sliceAxis(call, values, rank - 1, 0, last)
}

/** Zero points packed along the last axis, of which the first `count` count; floats are not packed. */
export function zeroPoints(call: NodeCall, zeros: Value, bits: Bits, count: number): Value {
  if (dtypeOf(zeros) !== 'uint8') return zeros
  const integers = unpacked(call, zeros, bits)
  return sliceAxis(call, integers, shapeOf(integers).length - 1, 0, count)
}

/** A table of numbers as what integers index: [..., n] integers to [..., n] floats. */
export function lookedUp(call: NodeCall, table: Value, integers: Value): Value {
  return expandTo(call, call.add('gather', [table, castTo(call, integers, 'int32')], { axis: 0 }), shapeOf(integers))
}
