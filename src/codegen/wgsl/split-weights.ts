/**
 * Weights larger than what every WebGPU device binds, in pieces with a binding each: an access reads every piece where it would be,
 * the others at an end, and takes the one that it is in.
 *
 *   x0[i]   ⇒   i < n ? x0.0[min(i, n - 1)] : x0.1[max(i - n, 0)]
 */
import { max, min, sub } from '../../ir/dims.js'
import { binary, constant, indexValue, selectExpr, type Expr } from '../../ir/kernel/expr.js'
import type { Kernel, KernelBuffer } from '../../ir/kernel/kernel.js'
import { rebind, type Access } from './rebind.js'

/** One buffer that takes the place of buffer `of` in a kernel: `length` elements from element `start` on. */
export interface Piece { readonly of: number; readonly start: number; readonly length: number }

export interface Split { readonly kernel: Kernel; readonly pieces: readonly Piece[] }

/** `kernel` with no constant of more than `most` elements; undefined where there is none. `isConstant` says which buffers are. */
export function splitWeights(kernel: Kernel, isConstant: (buffer: number) => boolean, most: number): Split | undefined {
  const accesses = new Map<string, Access>(), pieces: Piece[] = []
  const buffers = kernel.buffers.flatMap((b, of): KernelBuffer[] => {
    const { length } = b
    if (!isConstant(of) || typeof length !== 'number' || length <= most) { pieces.push({ of, start: 0, length: -1 }); return [b] }
    const parts = Array.from({ length: Math.ceil(length / most) }, (_, k): KernelBuffer => ({ ...b, name: `${b.name}.${k}`, length: Math.min(most, length - k * most) }))
    parts.forEach((part, k) => pieces.push({ of, start: k * most, length: part.length as number }))
    accesses.set(b.name, accessOf(parts, most))
    return parts
  })
  return accesses.size === 0 ? undefined : { kernel: rebind(kernel, buffers, (name) => accesses.get(name)), pieces }
}

function accessOf(parts: readonly KernelBuffer[], most: number): Access {
  return {
    load(from, index) {
      const within = parts.map(({ name, length }, k): Expr => ({ ...from, buffer: name, index: [min(max(sub(index, k * most), 0), (length as number) - (from.lanes ?? 1))] }))
      return within.reduceRight((rest, part, k) => selectExpr(binary('lt', indexValue(index), constant('i32', (k + 1) * most)), part, rest))
    },
  }
}
