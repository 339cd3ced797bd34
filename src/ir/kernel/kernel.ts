/**
 * Kernel: the explicit loop nest that a schedule makes of a compute; the one language that every renderer reads. Its
 * buffers are flat: a load or store has one index, in elements. Names of loop variables, parameters and integer locals
 * share one namespace and appear in indices; register locals have their own.
 */
import type { DType } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import type { Expr, RegisterType } from './expr.js'

/** `apart`: what an iteration of parallel loops reads of it, it has written itself, and no other iteration writes that. */
export interface KernelBuffer { readonly name: string; readonly dtype: DType; readonly length: Dim; readonly role: 'in' | 'out' | 'temp'; readonly apart?: boolean }

/** Memory of one run of a local loop, of undefined contents at its start. */
export interface SharedBuffer { readonly name: string; readonly dtype: DType; readonly length: number }

export type Stmt =
  /**
   * `for (variable = lo; variable < hi; variable += step)`; `hi - lo` is a multiple of `step`, unless `lo` is another one in each iteration of a loop
   * around it. `parallel`: iterations are independent and may be shared among threads, with those of parallel loops around it. `local`: iterations
   * are the invocations of a workgroup, side by side; they share the kernel's `shared` buffers and meet at barriers.
   */
  | { readonly kind: 'for'; readonly variable: string; readonly lo: Dim; readonly hi: Dim; readonly step: number; readonly parallel?: boolean; readonly local?: boolean; readonly body: readonly Stmt[] }
  /** No invocation of the local loop around it goes on before all are here; then each sees what the others wrote to shared buffers. */
  | { readonly kind: 'barrier' }
  | Fold
  /** An integer local, immutable: hoisted index arithmetic. */
  | { readonly kind: 'index'; readonly name: string; readonly value: Dim }
  /** An integer local read from data, wrapped once if negative, checked against `extent` (fault `index-out-of-range`). `sure`: it lies in [0, extent) whatever is fed, which renderers need not check. */
  | { readonly kind: 'data-index'; readonly name: string; readonly value: Expr; readonly extent: Dim; readonly sure?: boolean }
  /** A register, immutable. */
  | { readonly kind: 'let'; readonly name: string; readonly type: RegisterType; readonly value: Expr }
  /** A register that `set` changes. */
  | { readonly kind: 'var'; readonly name: string; readonly type: RegisterType; readonly value: Expr }
  | { readonly kind: 'set'; readonly name: string; readonly value: Expr }
  /** Several registers at once: all values are read before any register is written. */
  | { readonly kind: 'set-all'; readonly sets: readonly { readonly name: string; readonly value: Expr }[] }
  | { readonly kind: 'store'; readonly buffer: string; readonly index: Dim; readonly value: Expr }
  | { readonly kind: 'if'; readonly condition: Expr; readonly then: readonly Stmt[]; readonly else: readonly Stmt[] }

/** Operations by which a workgroup folds. */
export const FOLDS = ['add', 'mul', 'max', 'min'] as const

/**
 * A register of float32, immutable: `value` of all invocations of the local loop, folded by `op`. No invocation goes on before all are here. `buffer`
 * is shared, of float32, has an element for each of them (up to eight, or that times a power of eight), and nothing else touches it since the last barrier and before the next.
 */
export interface Fold { readonly kind: 'fold'; readonly name: string; readonly op: (typeof FOLDS)[number]; readonly value: Expr; readonly buffer: string }

/** A kernel of several that are called in turn: their temps of one name are the same memory. `params` has parameters that are no symbols, in terms of symbols. */
export interface ChainedKernel { readonly kernel: Kernel; readonly params?: Readonly<Record<string, Dim>> }

/** In a Kernel, `load.index` has exactly one element: the flat index. */
export interface Kernel {
  /** An address: op chain and extents, `matmul_relu_64x32x64`. */
  readonly name: string
  /** Symbols passed as i32 parameters, in order. */
  readonly params: readonly string[]
  /** In call order: inputs, outputs, temps. */
  readonly buffers: readonly KernelBuffer[]
  /** Only in kernels with a local loop. */
  readonly shared?: readonly SharedBuffer[]
  readonly body: readonly Stmt[]
}
