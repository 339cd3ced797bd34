/** Elementwise ops of one input with attributes: one row each. */
import type { DType } from '../../base/dtype.js'
import { erf } from '../../base/erf.js'
import { binary, constant, REGISTER, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import { defineOp, type AttrSchema, type AttrsOf, type GradRule, type Op, type Sample } from '../op.js'
import { tensorType } from '../types.js'
import { celuGrad, clipGrad, eluGrad, geluGrad, hardSigmoidGrad, leakyReluGrad, seluGrad, shrinkGrad, swishGrad, thresholdedReluGrad } from './activations-grad.js'
import { elementwiseReference } from './elementwise.js'
import { greatest, ifNegative, least, logistic, minus, negated, number, over, plus, times } from './expressions.js'
import { checkAttribute, FLOATS, INTEGERS, tensorInput } from './operands.js'

interface ActivationRow<S extends AttrSchema> {
  readonly doc: string
  readonly source: string
  readonly attrs: S
  readonly float: (x: number, attrs: AttrsOf<S>) => number | boolean
  readonly result?: DType
  readonly scalar: (x: Expr, attrs: AttrsOf<S>, type: RegisterType) => Expr
  readonly check?: (attrs: AttrsOf<S>) => void
  readonly grad?: GradRule<AttrsOf<S>>
  readonly examples: readonly [AttrsOf<S>, ...AttrsOf<S>[]]
}

const EDGES = [NaN, Infinity, -Infinity, 0, -0.5, 1, -3, 3]

function defineActivation<const S extends AttrSchema>(name: string, row: ActivationRow<S>): Op {
  const [first] = row.examples
  const samples: Sample<AttrsOf<S>>[] = [
    { inputs: [{ dtype: 'float32', shape: [EDGES.length], data: EDGES }], attrs: first },
    { inputs: [{ dtype: 'float16', shape: [], range: [-4, 4] }], attrs: first },
    { inputs: [{ dtype: 'bfloat16', shape: [5], range: [-4, 4] }], attrs: first },
    { inputs: [{ dtype: 'float64', shape: [2, 0] }], attrs: first },
    ...row.examples.map((attrs): Sample<AttrsOf<S>> => ({ inputs: [{ dtype: 'float32', shape: [3, 5], range: [-6, 6] }], attrs })),
  ]
  return defineOp<S>({
    name, doc: row.doc, source: row.source, attrs: row.attrs, pattern: 'elementwise',
    infer(call) {
      const x = tensorInput(call, 0, FLOATS)
      row.check?.(call.attrs)
      return [tensorType(row.result ?? x.dtype, x.shape)]
    },
    reference: (call) => elementwiseReference({ float: (x: number) => row.float(x, call.attrs) }, call),
    scalar: ([x], attrs, output) => row.scalar(x as Expr, attrs, REGISTER[output]),
    ...(row.grad !== undefined && { grad: row.grad }),
    samples,
  })
}

const GELU_TANH = Math.sqrt(2 / Math.PI)

const isinf = defineActivation('isinf', {
  doc: 'True where the input is an infinity of a sign that is asked for.', source: 'ONNX IsInf-20; torch.isinf',
  attrs: { detect_negative: 'bool', detect_positive: 'bool' }, result: 'bool',
  float: (x, a) => (x === Infinity && a.detect_positive) || (x === -Infinity && a.detect_negative),
  // The input's register type is not known here, so signs are told by comparing with the negated input.
  scalar(x, a) {
    if (!a.detect_positive && !a.detect_negative) return constant('bool', 0)
    const isInfinite = unary('isinf', x)
    if (a.detect_positive && a.detect_negative) return isInfinite
    return binary('and', isInfinite, binary(a.detect_positive ? 'gt' : 'lt', x, negated(x)))
  },
  examples: [{ detect_negative: true, detect_positive: true }, { detect_negative: false, detect_positive: true }, { detect_negative: true, detect_positive: false }, { detect_negative: false, detect_positive: false }],
})

const gelu = defineActivation('gelu', {
  doc: 'x * Φ(x) with the normal distribution Φ by erf, or approximated with tanh.', source: 'ONNX Gelu-20; torch.nn.functional.gelu', attrs: { approximate: 'string' },
  check: (a) => checkAttribute(a.approximate === 'none' || a.approximate === 'tanh', `approximate '${a.approximate}' must be 'none' or 'tanh'`),
  float: (x, a) => 0.5 * x * (1 + (a.approximate === 'tanh' ? Math.tanh(GELU_TANH * (x + 0.044715 * x * x * x)) : erf(x / Math.SQRT2))),
  scalar(x, a, t) {
    const cubic = times(number(t, GELU_TANH), plus(x, times(number(t, 0.044715), times(x, times(x, x)))))
    const inner = a.approximate === 'tanh' ? unary('tanh', cubic) : unary('erf', times(x, number(t, Math.SQRT1_2)))
    return times(times(number(t, 0.5), x), plus(number(t, 1), inner))
  },
  grad: geluGrad,
  examples: [{ approximate: 'none' }, { approximate: 'tanh' }],
})

const hardSigmoid = defineActivation('hard_sigmoid', {
  doc: 'max(0, min(1, alpha * x + beta)).', source: 'ONNX HardSigmoid-22; torch.nn.functional.hardsigmoid', attrs: { alpha: 'float', beta: 'float' },
  float: (x, a) => Math.max(0, Math.min(1, a.alpha * x + a.beta)),
  scalar: (x, a, t) => greatest(number(t, 0), least(number(t, 1), plus(times(number(t, a.alpha), x), number(t, a.beta)))),
  grad: hardSigmoidGrad,
  examples: [{ alpha: 0.2, beta: 0.5 }, { alpha: 1 / 6, beta: 0.5 }],
})

const leakyRelu = defineActivation('leaky_relu', {
  doc: 'x, times alpha below zero.', source: 'ONNX LeakyRelu-16; torch.nn.functional.leaky_relu', attrs: { alpha: 'float' },
  float: (x, a) => (x < 0 ? a.alpha * x : x), scalar: (x, a, t) => ifNegative(t, x, times(number(t, a.alpha), x), x), grad: leakyReluGrad, examples: [{ alpha: 0.01 }, { alpha: 0.3 }],
})

const expm1Times = (t: RegisterType, alpha: number, x: Expr): Expr => times(number(t, alpha), unary('expm1', x))

const elu = defineActivation('elu', {
  doc: 'x, and alpha * (exp(x) - 1) below zero.', source: 'ONNX Elu-22; torch.nn.functional.elu', attrs: { alpha: 'float' },
  float: (x, a) => (x < 0 ? a.alpha * Math.expm1(x) : x), scalar: (x, a, t) => ifNegative(t, x, expm1Times(t, a.alpha, x), x), grad: eluGrad, examples: [{ alpha: 1 }, { alpha: 2.5 }],
})

const selu = defineActivation('selu', {
  doc: 'gamma * x, and gamma * alpha * (exp(x) - 1) below zero.', source: 'ONNX Selu-22; torch.nn.functional.selu', attrs: { alpha: 'float', gamma: 'float' },
  float: (x, a) => a.gamma * (x < 0 ? a.alpha * Math.expm1(x) : x),
  scalar: (x, a, t) => times(number(t, a.gamma), ifNegative(t, x, expm1Times(t, a.alpha, x), x)), grad: seluGrad, examples: [{ alpha: 1.67326, gamma: 1.0507 }],
})

const celu = defineActivation('celu', {
  doc: 'max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).', source: 'ONNX Celu-12; torch.nn.functional.celu', attrs: { alpha: 'float' },
  float: (x, a) => Math.max(0, x) + Math.min(0, a.alpha * Math.expm1(x / a.alpha)),
  scalar: (x, a, t) => plus(greatest(number(t, 0), x), least(number(t, 0), expm1Times(t, a.alpha, over(x, number(t, a.alpha))))), grad: celuGrad, examples: [{ alpha: 1 }, { alpha: 2 }],
})

const thresholdedRelu = defineActivation('thresholded_relu', {
  doc: 'x where it is above alpha, else 0.', source: 'ONNX ThresholdedRelu-22', attrs: { alpha: 'float' },
  float: (x, a) => (x > a.alpha ? x : 0), scalar: (x, a, t) => selectExpr(binary('gt', x, number(t, a.alpha)), x, number(t, 0)), grad: thresholdedReluGrad, examples: [{ alpha: 1 }, { alpha: -0.5 }],
})

const shrink = defineActivation('shrink', {
  doc: 'x moved towards zero by bias where |x| is above lambd, else 0.', source: 'ONNX Shrink-9; torch.nn.functional.hardshrink and softshrink', attrs: { bias: 'float', lambd: 'float' },
  float: (x, a) => (x < -a.lambd ? x + a.bias : x > a.lambd ? x - a.bias : 0),
  scalar: (x, a, t) => selectExpr(binary('lt', x, number(t, -a.lambd)), plus(x, number(t, a.bias)), selectExpr(binary('gt', x, number(t, a.lambd)), minus(x, number(t, a.bias)), number(t, 0))),
  grad: shrinkGrad,
  examples: [{ bias: 0, lambd: 0.5 }, { bias: 1.5, lambd: 1.5 }],
})

const swish = defineActivation('swish', {
  doc: 'x * sigmoid(alpha * x).', source: 'ONNX Swish-24', attrs: { alpha: 'float' },
  float: (x, a) => x * (1 / (1 + Math.exp(-a.alpha * x))), scalar: (x, a, t) => times(x, logistic(t, times(number(t, a.alpha), x))), grad: swishGrad, examples: [{ alpha: 1 }, { alpha: 1.702 }],
})

const clip = defineOp({
  name: 'clip', doc: 'min(max(x, min), max), so max where min is above it; an infinite bound does not bind; NaN stays.', source: 'ONNX Clip-13; torch.clamp',
  attrs: { min: 'float', max: 'float' }, pattern: 'elementwise',
  infer(call) {
    const x = tensorInput(call, 0, [...FLOATS, ...INTEGERS])
    const { min, max } = call.attrs
    const whole = [min, max].every((bound) => Number.isInteger(bound) || Math.abs(bound) === Infinity)
    checkAttribute(FLOATS.includes(x.dtype) ? !Number.isNaN(min) && !Number.isNaN(max) : whole, `bounds ${min} and ${max} are not values of ${x.dtype}`)
    return [tensorType(x.dtype, x.shape)]
  },
  reference(call) {
    const { min, max } = call.attrs
    const between = (x: number): number => Math.min(Math.max(x, min), max)
    // Bigints compare with numbers exactly; an infinite bound is never returned.
    const betweenBig = (x: bigint): bigint => { const y = x < min ? BigInt(min) : x; return y > max ? BigInt(max) : y }
    return elementwiseReference({ float: between, int: between, big: betweenBig }, call)
  },
  scalar([x], { min, max }, output) {
    const t = REGISTER[output]
    const low = min === -Infinity ? (x as Expr) : greatest(x as Expr, number(t, min))
    return max === Infinity ? low : least(low, number(t, max))
  },
  grad: clipGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [8], data: EDGES }], attrs: { min: -1, max: 2 } },
    { inputs: [{ dtype: 'float16', shape: [3, 3], range: [-9, 9] }], attrs: { min: 0, max: 6 } },
    { inputs: [{ dtype: 'float32', shape: [5], range: [-9, 9] }], attrs: { min: 2, max: -2 } },
    { inputs: [{ dtype: 'int64', shape: [6], range: [-9, 9] }], attrs: { min: -3, max: Infinity } },
    { inputs: [{ dtype: 'uint8', shape: [], data: [200] }], attrs: { min: -Infinity, max: 100 } },
  ],
})

/** The elementwise ops of one input with attributes. */
export const ACTIVATIONS: readonly Op[] = [isinf, gelu, hardSigmoid, leakyRelu, elu, selu, celu, thresholdedRelu, shrink, swish, clip]
