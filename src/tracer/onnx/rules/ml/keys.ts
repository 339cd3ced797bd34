/**
 * What forests compare. float32 is compared as the integers whose order is that of the floats, so that all targets agree on zeros, subnormal numbers and
 * NaN; float64 as it is. A column has what stands for missing elements as the splits on it want it: below all others, or above.
 */
import { allocate, type DType, type HostTensor } from '../../../../base/dtype.js'
import { shapeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers } from '../../../../ir/host-tensor.js'
import type { NodeCall } from '../../call.js'
import { castTo } from '../compose.js'
import type { Column, Tables } from './forest.js'
import type { Numbers } from './splits.js'

/** A type in which elements are compared with thresholds. */
export interface Keys {
  readonly numbers: Numbers
  /** dtype of the columns and thresholds. */
  readonly dtype: DType
  /** Columns that serve the splits of a column. */
  readonly missing: (column: Column) => Column
  /** The thresholds of a column's splits. */
  readonly threshold: (split: Tables['splits'][number], column: Column) => number
  /** The columns of the chosen elements [N, columns]. */
  readonly of: (call: NodeCall, chosen: Value, columns: readonly Column[]) => Value
}

const SIGN = -(2 ** 31), GREATEST = 2 ** 31 - 1, INFINITE = 0x7f800000
const float = new Float32Array(1), bits = new Int32Array(float.buffer), double = new Float64Array(1), words = new BigInt64Array(double.buffer)

function keyOf(x: number): number {
  float[0] = x
  const b = bits[0] as number
  return b < 0 ? -(b & GREATEST) : b
}

function floatOf(key: number): number {
  bits[0] = key < 0 ? -key | SIGN : key
  return float[0] as number
}

function doubleBefore(x: number): number | undefined {
  if (x === -Infinity) return undefined
  if (x === 0) return -Number.MIN_VALUE
  double[0] = x
  words[0] = (words[0] as bigint) + (x > 0 ? -1n : 1n)
  return double[0]
}

const floatBefore = (x: number): number | undefined => (x === -Infinity ? undefined : floatOf(keyOf(x) - 1))

/** An int32 row that broadcasts to the columns: one number where all have the same. */
function perColumn(call: NodeCall, dtype: DType, values: readonly number[]): Value {
  const same = values.every((v) => v === values[0])
  return same ? call.scalar(dtype, values[0] ?? 0) : call.constant(fromNumbers(dtype, [values.length], values))
}

const FLOAT32: Keys = {
  numbers: {
    notAbove: (x) => { const f = Math.fround(x); return f > x ? floatBefore(f) : f },
    below: (x) => { const f = Math.fround(x); return f < x ? f : floatBefore(f) },
  },
  dtype: 'int32',
  missing: ({ feature, missing }) => ({ feature, missing: missing === 'low' ? 'low' : 'high' }),
  threshold: ({ atMost }, { missing }) => (missing === 'apart' ? GREATEST - 1 : keyOf(atMost)),
  of(call, chosen, columns) {
    const own = call.add('reinterpret', [chosen], { to: 'int32', shape: shapeOf(chosen) }), constant = (n: number): Value => call.scalar('int32', n)
    const magnitude = call.add('bitwise_and', [own, constant(GREATEST)])
    const key = call.add('where', [call.add('lt', [own, constant(0)]), call.add('neg', [magnitude]), magnitude])
    return call.add('where', [call.add('gt', [magnitude, constant(INFINITE)]), perColumn(call, 'int32', columns.map((c) => (c.missing === 'low' ? SIGN : GREATEST))), key])
  },
}

const FLOAT64: Keys = {
  numbers: { notAbove: (x) => x, below: doubleBefore },
  dtype: 'float64',
  missing: (column) => column,
  threshold: ({ atMost }, { missing }) => (missing === 'apart' ? 0.5 : atMost),
  of(call, chosen, columns) {
    const isMissing = call.add('isnan', [chosen]), kept = call.add('where', [isMissing, perColumn(call, 'float64', columns.map((c) => (c.missing === 'low' ? -Infinity : Infinity))), chosen])
    if (columns.every((c) => c.missing !== 'apart')) return kept
    const apart: HostTensor = { dtype: 'bool', shape: [columns.length], data: allocate('bool', columns.length) }
    columns.forEach((c, i) => { (apart.data as Uint8Array)[i] = c.missing === 'apart' ? 1 : 0 })
    return call.add('where', [call.constant(apart), castTo(call, isMissing, 'float64'), kept])
  },
}

/** How elements of a dtype are compared: float64 as such, all others as float32. */
export const keysOf = (dtype: DType): Keys => (dtype === 'float64' ? FLOAT64 : FLOAT32)
