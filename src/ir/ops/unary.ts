/** Elementwise ops of one input without attributes: one row each. */
import type { DType } from '../../base/dtype.js'
import { erf } from '../../base/erf.js'
import * as dims from '../dims.js'
import type { Dim } from '../dims.js'
import { roundHalfEven } from '../kernel/arithmetic.js'
import { constant, REGISTER, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import { defineOp, type Op, type Sample, type SampleInput } from '../op.js'
import { tensorType } from '../types.js'
import { dtypesOf, elementwiseReference, symbolicElementwise, type ElementFunctions } from './elementwise.js'
import { greatest, least, logistic, number, over, plus, softplus, times } from './expressions.js'
import { FLOATS, tensorInput } from './operands.js'
import { UNARY_GRADS } from './unary-grad.js'

interface UnaryRow extends ElementFunctions {
  readonly doc: string
  readonly source: string
  /** The result's dtype where it is not the input's. */
  readonly result?: DType
  readonly scalar: (x: Expr, type: RegisterType) => Expr
  readonly symbolic?: (x: Dim) => Dim
  /** Where sample elements are drawn from. */
  readonly range?: readonly [number, number]
  /** Elements that are worth a sample of their own. */
  readonly special?: readonly number[]
}

const kernelOp = (op: Parameters<typeof unary>[0]) => (x: Expr): Expr => unary(op, x)
const absDim = (x: Dim): Dim => dims.max(x, dims.mul(-1, x))
const signDim = (x: Dim): Dim => dims.sub(dims.lt(0, x), dims.lt(x, 0))

const EDGES = [NaN, Infinity, -Infinity, 0, -1.5, 1e30]

const TABLE = {
  neg: { doc: 'The negated input; integers wrap.', source: 'ONNX Neg-13; torch.neg', float: (x) => -x, int: (x) => -x, big: (x) => -x, scalar: kernelOp('neg'), symbolic: (x) => dims.mul(-1, x) },
  abs: { doc: 'The absolute value.', source: 'ONNX Abs-13; torch.abs', float: Math.abs, int: Math.abs, big: (x) => (x < 0n ? -x : x), scalar: kernelOp('abs'), symbolic: absDim },
  sign: { doc: 'Minus one, zero or one; NaN stays NaN.', source: 'ONNX Sign-13; torch.sign', float: Math.sign, int: Math.sign, big: (x) => (x < 0n ? -1n : x > 0n ? 1n : 0n), scalar: kernelOp('sign'), symbolic: signDim, special: EDGES },
  sqrt: { doc: 'The square root; NaN below zero.', source: 'ONNX Sqrt-13; torch.sqrt', float: Math.sqrt, scalar: kernelOp('sqrt'), range: [0, 9], special: EDGES },
  rsqrt: { doc: 'One over the square root.', source: 'torch.rsqrt', float: (x) => 1 / Math.sqrt(x), scalar: kernelOp('rsqrt'), range: [0.1, 9] },
  reciprocal: { doc: 'One over the input.', source: 'ONNX Reciprocal-13; torch.reciprocal', float: (x) => 1 / x, scalar: kernelOp('recip'), range: [0.5, 4], special: EDGES },
  exp: { doc: 'The exponential function.', source: 'ONNX Exp-13; torch.exp', float: Math.exp, scalar: kernelOp('exp'), range: [-5, 5], special: [NaN, Infinity, -Infinity, 0, -200, 200] },
  log: { doc: 'The natural logarithm; minus infinity at zero, NaN below.', source: 'ONNX Log-13; torch.log', float: Math.log, scalar: kernelOp('log'), range: [0.1, 9], special: EDGES },
  sin: { doc: 'The sine of an angle in radians.', source: 'ONNX Sin-22; torch.sin', float: Math.sin, scalar: kernelOp('sin'), range: [-9, 9] },
  cos: { doc: 'The cosine of an angle in radians.', source: 'ONNX Cos-22; torch.cos', float: Math.cos, scalar: kernelOp('cos'), range: [-9, 9] },
  tan: { doc: 'The tangent of an angle in radians.', source: 'ONNX Tan-22; torch.tan', float: Math.tan, scalar: kernelOp('tan') },
  asin: { doc: 'The angle whose sine is the input.', source: 'ONNX Asin-22; torch.asin', float: Math.asin, scalar: kernelOp('asin') },
  acos: { doc: 'The angle whose cosine is the input.', source: 'ONNX Acos-22; torch.acos', float: Math.acos, scalar: kernelOp('acos') },
  atan: { doc: 'The angle whose tangent is the input.', source: 'ONNX Atan-22; torch.atan', float: Math.atan, scalar: kernelOp('atan'), range: [-9, 9] },
  sinh: { doc: 'The hyperbolic sine.', source: 'ONNX Sinh-22; torch.sinh', float: Math.sinh, scalar: kernelOp('sinh'), range: [-4, 4] },
  cosh: { doc: 'The hyperbolic cosine.', source: 'ONNX Cosh-22; torch.cosh', float: Math.cosh, scalar: kernelOp('cosh'), range: [-4, 4] },
  tanh: { doc: 'The hyperbolic tangent.', source: 'ONNX Tanh-13; torch.tanh', float: Math.tanh, scalar: kernelOp('tanh'), range: [-4, 4], special: EDGES },
  asinh: { doc: 'The inverse hyperbolic sine.', source: 'ONNX Asinh-22; torch.asinh', float: Math.asinh, scalar: kernelOp('asinh'), range: [-9, 9] },
  acosh: { doc: 'The inverse hyperbolic cosine; NaN below one.', source: 'ONNX Acosh-22; torch.acosh', float: Math.acosh, scalar: kernelOp('acosh'), range: [1.1, 9] },
  atanh: { doc: 'The inverse hyperbolic tangent.', source: 'ONNX Atanh-22; torch.atanh', float: Math.atanh, scalar: kernelOp('atanh'), range: [-0.9, 0.9] },
  erf: { doc: 'The Gauss error function.', source: 'ONNX Erf-13; torch.erf', float: erf, scalar: kernelOp('erf'), range: [-4, 4], special: EDGES },
  floor: { doc: 'The greatest integer not above the input.', source: 'ONNX Floor-13; torch.floor', float: Math.floor, scalar: kernelOp('floor'), range: [-9, 9], special: EDGES },
  ceil: { doc: 'The least integer not below the input.', source: 'ONNX Ceil-13; torch.ceil', float: Math.ceil, scalar: kernelOp('ceil'), range: [-9, 9], special: EDGES },
  round: { doc: 'The nearest integer, halves to the even one.', source: 'ONNX Round-22; torch.round', float: roundHalfEven, scalar: kernelOp('round'), range: [-9, 9], special: [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1e30] },
  logical_not: { doc: 'True where the input is false.', source: 'ONNX Not-1; torch.logical_not', bool: (x) => x === 0, scalar: kernelOp('not'), symbolic: (x) => dims.eq(x, 0) },
  bitwise_not: { doc: 'Every bit inverted.', source: 'ONNX BitwiseNot-18; torch.bitwise_not', int: (x) => ~x, big: (x) => ~x, scalar: kernelOp('bitnot') },
  isnan: { doc: 'True where the input is NaN.', source: 'ONNX IsNaN-20; torch.isnan', result: 'bool', float: Number.isNaN, scalar: kernelOp('isnan'), special: EDGES },
  relu: { doc: 'The input where it is positive, else zero.', source: 'ONNX Relu-14; torch.relu', float: (x) => Math.max(x, 0), int: (x) => Math.max(x, 0), big: (x) => (x > 0n ? x : 0n), scalar: (x, t) => greatest(x, number(t, 0)), symbolic: (x) => dims.max(x, 0), special: EDGES },
  sigmoid: { doc: 'The logistic function 1 / (1 + exp(-x)).', source: 'ONNX Sigmoid-13; torch.sigmoid', float: (x) => 1 / (1 + Math.exp(-x)), scalar: (x, t) => logistic(t, x), range: [-6, 6], special: EDGES },
  softplus: { doc: 'log(1 + exp(x)).', source: 'ONNX Softplus-22; torch.nn.functional.softplus', float: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), scalar: (x, t) => softplus(t, x), range: [-6, 6], special: EDGES },
  softsign: { doc: 'x / (1 + |x|).', source: 'ONNX Softsign-22; torch.nn.functional.softsign', float: (x) => x / (1 + Math.abs(x)), scalar: (x, t) => over(x, plus(number(t, 1), unary('abs', x))), range: [-6, 6] },
  silu: { doc: 'x * sigmoid(x).', source: 'torch.nn.functional.silu', float: (x) => x / (1 + Math.exp(-x)), scalar: (x, t) => over(x, plus(number(t, 1), unary('exp', unary('neg', x)))), range: [-6, 6] },
  mish: { doc: 'x * tanh(softplus(x)).', source: 'ONNX Mish-22; torch.nn.functional.mish', float: (x) => x * Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))), scalar: (x, t) => times(x, unary('tanh', softplus(t, x))), range: [-6, 6] },
  hard_swish: {
    doc: 'x * max(0, min(1, x / 6 + 1 / 2)).', source: 'ONNX HardSwish-22; torch.nn.functional.hardswish', range: [-6, 6],
    float: (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5)),
    scalar: (x, t) => times(x, least(number(t, 1), greatest(number(t, 0), plus(times(x, constant(t, 1 / 6)), number(t, 0.5))))),
  },
} as const satisfies Record<string, UnaryRow>

const SAMPLE_TYPES = [
  { dtype: 'float32', shape: [3, 5] }, { dtype: 'float16', shape: [] }, { dtype: 'bfloat16', shape: [7] }, { dtype: 'float64', shape: [2, 0] },
  { dtype: 'int32', shape: [2, 1, 3] }, { dtype: 'int64', shape: [4] }, { dtype: 'uint8', shape: [1] }, { dtype: 'int8', shape: [5] }, { dtype: 'bool', shape: [2, 3] },
] as const satisfies readonly { dtype: DType; shape: readonly number[] }[]

function samplesOf(row: UnaryRow): Sample<Record<never, never>>[] {
  const allowed = dtypesOf(row)
  const samples = SAMPLE_TYPES.filter((t) => allowed.includes(t.dtype)).map((t): Sample<Record<never, never>> => {
    const ranged = row.range !== undefined && FLOATS.includes(t.dtype)
    return { inputs: [ranged ? { ...t, range: row.range } : signedInput(t)], attrs: {} }
  })
  return row.special === undefined ? samples : [...samples, { inputs: [{ dtype: 'float32', shape: [row.special.length], data: row.special }], attrs: {} }]
}

const signedInput = (t: { readonly dtype: DType; readonly shape: readonly number[] }): SampleInput => (t.dtype.startsWith('int') ? { ...t, range: [-9, 9] } : t)

function defineUnary(name: string, row: UnaryRow): Op {
  const allowed = dtypesOf(row)
  const { symbolic } = row
  const grad = UNARY_GRADS[name]
  return defineOp({
    name, doc: row.doc, source: row.source, attrs: {}, pattern: 'elementwise',
    infer(call) {
      const x = tensorInput(call, 0, allowed)
      return [tensorType(row.result ?? x.dtype, x.shape)]
    },
    ...(symbolic !== undefined && { symbolic: (call, output) => symbolicElementwise(call, output, (x) => symbolic(x as Dim)) }),
    reference: (call) => elementwiseReference(row, call),
    scalar: ([x], _, output) => row.scalar(x as Expr, REGISTER[output]),
    ...(grad !== undefined && { grad }),
    samples: samplesOf(row),
  })
}

/** The elementwise ops of one input without attributes. */
export const UNARY: readonly Op[] = Object.entries(TABLE).map(([name, row]) => defineUnary(name, row))
