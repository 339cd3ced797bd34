/** Pieces of hand-written kernels: flat indices, loops over a shape, and the kernel around a body. */
import { add, mul, product, type Dim } from '../dims.js'
import type { Axis, ComputeContext } from '../kernel/compute.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { visitSymbols } from '../../base/dim.js'

/** The row-major position of `index` in a buffer of `shape`. */
export function flatIndex(shape: readonly Dim[], index: readonly Dim[]): Dim {
  return index.reduce<Dim>((flat, i, axis) => add(mul(flat, shape[axis] as Dim), i), 0)
}

/** Loops over `axes`, outermost first, around `body`; the outermost is marked parallel where its iterations are independent. */
export function loopsOver(axes: readonly Axis[], body: readonly Stmt[], parallel = false): readonly Stmt[] {
  return axes.reduceRight<readonly Stmt[]>((inner, axis, i) => [
    { kind: 'for', variable: axis.name, lo: axis.lo ?? 0, hi: axis.hi, step: 1, ...(parallel && i === 0 && { parallel }), body: inner },
  ], body)
}

/** The kernel of `body` over the buffers of a call; parameters are the symbols in their shapes. */
export function kernelOf(name: string, ctx: ComputeContext<unknown>, body: readonly Stmt[]): Kernel {
  const params = new Set<string>()
  for (const b of ctx.buffers) for (const d of b.shape) visitSymbols(d, (s) => params.add(s))
  return { name, params: [...params].sort(), buffers: ctx.buffers.map((b) => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role })), body }
}
