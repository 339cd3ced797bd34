/**
 * Compute: WHAT a kernel computes, without an order. For every point of the outer `axes` the stages run in turn; a reduce
 * stage leaves its accumulators as locals for the stages after it, a store stage writes elements.
 *
 *   matmul:  axes i j · reduce k: acc += x[i,k]*w[k,j] · store y[i,j] = acc
 *   softmax: axes i   · reduce j: m = max(x[i,j]) · reduce j: s += exp(x[i,j]-m) · store over j: y[i,j] = exp(x[i,j]-m)/s
 *
 * Fusion substitutes one compute into another: an elementwise or injective producer replaces the loads of its result, an
 * elementwise consumer wraps the stored value. Buffers are addressed by multi-dimensional indices; layout is the schedule's.
 */
import type { DType } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import type { Value } from '../graph.js'
import type { TensorType } from '../types.js'
import type { BinaryOp, Expr, RegisterType } from './expr.js'

/** An axis runs from `lo` (0 when absent) to `hi`; both may use parameters and axes outside it. With `valid`, the points from there to `hi` fill up vectors: nothing is stored for them. `rounds`: points one after another, each of which reads what the one before it stored. */
export interface Axis { readonly name: string; readonly lo?: Dim; readonly hi: Dim; readonly valid?: number; readonly rounds?: boolean }

/** A buffer of a compute; row-major over `shape`. `in` and `out` are the op's tensors, `temp` is scratch memory from the plan. */
export interface Buffer {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly Dim[]
  readonly role: 'in' | 'out' | 'temp'
  /** Its elements are known when the program is made, so that they can be stored in any way. */
  readonly constant?: boolean
}

/** A name for a value, bound once per point of the axes around it: a register (`value`), or an integer usable in indices. */
export type Let =
  | { readonly kind: 'value'; readonly name: string; readonly type: RegisterType; readonly value: Expr }
  /** An index read from data: negative values count from the end; outside [-extent, extent) is a fault (`index-out-of-range`) at run time. */
  | { readonly kind: 'data-index'; readonly name: string; readonly value: Expr; readonly extent: Dim }

/** `combine` folds `value` into the accumulator. Without it `value` is the accumulator's next value, an expression over all accumulators of the stage, which are read before any is written. */
export interface Accumulator {
  readonly name: string
  readonly type: RegisterType
  readonly init: Expr
  readonly combine?: BinaryOp
  readonly value: Expr
}

/** `extreme`: the two accumulators are the extreme of the elements, of which NaN is one whatever is sought, and the first or last position that has it; so what parts of the elements give can be joined. */
export interface ReduceStage { readonly kind: 'reduce'; readonly axes: readonly Axis[]; readonly lets: readonly Let[]; readonly accumulators: readonly Accumulator[]; readonly extreme?: { readonly greatest: boolean; readonly last: boolean } }
/** `until`: before the point `last` of an outer axis it stores the accumulator `sum` as it is. */
export interface StoreStage { readonly kind: 'store'; readonly axes: readonly Axis[]; readonly lets: readonly Let[]; readonly buffer: string; readonly index: readonly Dim[]; readonly value: Expr; readonly until?: { readonly axis: string; readonly last: number; readonly sum: string } }
/** Values computed once per outer point, between stages. */
export interface LetStage { readonly kind: 'let'; readonly lets: readonly Let[] }
export type Stage = ReduceStage | StoreStage | LetStage

export interface Compute {
  /** The op's name; the kernel's name is derived from it and the extents. */
  readonly name: string
  readonly buffers: readonly Buffer[]
  readonly axes: readonly Axis[]
  readonly stages: readonly Stage[]
}

/** What an op's `compute` is given: types of the call, and the names of its buffers (`x0`, `x1`… for inputs, null for absent ones; `y0`… for outputs). */
export interface ComputeContext<A> {
  readonly inputs: readonly (TensorType | null)[]
  readonly outputs: readonly TensorType[]
  readonly attrs: A
  /** The input values, for ops that specialise on constant inputs (`data`, given for up to four elements). */
  readonly values: readonly (Value | null)[]
  /** Buffers of all inputs and outputs, ready for `Compute.buffers`. */
  readonly buffers: readonly Buffer[]
  /** Rows of a register tile beside two vectors, for hand-written kernels: 6 where a multiply-add is one instruction; 4 when absent. */
  readonly tileRows?: number
  /** Hand-written kernels are for a GPU, by workgroups whose invocations share memory, or by points that have nothing to do with one another. */
  readonly gpu?: 'groups' | 'points'
}
