/** Nodes of the backward graph: what turns gradients of an operation's results into gradients of its operands. */
import { counts } from './bookkeeping.js'
import type { SavedValue } from './saved.js'
import type { Tensor } from './tensor.js'

/** A gradient's way: to operand `index` of the results of `fn`. */
export interface Edge { readonly fn: GradFunction; readonly index: number }

/** What a node does; which tensors it keeps is its own business. */
export interface GradBody {
  /** Gradients of the operands from those of the results, null for none. Throws `saved-changed`, `backward-twice` and what ops throw. */
  run(dys: readonly (Tensor | null)[]): readonly (Tensor | null)[]
  /** Lets go of what was saved. */
  release(): void
  /** What is kept for the backward pass, as long as it is. */
  saved?(): Iterable<SavedValue>
  /** Takes `to` as what was saved as `from`, whose elements it has taken over by an in-place write. */
  rebind?(from: Tensor, to: Tensor): void
}

/** What gradients arriving at a node look like; makes zeros of them where none arrives. */
export interface ResultType { readonly dtype: Tensor['dtype']; readonly shape: readonly number[] }

/** A node of the backward graph, seen by users as `gradFn`. */
export class GradFunction {
  /** Source: torch's names, `MulBackward` for `mul`. */
  readonly name: string
  /** Where the gradient of each operand goes; null for operands that need none. */
  readonly edges: readonly (Edge | null)[]
  readonly results: readonly ResultType[]
  readonly body: GradBody
  /** Tensors that asked to keep their gradients, by result. */
  readonly retained = new Map<number, Tensor>()

  constructor(name: string, edges: readonly (Edge | null)[], results: readonly ResultType[], body: GradBody) {
    this.name = name
    this.edges = edges
    this.results = results
    this.body = body
    counts.gradFunctions++
  }

  toString(): string { return `<${this.name}>` }
}

/** `MulBackward` for `mul`, `ReduceSumBackward` for `reduce_sum`. */
export function backwardName(op: string): string {
  return `${op.split('_').map((w) => w.charAt(0).toUpperCase() + w.slice(1)).join('')}Backward`
}
