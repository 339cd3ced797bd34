/**
 * Operands that are computed and that a kernel reads in panels: they are packed just before, into memory of their own, by
 * kernels whose calls stand before the one that wants them so. Constants are stored packed instead (see stored-constants).
 */
import type { DType } from '../base/dtype.js'
import { dtypeOf, shapeOf, type Value } from '../ir/graph.js'
import { add, mul, product, type Dim } from '../ir/dims.js'
import type { Axis, Compute } from '../ir/kernel/compute.js'
import { load } from '../ir/kernel/expr.js'
import type { Schedule } from '../ir/kernel/schedule.js'
import { tensorType } from '../ir/types.js'
import type { CallBuffer } from './lower.js'
import type { Packing } from './schedule/prepare.js'
import { packedShape } from './stored-constants.js'

/** A value to be packed, where to, and how. */
export interface PackedOperand { readonly from: Value; readonly to: Value; readonly parts: readonly PackingPart[] }

/** A kernel that packs. */
export interface PackingPart { readonly compute: Compute; readonly schedule: Schedule }

/** The operand that `buffer` wants packed, if it is computed. */
export function packedOperand(buffer: CallBuffer): PackedOperand | undefined {
  if (buffer.kind !== 'value' || buffer.packing === undefined || buffer.value.data !== undefined) return undefined
  const { value, packing } = buffer, dtype = dtypeOf(value), count = product(shapeOf(value)) as number
  const to: Value = { name: `${value.name}@${packing.factor}`, type: tensorType(dtype, packedShape(count, packing)) }
  return { from: value, to, parts: partsOf(count, packing, dtype) }
}

/** Panels that are filled side by side, so that what is read of a row is whole lines of the caches. */
const BESIDE = 4

/** What packs `count` elements: whole panels, and the columns that they leave over; matrix by matrix where there are several. */
function partsOf(count: number, packing: Packing, dtype: DType): PackingPart[] {
  const { columns, factor } = packing, shape = packedShape(count, packing), [panels, rows] = shape.slice(-3) as [number, number]
  const blocks = shape.length === 4 ? (shape[0] as number) : 1, whole = Math.floor(columns / factor)
  const matrices: readonly Axis[] = blocks === 1 ? [] : [{ name: 'm', hi: blocks }], matrix: Dim = blocks === 1 ? 0 : 'm'
  const part = (name: string, outer: readonly Axis[], inner: readonly Axis[], panel: Dim, schedule: Schedule): PackingPart => ({
    compute: {
      name: `${name}_${count / columns}x${columns}`, axes: [...matrices, ...outer],
      buffers: [{ name: 'x0', dtype, shape: [count], role: 'in' }, { name: 'y0', dtype, shape: [product(shape)], role: 'out' }],
      stages: [{ kind: 'store', axes: inner, lets: [], buffer: 'y0', index: [add(mul(add(mul(matrix, panels), panel), rows * factor), mul('r', factor), 'c')], value: load('x0', [add(mul(add(mul(matrix, rows), 'r'), columns), mul(panel, factor), 'c')]) }],
    },
    schedule,
  })
  const rowAxis = { name: 'r', hi: rows }, shared = (axis: string): Schedule => [{ kind: 'parallel', axis: blocks === 1 ? axis : 'm' }]
  const besides: Schedule = [{ kind: 'split', axis: 'p', factor: BESIDE, outer: 'po', inner: 'pi' }, { kind: 'unroll', axis: 'pi' }, { kind: 'vectorize', axis: 'c' }, ...shared('po')]
  return [
    ...(whole === 0 ? [] : [part('pack', [{ name: 'p', hi: whole }], [rowAxis, { name: 'c', hi: factor }], 'p', besides)]),
    ...(columns % factor === 0 ? [] : [part('pack_rest', [rowAxis], [{ name: 'c', hi: columns % factor }], whole, [{ kind: 'unroll', axis: 'c' }, ...shared('r')])]),
  ]
}
