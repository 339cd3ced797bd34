/** Building blocks of gradient rules: arithmetic wherever gradients are built, sums over what was broadcast, and rules of a common form. */
import type { DType } from '../base/dtype.js'
import { dimsEqual, type Dim } from './dims.js'
import type { Attrs } from './graph.js'
import { fromNumbers } from './host-tensor.js'
import type { GradCall, GradContext, GradRule } from './op.js'

/** Arithmetic on gradients; numbers take the dtype of the other operand. */
export class GradMath<V> {
  readonly ctx: GradContext<V>

  constructor(ctx: GradContext<V>) { this.ctx = ctx }

  /** The (first) result of any op. */
  op(name: string, inputs: readonly (V | null)[], attrs: Attrs = {}): V { return this.ctx.emit(name, inputs, attrs) }
  add(a: V, b: V | number): V { return this.#binary('add', a, b) }
  sub(a: V | number, b: V | number): V { return this.#binary('sub', a, b) }
  mul(a: V, b: V | number): V { return this.#binary('mul', a, b) }
  div(a: V | number, b: V | number): V { return this.#binary('div', a, b) }
  pow(a: V, b: V | number): V { return this.#binary('pow', a, b) }
  /** A comparison or another op of two operands of one dtype. */
  binary(op: string, a: V, b: V | number): V { return this.#binary(op, a, b) }
  unary(op: string, x: V, attrs: Attrs = {}): V { return this.ctx.emit(op, [x], attrs) }
  neg(x: V): V { return this.unary('neg', x) }
  square(x: V): V { return this.mul(x, x) }
  /** `a` where `condition` holds, else `b`. */
  where(condition: V, a: V, b: number): V
  where(condition: V, a: V | number, b: V): V
  where(condition: V, a: V | number, b: V | number): V { return this.ctx.emit('where', [condition, ...this.#operands(a, b)], {}) }
  cast(x: V, to: DType): V { return this.ctx.dtype(x) === to ? x : this.unary('cast', x, { to }) }
  reshape(x: V, shape: readonly Dim[]): V { return sameShape(this.ctx.shape(x), shape) ? x : this.unary('reshape', x, { shape }) }
  expand(x: V, shape: readonly Dim[]): V { return sameShape(this.ctx.shape(x), shape) ? x : this.unary('expand', x, { shape }) }
  /** A tensor full of one value. */
  full(dtype: DType, shape: readonly Dim[], value: number): V { return this.ctx.emit('fill', [], { shape, value: fromNumbers(dtype, [], [value]) }) }
  zeros(dtype: DType, shape: readonly Dim[]): V { return this.full(dtype, shape, 0) }
  /** An extent as a constant of rank 0. */
  extent(dtype: DType, d: Dim): V { return typeof d === 'number' ? this.ctx.scalar(dtype, d) : this.cast(this.ctx.emit('dims_tensor', [], { dims: [d], shape: [], dtype: 'int64' }), dtype) }
  /** The sum over ascending `axes`. */
  sum(x: V, axes: readonly number[], keepdims: boolean): V { return axes.length === 0 ? x : this.unary('reduce_sum', x, { axes, keepdims }) }
  /** The mean over ascending `axes`, which stay with extent 1. */
  mean(x: V, axes: readonly number[]): V { return axes.length === 0 ? x : this.unary('reduce_mean', x, { axes, keepdims: true }) }
  transpose(x: V, perm: readonly number[]): V { return perm.every((p, i) => p === i) ? x : this.unary('transpose', x, { perm }) }
  slice(x: V, axis: number, start: Dim, size: Dim): V { return this.unary('slice', x, { axes: [axis], starts: [start], steps: [1], sizes: [size] }) }

  #binary(op: string, a: V | number, b: V | number): V { return this.ctx.emit(op, this.#operands(a, b), {}) }

  #operands(a: V | number, b: V | number): readonly [V, V] {
    const { ctx } = this
    const dtype = ctx.dtype((typeof a === 'number' ? b : a) as V)
    const value = (x: V | number): V => (typeof x === 'number' ? ctx.scalar(dtype, x) : x)
    return [value(a), value(b)]
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

/** The rule of an op of one input whose result is constant between jumps: zeros, which unlike no gradient are accumulated. */
export function zeroGradient<A = unknown>(): GradRule<A> {
  return linear((g, dy) => g.zeros(g.ctx.dtype(dy), g.ctx.shape(dy)))
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
