/** Elements of 8-bit floats and packed types by plain ops: taken out of their bytes, moved, turned into numbers, and packed again. */
import type { Dim } from '../../../base/dim.js'
import { DTYPES, type DType, type HostTensor } from '../../../base/dtype.js'
import { ceilDiv, mul, product, sub } from '../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import { fromNumbers, toNumbers } from '../../../ir/host-tensor.js'
import { NARROW } from '../../../ir/ops/reinterpret.js'
import type { NodeCall, Rule } from '../call.js'
import { isTensor, type Item } from '../items.js'
import { castTo, expandTo, isFloat, reshapeTo, sliceAxis } from './compose.js'
import { unpacked, type Bits } from './microsoft/packed-bits.js'

/** True for dtypes that are computed with by way of their bits. */
export const isNarrow = (dtype: DType): boolean => NARROW.includes(dtype)

/** The bits of each element of `v` as uint8, in its shape. Constants stay as many bytes as they are; what was packed need not be unpacked. */
export function codesOf(call: NodeCall, v: Value): Value {
  const known = call.codes.get(v)
  if (known !== undefined) return known
  const dtype = dtypeOf(v), shape = shapeOf(v), bits = DTYPES[dtype].bits, perByte = 8 / bits, count = product(shape), last = shape.at(-1)
  if (bits === 8) return bytesOf(call, v, shape)
  const whole = typeof last === 'number' && last % perByte === 0, inBytes = ceilDiv(count, perByte), bytes = bytesOf(call, v, [inBytes])
  if (whole) return unpacked(call, reshapeTo(call, bytes, [...shape.slice(0, -1), last / perByte]), bits as Bits)
  return reshapeTo(call, sliceAxis(call, unpacked(call, bytes, bits as Bits), 0, 0, count), shape)
}

function bytesOf(call: NodeCall, v: Value, shape: readonly Dim[]): Value {
  return v.data === undefined ? call.add('reinterpret', [v], { to: 'uint8', shape }) : call.constant({ dtype: 'uint8', shape: shape as readonly number[], data: v.data.data })
}

/** The numbers of a narrow tensor: float32, or int32 for integers. */
export function numbersOf(call: NodeCall, v: Value): Value {
  const dtype = dtypeOf(v), { bits, kind } = DTYPES[dtype], codes = castTo(call, codesOf(call, v), 'int32')
  if (isFloat(dtype)) return expandTo(call, call.add('gather', [call.constant(tableOf(dtype)), codes], { axis: 0 }), shapeOf(v))
  const sign = call.scalar('int32', 2 ** (bits - 1))
  return kind === 'uint' ? codes : call.add('sub', [call.add('bitwise_xor', [codes, sign]), sign])
}

/** The number of each code. */
function tableOf(dtype: DType): HostTensor {
  const { bits } = DTYPES[dtype], count = 2 ** bits, perByte = 8 / bits
  const data = Uint8Array.from({ length: count / perByte }, (_, i) => (perByte === 1 ? i : (2 * i) | ((2 * i + 1) << 4)))
  return fromNumbers('float32', [count], toNumbers({ dtype, shape: [count], data }))
}

/** int32 numbers as elements of a narrow type, as output `i`: their low bits. */
export function packedOutput(call: NodeCall, integers: Value, to: DType, i = 0): Value {
  const { bits } = DTYPES[to]
  return packedCodes(call, castTo(call, bits === 8 ? integers : call.add('bitwise_and', [integers, call.scalar('int32', 2 ** bits - 1)]), 'uint8'), to, i)
}

/** Codes (uint8, nothing above the bits that an element has) as elements of a narrow type, as output `i`. */
export function packedCodes(call: NodeCall, codes: Value, to: DType, i = 0): Value {
  const { bits } = DTYPES[to], shape = shapeOf(codes)
  const result = call.emit('reinterpret', [bits === 8 ? codes : inBytes(call, reshapeTo(call, codes, [product(shape)]), bits)], { to, shape }, i)
  call.codes.set(result, codes)
  return result
}

/** A vector of codes in bytes, the first in the low bits. */
function inBytes(call: NodeCall, codes: Value, bits: number): Value {
  const perByte = 8 / bits, [count] = shapeOf(codes) as [Dim], bytes = ceilDiv(count, perByte), missing = sub(mul(bytes, perByte), count)
  const filled = missing === 0 ? codes : call.add('pad', [codes], { mode: 'constant', before: [0], after: [missing] })
  const rows = reshapeTo(call, filled, [bytes, perByte])
  const parts = Array.from({ length: perByte }, (_, k) => {
    const part = reshapeTo(call, sliceAxis(call, rows, 1, k, 1), [bytes])
    return k === 0 ? part : call.add('shift_left', [part, call.scalar('uint8', k * bits)])
  })
  return parts.reduce((sum, part) => call.add('bitwise_or', [sum, part]))
}

/** A rule that only moves elements, for narrow ones too: it moves their codes. Places that no element goes to hold 0, whose code is 0. */
export const movingCodes = (rule: Rule): Rule => (call) => {
  const types = call.inputs.map((v) => (v !== null && isTensor(v) ? dtypeOf(v) : undefined)), to = types.find((dtype) => dtype !== undefined && isNarrow(dtype))
  if (to === undefined) return rule(call)
  const other = types.find((dtype) => dtype !== to && dtype !== undefined && (dtype === 'uint8' || isNarrow(dtype)))
  if (other !== undefined) call.fail('dtype-mismatch', `${call.opType} moves ${to} and ${other} to one tensor`)
  const codes = call.withInputs(call.inputs.map((v, i) => (types[i] === to ? codesOf(call, v as Value) : v)), 'codes'), results = rule(codes)
  return (Array.isArray(results) ? results as readonly (Item | undefined)[] : [results as Item]).map((v, i) => (v === undefined ? v : packedCodes(call, call.tensor(v, `output ${i}`), to, i)))
}
