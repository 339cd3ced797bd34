/** Floats of 8 and 4 bits from wider ones, as integer arithmetic on the bits of float32. Sources: the tables of ONNX Cast-25. */
import type { DType } from '../../../base/dtype.js'
import { SMALL_FLOATS, type SmallFloatFormat } from '../../../base/small-float.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import type { NodeCall } from '../call.js'
import { castTo } from './compose.js'

/** The codes, as int32, of the floats of type `to` nearest to `x`, ties to even; attributes `saturate` and `round_mode` as ONNX Cast has them. NaN of float4e2m1 is 0. */
export function encoded(call: NodeCall, x: Value, to: DType): Value {
  const float = castTo(call, x, 'float32'), bits = call.add('reinterpret', [float], { to: 'int32', shape: shapeOf(x) })
  const magnitude = call.add('bitwise_and', [bits, call.scalar('int32', 0x7fffffff)])
  const parts: Parts = { call, float, bits, magnitude, saturate: call.attrs.bool('saturate', true) || to === 'float4e2m1', number: (n) => call.scalar('int32', n) }
  return to === 'float8e8m0' ? powers(parts) : small(parts, SMALL_FLOATS[to as 'float8e5m2'])
}

interface Parts { readonly call: NodeCall; readonly float: Value; readonly bits: Value; readonly magnitude: Value; readonly saturate: boolean; readonly number: (n: number) => Value }

function small({ call, float, bits, magnitude, saturate, number }: Parts, format: SmallFloatFormat): Value {
  const { mantissaBits, minExponent, sign, largest, nan, infinity } = format
  const drop = 23 - mantissaBits, isNan = call.add('gt', [magnitude, number(0x7f800000)])
  const odd = call.add('bitwise_and', [call.add('shift_right', [magnitude, number(drop)]), number(1)])
  const rounded = call.add('shift_right', [call.add('add', [call.add('add', [magnitude, number(2 ** (drop - 1) - 1)]), odd]), number(drop)])
  const normal = call.add('sub', [rounded, number((126 + minExponent) * 2 ** mantissaBits)])
  const steps = call.add('mul', [call.add('abs', [float]), call.scalar('float32', 2 ** (mantissaBits - minExponent))])
  const tiny = castTo(call, call.add('round', [steps]), 'int32')
  const finite = call.add('where', [call.add('lt', [magnitude, number((127 + minExponent) * 2 ** 23)]), tiny, normal])
  const within = call.add('where', [call.add('gt', [finite, number(largest)]), number(saturate ? largest : infinity ?? nan ?? largest), finite])
  const code = call.add('where', [isNan, number(nan ?? 0), within])
  const isNegative = call.add('lt', [bits, number(0)])
  // Where minus zero would be is NaN, then the only one.
  const signed = nan === sign ? call.add('logical_and', [call.add('gt', [code, number(0)]), call.add('lt', [code, number(sign)])]) : saturate ? call.add('logical_not', [isNan]) : undefined
  return call.add('where', [signed === undefined ? isNegative : call.add('logical_and', [isNegative, signed]), call.add('add', [code, number(sign)]), code])
}

/** What is added before the mantissa is cut off, and the least magnitude below 2^-126 that becomes 2^-126. */
const ROUNDING: Readonly<Record<string, readonly [number, number]>> = { up: [0x7fffff, 0x400001], nearest: [0x400000, 0x600000], down: [0, 0x800000] }

/** Powers of two. Signs are left out: what becomes of negative numbers is not specified. */
function powers({ call, magnitude, saturate, number }: Parts): Value {
  const mode = call.attrs.string('round_mode', 'up'), [added, least] = ROUNDING[mode] ?? call.fail('bad-attribute', `round_mode is ${mode}`, 'up, down and nearest are known')
  const normal = call.add('shift_right', [call.add('add', [magnitude, number(added)]), number(23)])
  const tiny = castTo(call, call.add('ge', [magnitude, number(least)]), 'int32')
  const code = call.add('minimum', [call.add('where', [call.add('lt', [magnitude, number(0x800000)]), tiny, normal]), number(254)])
  const isNan = call.add('gt', [magnitude, number(0x7f800000)])
  const outside = call.add('logical_or', [call.add('lt', [magnitude, number(0x400000)]), call.add('gt', [magnitude, number(0x7f000000)])])
  return call.add('where', [saturate ? isNan : call.add('logical_or', [isNan, outside]), number(255), code])
}
