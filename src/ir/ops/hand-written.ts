/** Pieces of hand-written kernels: flat indices, loops over a shape, and the kernel around a body. */
import { add, mul, product, type Dim } from '../dims.js'
import type { Axis, ComputeContext } from '../kernel/compute.js'
import type { Kernel, KernelBuffer, SharedBuffer, Stmt } from '../kernel/kernel.js'
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

/** What a kernel has beside the buffers of its call: scratch memory, that of its workgroups, and parameters that are no symbols. */
interface Extras { readonly temps?: readonly Omit<KernelBuffer, 'role'>[]; readonly shared?: readonly SharedBuffer[]; readonly params?: readonly string[] }

/** The kernel of `body` over the buffers of a call, or those of them that `uses` names; parameters are the symbols in the shapes of the call. */
export function kernelOf(name: string, ctx: ComputeContext<unknown>, body: readonly Stmt[], { temps = [], shared = [], params: more = [] }: Extras = {}, uses?: readonly string[]): Kernel {
  const params = new Set<string>(more), own = ctx.buffers.filter((b) => uses?.includes(b.name) !== false)
  for (const b of ctx.buffers) for (const d of b.shape) visitSymbols(d, (s) => params.add(s))
  const buffers = [...own.map((b): KernelBuffer => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role })), ...temps.map((b): KernelBuffer => ({ ...b, role: 'temp' }))]
  return { name, params: [...params].sort(), buffers, ...(shared.length > 0 && { shared }), body }
}
