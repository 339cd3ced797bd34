/**
 * The op record: everything known about one operation, in one place. The text syntax, the verifier's type check, the
 * interpreter, eager calls, the docs table and the conformance cases are all derived from it.
 */
import type { DType, HostTensor } from '../base/dtype.js'
import type { Dim } from './dims.js'
import type { Attrs, Graph, Node, Value } from './graph.js'
import type { TensorType, ValueType } from './types.js'
import type { Compute, ComputeContext } from './kernel/compute.js'
import type { Expr } from './kernel/expr.js'
import type { ChainedKernel, Kernel } from './kernel/kernel.js'

/** Attribute kinds and what an attribute of that kind holds. `dims` are extents that may be symbolic. */
export interface AttrKinds {
  readonly int: number
  readonly ints: readonly number[]
  readonly float: number
  readonly floats: readonly number[]
  readonly string: string
  readonly strings: readonly string[]
  readonly bool: boolean
  readonly bools: readonly boolean[]
  readonly dtype: DType
  readonly dim: Dim
  readonly dims: readonly Dim[]
  readonly tensor: HostTensor
  readonly graph: Graph
}
export type AttrKind = keyof AttrKinds
export type AttrSchema = Readonly<Record<string, AttrKind>>
export type AttrsOf<S extends AttrSchema> = { readonly [K in keyof S]: AttrKinds[S[K]] }

/**
 * How output elements depend on input elements; fusion reads this and never op names.
 * - `elementwise`: output [i…] reads inputs at [i…] (after numpy broadcasting)
 * - `injective`: each output element reads one element of each input, elsewhere (transpose, slice, gather)
 * - `joining`: each output element is one element of one of the inputs (concat, pad): a store per input
 * - `reduction`: rows are reduced or normalised: softmax, sums, norms, pooling
 * - `contraction`: heavy multiply-add work: matmul, conv
 * - `alias`: the output is the input's storage with another shape (reshape, squeeze)
 * - `opaque`: none of these; never fused (recurrences, control flow, host ops)
 */
export type Pattern = 'elementwise' | 'injective' | 'joining' | 'reduction' | 'contraction' | 'alias' | 'opaque'

/** What `infer` is given beside inputs and attributes. */
export interface InferContext {
  /** Records that `a` must equal `b` (or be ≤ with kind `le`) for the result to be right; proven equalities are not recorded, disproven ones throw `shape-mismatch`. */
  assume(a: Dim, b: Dim, why: string, kind?: 'eq' | 'le'): void
}

export interface Call<A> { readonly inputs: readonly (Value | null)[]; readonly attrs: A }
/** A call with concrete tensors: extents in `attrs` and `outputs` are numbers. */
export interface ReferenceCall<A> { readonly inputs: readonly (HostTensor | null)[]; readonly attrs: A; readonly outputs: readonly ConcreteType[] }
export interface ConcreteType { readonly dtype: DType; readonly shape: readonly number[] }

/** One conformance case: inputs are made from the given types with seeded values, or given whole. */
export interface Sample<A> {
  readonly inputs: readonly (SampleInput | null)[]
  readonly attrs: A
  /** Allowed relative and absolute error of a compiled kernel against `reference`; exact for integers. */
  readonly tolerance?: { readonly relative: number; readonly absolute: number }
}
export interface SampleInput {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Elements, or the range [low, high) that seeded random elements are drawn from; [-1, 1) when absent, [0, 8) for integers. */
  readonly data?: readonly number[]
  readonly range?: readonly [number, number]
}

/** Where a gradient is built: on eager tensors or on values of a graph, which `V` stands for. */
export interface GradContext<V> {
  /** The (first) result of an op. */
  emit(op: string, inputs: readonly (V | null)[], attrs: Attrs): V
  shape(value: V): readonly Dim[]
  dtype(value: V): DType
  /** A constant of rank 0. */
  scalar(dtype: DType, value: number): V
}

/** The forward call that a gradient belongs to; `inputs` and `outputs` hold what the rule saved, null elsewhere. */
export interface GradCall<V, A> {
  readonly inputs: readonly (V | null)[]
  readonly outputs: readonly (V | null)[]
  readonly types: { readonly inputs: readonly (TensorType | null)[]; readonly outputs: readonly TensorType[] }
  readonly attrs: A
}

/** How an op is differentiated. `wants[i]` says whether input `i` needs a gradient. */
export interface GradRule<A> {
  /** Which inputs and outputs `backward` reads; nothing else is kept alive, and nothing else is refused when it changes. */
  saves(attrs: A, wants: readonly boolean[]): { readonly inputs: readonly number[]; readonly outputs: readonly number[] }
  /** The gradients of the inputs, in their shapes and dtypes, from those of the outputs; null for zero or not wanted. `dys` has null where no gradient arrived. */
  backward<V>(ctx: GradContext<V>, call: GradCall<V, A>, dys: readonly (V | null)[], wants: readonly boolean[]): readonly (V | null)[]
}

export interface OpSpec<S extends AttrSchema> {
  /** Lower-case with `_` between words: the name in text and in kernels. */
  readonly name: string
  /** One sentence. */
  readonly doc: string
  /** Where the semantics come from: `ONNX Softmax-13; torch.softmax`. */
  readonly source: string
  readonly attrs: S
  /** Attributes whose dims are neither extents nor places: amounts, which may be negative. */
  readonly amounts?: readonly (keyof S & string)[]
  readonly pattern: Pattern
  /** Result types; throws `shape-mismatch`, `dtype-mismatch` or `bad-attribute` with a hint. */
  infer(call: Call<AttrsOf<S>>, ctx: InferContext): readonly ValueType[]
  /** Elements of the (single) result as dims, when the inputs' elements are known as dims; undefined when they are not. Only for ops that shape arithmetic uses. */
  symbolic?(call: Call<AttrsOf<S>>, output: TensorType): readonly Dim[] | undefined
  /** Slow and obviously right: the oracle and the eager implementation. Results in the types of `call.outputs`. */
  reference(call: ReferenceCall<AttrsOf<S>>): HostTensor[]
  /** Elementwise body: one output element from one element of each input. Gives `elementwise` ops their compute. */
  scalar?(inputs: readonly Expr[], attrs: AttrsOf<S>, output: DType): Expr
  /** Iteration space of the kernel. */
  compute?(ctx: ComputeContext<AttrsOf<S>>): Compute
  /** Hand-written kernel IR, for loops that a compute cannot say (recurrences, scans). */
  kernel?(ctx: ComputeContext<AttrsOf<S>>): Kernel
  /** What `kernel` does in several kernels, each of which is spread over a whole GPU; the same number of them by groups and by points. Undefined where `kernel` spreads it well enough. Only asked for where `ctx.gpu` is given. */
  chain?(ctx: ComputeContext<AttrsOf<S>>): readonly ChainedKernel[] | undefined
  /** Reverse-mode derivative; absent for ops whose results are no floats, and where nobody needs it. */
  readonly grad?: GradRule<AttrsOf<S>>
  readonly samples: readonly Sample<AttrsOf<S>>[]
}

/** An op record with its attribute types erased: what tables of ops hold. */
export type Op = OpSpec<AttrSchema>

/** Checks nothing at run time; makes an op record's functions see their attributes typed by its schema. */
export function defineOp<const S extends AttrSchema>(spec: OpSpec<S>): Op {
  return spec as unknown as Op
}

/** `node`'s inputs and attributes as a call of its op. */
export function callOf(node: Node): Call<Attrs> {
  return { inputs: node.inputs, attrs: node.attrs }
}
