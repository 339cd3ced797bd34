/** Building blocks of gradient rules: arithmetic wherever gradients are built, sums over what was broadcast, and rules of a common form. */
import { DTYPES, type DType } from '../base/dtype.js'
import { dimsEqual, type Dim } from './dims.js'
import type { Attrs } from './graph.js'
import { fromNumbers } from './host-tensor.js'
import type { GradCall, GradContext, GradRule } from './op.js'

/** Arithmetic on gradients; numbers take the dtype of the other operand. */
export class GradMath<V> {
  readonly ctx: GradContext<V>

  constructor(ctx: GradContext<V>) { this.ctx = ctx }

  add(a: V, b: V | number): V { return this.#binary('add', a, b) }
  sub(a: V | number, b: V | number): V { return this.#binary('sub', a, b) }
  mul(a: V, b: V | number): V { return this.#binary('mul', a, b) }
  div(a: V | number, b: V | number): V { return this.#binary('div', a, b) }
  pow(a: V, b: V | number): V { return this.#binary('pow', a, b) }
  /** A comparison or another op of two operands of one dtype. */
  binary(op: string, a: V, b: V | number): V { return this.#binary(op, a, b) }
  unary(op: string, x: V, attrs: Attrs = {}): V { return this.ctx.emit(op, [x], attrs) }
  neg(x: V): V { return this.unary('neg', x) }
  where(condition: V, a: V, b: V | number): V { return this.ctx.emit('where', [condition, a, typeof b === 'number' ? this.ctx.scalar(this.ctx.dtype(a), b) : b], {}) }
  cast(x: V, to: DType): V { return this.ctx.dtype(x) === to ? x : this.unary('cast', x, { to }) }
  reshape(x: V, shape: readonly Dim[]): V { return sameShape(this.ctx.shape(x), shape) ? x : this.unary('reshape', x, { shape }) }
  expand(x: V, shape: readonly Dim[]): V { return sameShape(this.ctx.shape(x), shape) ? x : this.unary('expand', x, { shape }) }
  zeros(dtype: DType, shape: readonly Dim[]): V { return this.ctx.emit('fill', [], { shape, value: fromNumbers(dtype, [], [0]) }) }
  sum(x: V, axes: readonly number[], keepdims: boolean): V { return axes.length === 0 ? x : this.unary('reduce_sum', x, { axes, keepdims }) }
  transpose(x: V, perm: readonly number[]): V { return this.unary('transpose', x, { perm }) }
  slice(x: V, axis: number, start: Dim, size: Dim): V { return this.unary('slice', x, { axes: [axis], starts: [start], steps: [1], sizes: [size] }) }

  #binary(op: string, a: V | number, b: V | number): V {
    const { ctx } = this
    const dtype = ctx.dtype((typeof a === 'number' ? b : a) as V)
    const value = (x: V | number): V => (typeof x === 'number' ? ctx.scalar(dtype, x) : x)
    return ctx.emit(op, [value(a), value(b)], {})
  }
}

const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean => a.length === b.length && a.every((d, i) => dimsEqual(d, b[i] as Dim))

/** `dy` summed over the axes along which an operand of `shape` was stretched. */
export function sumTo<V>(ctx: GradContext<V>, dy: V, shape: readonly Dim[]): V {
  const from = ctx.shape(dy)
  const missing = from.length - shape.length
  const axes = from.flatMap((d, i) => (i < missing || (shape[i - missing] === 1 && d !== 1) ? [i] : []))
  if (axes.length === 0) return dy
  const math = new GradMath(ctx)
  return math.reshape(math.sum(dy, axes, true), shape)
}

/** The shape of input `i`. */
export function inputShape(call: GradCall<unknown, unknown>, i: number): readonly Dim[] {
  return call.types.inputs[i]?.shape ?? []
}

/** The dtype of input `i`. */
export function inputDType(call: GradCall<unknown, unknown>, i: number): DType {
  return call.types.inputs[i]?.dtype ?? 'float32'
}

/** True where input `i` is a float, so that it can have a gradient. */
export function isFloatInput(call: GradCall<unknown, unknown>, i: number): boolean {
  return DTYPES[inputDType(call, i)].kind === 'float'
}

/** Formula of a gradient of one saved value. */
export type Formula<A = unknown> = <V>(math: GradMath<V>, saved: V, dy: V, attrs: A) => V

/** The rule of an op of one input whose gradient is computed from that input. */
export function fromInput<A = unknown>(formula: Formula<A>): GradRule<A> {
  return {
    saves: () => ({ inputs: [0], outputs: [] }),
    backward: <V>(ctx: GradContext<V>, { inputs, attrs }: GradCall<V, A>, [dy]: readonly (V | null)[]) => [dy == null ? null : formula(new GradMath(ctx), inputs[0] as V, dy, attrs)],
  }
}

/** The rule of an op of one input whose gradient is computed from its result. */
export function fromOutput<A = unknown>(formula: Formula<A>): GradRule<A> {
  return {
    saves: () => ({ inputs: [], outputs: [0] }),
    backward: <V>(ctx: GradContext<V>, { outputs, attrs }: GradCall<V, A>, [dy]: readonly (V | null)[]) => [dy == null ? null : formula(new GradMath(ctx), outputs[0] as V, dy, attrs)],
  }
}

/** The rule of a linear op of one input: nothing is saved, and the formula sees the call's types. */
export function linear<A = unknown>(formula: <V>(math: GradMath<V>, dy: V, call: GradCall<V, A>) => V): GradRule<A> {
  return {
    saves: () => ({ inputs: [], outputs: [] }),
    backward: <V>(ctx: GradContext<V>, call: GradCall<V, A>, [dy]: readonly (V | null)[]) => [dy == null ? null : formula(new GradMath(ctx), dy, call)],
  }
}

/** The rule of an op whose result does not change when its input does a little. */
export function zeroGradient<A = unknown>(): GradRule<A> {
  return { saves: () => ({ inputs: [], outputs: [] }), backward: (_, call) => call.types.inputs.map(() => null) }
}

/** One operand's gradient of an op of two that broadcast, before it is summed to the operand's shape. */
export interface OperandGradient {
  /** The operands that it needs. */
  readonly needs: readonly (0 | 1)[]
  readonly of: <V>(math: GradMath<V>, dy: V, a: V, b: V) => V
}

/** The rule of an op of two operands; what is saved is what the gradients that are wanted need. */
export function ofOperands(a: OperandGradient, b: OperandGradient): GradRule<unknown> {
  const both = [a, b] as const
  return {
    saves: (_, wants) => ({ inputs: [0, 1].filter((i) => both.some((g, k) => wants[k] === true && g.needs.includes(i as 0 | 1))), outputs: [] }),
    backward: <V>(ctx: GradContext<V>, call: GradCall<V, unknown>, [dy]: readonly (V | null)[], wants: readonly boolean[]) => {
      const math = new GradMath(ctx)
      return both.map((g, i) => (dy == null || wants[i] !== true ? null : sumTo(ctx, g.of(math, dy, call.inputs[0] as V, call.inputs[1] as V), inputShape(call, i))))
    },
  }
}
