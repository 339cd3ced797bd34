/** Rules of gradients for ops of several inputs: which operands are saved for which gradient, and how they are read. */
import { DTYPES, type DType } from '../base/dtype.js'
import { invariant } from '../base/error.js'
import { GradMath } from './gradients.js'
import type { GradCall, GradRule } from './op.js'
import type { TensorType } from './types.js'

/** Which inputs and outputs a rule reads. */
export interface Saved { readonly inputs: readonly number[]; readonly outputs: readonly number[] }
/** Neither inputs nor results: linear ops. */
export const NOTHING: Saved = { inputs: [], outputs: [] }
/** The first input. */
export const OWN_INPUT: Saved = { inputs: [0], outputs: [] }
/** The result. */
export const OWN_RESULT: Saved = { inputs: [], outputs: [0] }
/** The first input and the result. */
export const INPUT_AND_RESULT: Saved = { inputs: [0], outputs: [0] }

/** The inputs among `uses` that are read for the sake of a wanted gradient: `uses[i]` are those that the gradient of input `i` reads. */
export function readFor(wants: readonly boolean[], uses: readonly (readonly number[])[]): Saved {
  const inputs = new Set(uses.flatMap((reads, i) => (wants[i] === true ? reads : [])))
  return { inputs: [...inputs].sort((a, b) => a - b), outputs: [] }
}

/** A call's saved operands and types as a rule asks for them. */
export class GradOperands<V, A> {
  constructor(readonly call: GradCall<V, A>, readonly wants: readonly boolean[]) {}
  get attrs(): A { return this.call.attrs }
  /** The saved input `i`. */
  input(i: number): V {
    const value = this.call.inputs[i] ?? null
    invariant(value !== null, `a gradient reads input ${i}, which was not saved`)
    return value
  }
  /** The saved (only) result. */
  get output(): V {
    const value = this.call.outputs[0] ?? null
    invariant(value !== null, 'a gradient reads the result, which was not saved')
    return value
  }
  /** The type of a given input. */
  type(i: number): TensorType {
    const type = this.call.types.inputs[i] ?? null
    invariant(type !== null, `a gradient asks for the type of input ${i}, which was not given`)
    return type
  }
  get outputType(): TensorType {
    const [type] = this.call.types.outputs
    invariant(type !== undefined, 'an op with gradients has a result')
    return type
  }
  wanted(i: number): boolean { return this.wants[i] === true }
}

/** The rule of an op with one result: `gradients[i]` makes the gradient of input `i` from the result's `dy`; an input beyond the list, or with null, has none. */
export interface RuleParts<A> {
  readonly saves: Saved | ((wants: readonly boolean[], attrs: A) => Saved)
  readonly gradients: readonly (GradientOf<A> | null)[]
}
/** The gradient of one input from that of the result. */
export type GradientOf<A> = <V>(g: GradMath<V>, dy: V, of: GradOperands<V, A>) => V

/** A rule whose inputs' gradients have nothing in common. */
export function ruleOf<A = unknown>({ saves, gradients }: RuleParts<A>): GradRule<A> {
  return jointRule<A>(saves, (g, dy, of) => of.call.types.inputs.map((_, i) => (of.wanted(i) ? (gradients[i]?.(g, dy, of) ?? null) : null)))
}

/** A rule that makes all wanted gradients together. */
export function jointRule<A = unknown>(saves: RuleParts<A>['saves'], backward: <V>(g: GradMath<V>, dy: V, of: GradOperands<V, A>) => readonly (V | null)[]): GradRule<A> {
  return {
    saves: (attrs, wants) => (typeof saves === 'function' ? saves(wants, attrs) : saves),
    backward(ctx, call, [dy], wants) {
      if (dy === null || dy === undefined) return call.types.inputs.map(() => null)
      return backward(new GradMath(ctx), dy, new GradOperands(call, wants)).slice(0, call.types.inputs.length)
    },
  }
}

/** The dtype in which a gradient of several steps is computed: 16-bit floats in float32, so that sums do not overflow. */
export const wideDType = (dtype: DType): DType => (DTYPES[dtype].bits === 16 ? 'float32' : dtype)
