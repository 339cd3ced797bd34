/** Elementwise ops whose inputs differ in role or dtype: where, prelu, pow. */
import { DTYPES, type DType } from '../../base/dtype.js'
import * as dims from '../dims.js'
import type { Dim } from '../dims.js'
import { binary, cast, REGISTER, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import { GradMath, inputDType, inputShape, sumTo } from '../gradients.js'
import { defineOp, type GradCall, type GradContext, type GradRule, type Op } from '../op.js'
import { tensorType } from '../types.js'
import { preluGrad } from './binary-grad.js'
import { broadcastShapes } from './broadcast.js'
import { convertElement } from './convert.js'
import type { Element } from './elements.js'
import { applyElementwise, elementwiseReference, onlyOutput, required, symbolicElementwise } from './elementwise.js'
import { ifNegative, number, times } from './expressions.js'
import { checkSameDType, FLOATS, NUMBERS, tensorInput } from './operands.js'

/** Each choice gets the gradient where it was chosen. */
const chosenGradient: GradRule<unknown> = {
  saves: () => ({ inputs: [0], outputs: [] }),
  backward<V>(ctx: GradContext<V>, call: GradCall<V, unknown>, [dy]: readonly (V | null)[], wants: readonly boolean[]) {
    const g = new GradMath(ctx)
    if (dy == null) return [null, null, null]
    const [chosen] = call.inputs as readonly V[], zeros = g.zeros(ctx.dtype(dy), [])
    const of = (i: 1 | 2): V | null => (wants[i] === true ? sumTo(ctx, ctx.emit('where', i === 1 ? [chosen as V, dy, zeros] : [chosen as V, zeros, dy], {}), inputShape(call, i)) : null)
    return [null, of(1), of(2)]
  },
}

/** dy · e · xᵉ⁻¹, which is 0 for e = 0 also where x is 0; and dy · y · log x, which is 0 for x = 0 where the power is. Source: torch's pow_backward. */
const powerGradient: GradRule<unknown> = {
  saves: (_, wants) => ({ inputs: [0, 1], outputs: wants[1] === true ? [0] : [] }),
  backward<V>(ctx: GradContext<V>, call: GradCall<V, unknown>, [dy]: readonly (V | null)[], wants: readonly boolean[]) {
    const g = new GradMath(ctx)
    if (dy == null) return [null, null]
    const [x, exponent] = call.inputs as readonly [V, V]
    const e = g.cast(exponent, ctx.dtype(x)), zeros = g.zeros(ctx.dtype(dy), [])
    const dx = (): V => ctx.emit('where', [g.binary('eq', e, 0), zeros, g.mul(dy, g.mul(e, g.pow(x, g.sub(e, 1))))], {})
    const isZero = (): V => g.binary('logical_and', g.binary('eq', x, 0), g.binary('ge', e, 0))
    const de = (): V => ctx.emit('where', [isZero(), zeros, g.mul(dy, g.mul(call.outputs[0] as V, g.unary('log', x)))], {})
    return [wants[0] === true ? sumTo(ctx, dx(), inputShape(call, 0)) : null, wants[1] === true ? sumTo(ctx, g.cast(de(), inputDType(call, 1)), inputShape(call, 1)) : null]
  },
}

const where = defineOp({
  name: 'where', doc: 'The second input where the first is true, else the third.', source: 'ONNX Where-16; torch.where',
  attrs: {}, pattern: 'elementwise',
  infer(call, ctx) {
    const condition = tensorInput(call, 0, ['bool']), a = tensorInput(call, 1), b = tensorInput(call, 2)
    checkSameDType(a, b, 'the two choices of where')
    return [tensorType(a.dtype, broadcastShapes([condition.shape, a.shape, b.shape], ctx))]
  },
  symbolic: (call, output) => symbolicElementwise(call, output, (c, a, b) => dims.select(c as Dim, a as Dim, b as Dim)),
  reference: ({ inputs, outputs }) => [applyElementwise((c: number, a: Element, b: Element) => (c !== 0 ? a : b), required(inputs), onlyOutput(outputs))],
  scalar: ([c, a, b]) => selectExpr(c as Expr, a as Expr, b as Expr),
  grad: chosenGradient,
  samples: [
    { inputs: [{ dtype: 'bool', shape: [3, 1] }, { dtype: 'float32', shape: [4] }, { dtype: 'float32', shape: [] }], attrs: {} },
    { inputs: [{ dtype: 'bool', shape: [] }, { dtype: 'int64', shape: [2, 3] }, { dtype: 'int64', shape: [1, 3] }], attrs: {} },
    { inputs: [{ dtype: 'bool', shape: [5] }, { dtype: 'float16', shape: [5] }, { dtype: 'float16', shape: [5] }], attrs: {} },
    { inputs: [{ dtype: 'bool', shape: [2, 2] }, { dtype: 'bool', shape: [2, 2] }, { dtype: 'bool', shape: [2] }], attrs: {} },
    { inputs: [{ dtype: 'bool', shape: [0, 2] }, { dtype: 'uint8', shape: [2] }, { dtype: 'uint8', shape: [1] }], attrs: {} },
  ],
})

const prelu = defineOp({
  name: 'prelu', doc: 'The first input, times the second where it is below zero.', source: 'ONNX PRelu-16; torch.nn.functional.prelu',
  attrs: {}, pattern: 'elementwise',
  infer(call, ctx) {
    const x = tensorInput(call, 0, NUMBERS), slope = tensorInput(call, 1, NUMBERS)
    checkSameDType(x, slope, 'the input and the slope of prelu')
    return [tensorType(x.dtype, broadcastShapes([x.shape, slope.shape], ctx))]
  },
  reference: (call) => elementwiseReference({
    float: (x: number, slope: number) => (x < 0 ? x * slope : x),
    int: (x: number, slope: number) => (x < 0 ? Math.imul(x, slope) : x),
    big: (x: bigint, slope: bigint) => (x < 0n ? x * slope : x),
  }, call),
  scalar: ([x, slope], _, output) => ifNegative(REGISTER[output], x as Expr, times(x as Expr, slope as Expr), x as Expr),
  grad: preluGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 4] }, { dtype: 'float32', shape: [3, 1] }], attrs: {} },
    { inputs: [{ dtype: 'float16', shape: [5] }, { dtype: 'float16', shape: [] }], attrs: {} },
    { inputs: [{ dtype: 'int32', shape: [6], range: [-9, 9] }, { dtype: 'int32', shape: [6] }], attrs: {} },
    { inputs: [{ dtype: 'float64', shape: [0] }, { dtype: 'float64', shape: [1] }], attrs: {} },
  ],
})

/** An integer power, exact before it wraps. Negative exponents truncate: 0 but for bases 1 and -1. */
function integerPower(base: bigint, exponent: bigint, bits: number): bigint {
  if (exponent < 0n) return base === 1n ? 1n : base === -1n ? (exponent % 2n === 0n ? 1n : -1n) : 0n
  let result = 1n, square = base
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e % 2n === 1n) result = BigInt.asIntN(bits, result * square)
    square = BigInt.asIntN(bits, square * square)
  }
  return result
}

/** `base ** exponent` of doubles as C's pow has it: 1 for a base of 1, and for a base of -1 and an infinite exponent. */
function power(base: number, exponent: number): number {
  return base === 1 || (base === -1 && Math.abs(exponent) === Infinity) ? 1 : base ** exponent
}

/** The power of an integer: exact for whole exponents of any dtype, else computed in double and truncated. */
function powerOfInteger(dtype: DType): (base: Element, exponent: Element) => Element {
  const { bits } = DTYPES[dtype]
  const store = convertElement('float64', dtype)
  const own = convertElement('int64', dtype)
  return (base, exponent) => {
    const whole = typeof exponent === 'bigint' || Number.isInteger(exponent)
    return whole ? own(integerPower(BigInt(base), BigInt(exponent), bits)) : store(power(Number(base), exponent))
  }
}

/** The exponent's dtype is not known to the expression, so whether it is whole is asked of its value. */
function powerExpr(x: Expr, e: Expr, t: RegisterType): Expr {
  if (t === 'f32' || t === 'f64') return binary('pow', x, cast(t, e))
  const exponent = cast('f64', e)
  const exact = binary('pow', x, cast(t, e))
  const one = number(t, 1)
  const guarded = t === 'i32' || t === 'i64' ? exact : selectExpr(binary('lt', exponent, number('f64', 0)), selectExpr(binary('eq', x, one), one, number(t, 0)), exact)
  return selectExpr(binary('eq', unary('trunc', exponent), exponent), guarded, cast(t, binary('pow', cast('f64', x), exponent)))
}

const pow = defineOp({
  name: 'pow', doc: 'The first input to the power of the second, in the dtype of the first; whole powers of integers are exact and wrap, others truncate.', source: 'ONNX Pow-15; torch.pow',
  attrs: {}, pattern: 'elementwise',
  infer(call, ctx) {
    const x = tensorInput(call, 0, NUMBERS), exponent = tensorInput(call, 1, NUMBERS)
    return [tensorType(x.dtype, broadcastShapes([x.shape, exponent.shape], ctx))]
  },
  reference({ inputs, outputs }) {
    const output = onlyOutput(outputs)
    const f = FLOATS.includes(output.dtype) ? (base: number, exponent: Element): number => power(base, Number(exponent)) : powerOfInteger(output.dtype)
    return [applyElementwise(f, required(inputs), output)]
  },
  scalar: ([x, e], _, output) => powerExpr(x as Expr, e as Expr, REGISTER[output]),
  grad: powerGradient,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3], range: [0.1, 4] }, { dtype: 'float32', shape: [], data: [2.5] }], attrs: {} },
    { inputs: [{ dtype: 'float32', shape: [5], data: [-2, 0, 1, -1, 2] }, { dtype: 'int64', shape: [5], data: [3, 0, -4, -3, -2] }], attrs: {} },
    { inputs: [{ dtype: 'int32', shape: [6], data: [3, -2, 7, 2, 0, -1] }, { dtype: 'int32', shape: [6], data: [19, 31, 13, -1, 0, -3] }], attrs: {} },
    { inputs: [{ dtype: 'int64', shape: [3], data: [3, -5, 9] }, { dtype: 'float32', shape: [3], data: [2, 3, 0.5] }], attrs: {} },
    { inputs: [{ dtype: 'uint8', shape: [3], data: [2, 3, 1] }, { dtype: 'int32', shape: [3], data: [9, -1, -5] }], attrs: {} },
    { inputs: [{ dtype: 'float16', shape: [0, 2] }, { dtype: 'float16', shape: [2] }], attrs: {} },
  ],
})

/** Elementwise ops of inputs in different roles. */
export const CHOICES: readonly Op[] = [where, prelu, pow]
