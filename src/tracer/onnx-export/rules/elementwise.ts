/** Elementwise ops as ONNX nodes. */
import { DTYPES, type DType } from '../../../base/dtype.js'
import { shapesEqual } from '../../../ir/dims.js'
import { fromNumbers, toNumbers } from '../../../ir/host-tensor.js'
import { PLAIN_BINARY, PLAIN_UNARY } from '../../onnx/rules/elementwise.js'
import { numberOfDType } from '../../onnx/tensor.js'
import { bool, float, int, text, type AttributeDraft } from '../attributes.js'
import type { Ref } from '../graph-writer.js'
import { rule, type NodeExport, type Rule, type RuleTable } from '../node-export.js'

/** The importer's names, the other way round: one table for both directions. */
const plain = (names: Readonly<Record<string, string>>): RuleTable =>
  Object.fromEntries(Object.entries(names).map(([onnx, op]) => [op, (e: NodeExport) => { e.result(onnx, e.inputs()) }]))

/** An ONNX op with the same attributes under the same names. */
const renamed = (opType: string, kinds: Readonly<Record<string, (value: never) => AttributeDraft>> = {}): Rule => (e) => {
  e.result(opType, e.inputs(), Object.fromEntries(Object.entries(kinds).map(([name, make]) => [name, make(e.node.attrs[name] as never)])))
}

const isFloat = (dtype: DType): boolean => DTYPES[dtype].kind === 'float'
const isUnsigned = (dtype: DType): boolean => DTYPES[dtype].kind === 'uint'

const neg: Rule = (e) => {
  const x = e.input(0)
  if (isUnsigned(x.dtype)) e.result('Sub', [e.scalar(x.dtype, 0), x])
  else e.result('Neg', [x])
}

const relu: Rule = (e) => { e.result(isUnsigned(e.input(0).dtype) ? 'Identity' : 'Relu', [e.input(0)]) }

/** x · sigmoid(alpha · x); Swish itself from opset 24 on. */
function swish(e: NodeExport, alpha: number): void {
  const x = e.input(0)
  if (e.opset >= 24 && e.holds(alpha)) { e.result('Swish', [x], { alpha: float(alpha) }); return }
  e.result('Mul', [x, e.add('Sigmoid', [alpha === 1 ? x : e.add('Mul', [x, e.scalar(x.dtype, alpha)])])])
}

/** An op whose attributes are floats; `composed` where they are rounded too much for the elements. */
const scaled = <A extends Readonly<Record<string, number>>>(opType: string, composed: (e: NodeExport, x: Ref, attrs: A, number: (n: number) => Ref) => void): Rule => rule<A>((e, attrs) => {
  const x = e.input(0)
  if (Object.values(attrs).every((n) => e.holds(n))) e.result(opType, [x], Object.fromEntries(Object.entries(attrs).map(([name, n]) => [name, float(n)])))
  else composed(e, x, attrs, (n) => e.scalar(x.dtype, n))
})

const compare = (e: NodeExport, opType: string, a: Ref, b: Ref): Ref => e.add(opType, [a, b], {}, 'bool')

/** alpha · (exp(x) - 1) below zero, as Elu gives it for 1. */
const eluOf = (e: NodeExport, x: Ref, alpha: Ref): Ref => e.add('Where', [compare(e, 'Less', x, e.scalar(x.dtype, 0)), e.add('Mul', [e.add('Elu', [x], { alpha: float(1) }), alpha]), x], {}, x.dtype)

const hardSigmoid = scaled<{ readonly alpha: number; readonly beta: number }>('HardSigmoid', (e, x, { alpha, beta }, number) => {
  e.result('Clip', [e.add('Add', [e.add('Mul', [x, number(alpha)]), number(beta)]), number(0), number(1)])
})
const leakyRelu = scaled<{ readonly alpha: number }>('LeakyRelu', (e, x, { alpha }, number) => { e.result('PRelu', [x, number(alpha)]) })
const elu = scaled<{ readonly alpha: number }>('Elu', (e, x, { alpha }, number) => { e.result('Identity', [eluOf(e, x, number(alpha))]) })
const selu = scaled<{ readonly alpha: number; readonly gamma: number }>('Selu', (e, x, { alpha, gamma }, number) => { e.result('Mul', [eluOf(e, x, number(alpha)), number(gamma)]) })
const thresholdedRelu = scaled<{ readonly alpha: number }>('ThresholdedRelu', (e, x, { alpha }, number) => { e.result('Where', [compare(e, 'Greater', x, number(alpha)), x, number(0)]) })
const shrink = scaled<{ readonly bias: number; readonly lambd: number }>('Shrink', (e, x, { bias, lambd }, number) => {
  const raised = e.add('Where', [compare(e, 'Greater', x, number(lambd)), e.add('Sub', [x, number(bias)]), number(0)], {}, x.dtype)
  e.result('Where', [compare(e, 'Less', x, number(-lambd)), e.add('Add', [x, number(bias)]), raised])
})

/** Celu is there for float32 alone. */
const celu = rule<{ readonly alpha: number }>((e, { alpha }) => {
  const x = e.input(0)
  if (x.dtype !== 'float64') { e.result('Celu', [x], { alpha: float(alpha) }); return }
  const grown = e.add('Sub', [e.add('Exp', [e.add('Div', [x, e.scalar('float64', alpha)])]), e.scalar('float64', 1)])
  e.result('Add', [e.add('Relu', [x]), e.add('Min', [e.add('Mul', [grown, e.scalar('float64', alpha)]), e.scalar('float64', 0)])])
})

const clip = rule<{ readonly min: number; readonly max: number }>((e, { min, max }) => {
  const x = e.input(0)
  const holds = (t: DType, bound: number): boolean => isFloat(t) || toNumbers(fromNumbers(t, [], [bound]))[0] === bound
  const finite = [min, max].filter(Number.isFinite)
  if (finite.length === 0) { e.result('Identity', [x]); return }
  // Bounds that are no values of an integer type are met in int64, which wraps back as the op does.
  const type = finite.every((b) => holds(x.dtype, b)) ? x.dtype : 'int64'
  const bounds = [min, max].map((b) => (Number.isFinite(b) ? e.scalar(type, b) : null))
  if (type === x.dtype) e.result('Clip', [x, ...bounds])
  else e.result('Cast', [e.add('Clip', [e.cast(x, type), ...bounds])], { to: int(numberOfDType(x.dtype)) })
})

/** Mod of floats in ONNX has the sign of the dividend; where signs differ the divisor is added. */
const mod: Rule = (e) => {
  const [a, b] = [e.input(0), e.input(1)]
  if (!isFloat(a.dtype)) { e.result('Mod', [a, b]); return }
  const zero = e.scalar(a.dtype, 0), rest = e.add('Mod', [a, b], { fmod: int(1) })
  const below = (x: Ref): Ref => compare(e, 'Less', x, zero)
  const differ = e.add('And', [e.add('Not', [compare(e, 'Equal', rest, zero)]), e.add('Xor', [below(rest), below(b)])])
  e.result('Where', [differ, e.add('Add', [rest, b]), rest])
}

/** ONNX shifts unsigned integers only. Of a negative integer the complement, which is none, is shifted right. */
const shift = (direction: 'LEFT' | 'RIGHT'): Rule => (e) => {
  const [x, by] = [e.input(0), e.input(1)]
  const own = x.dtype, unsigned = (isUnsigned(own) ? own : `u${own}`) as DType, attributes = { direction: text(direction) }
  if (own === unsigned) { e.result('BitShift', [x, by], attributes); return }
  const shifted = (v: Ref): Ref => e.cast(e.add('BitShift', [e.cast(v, unsigned), e.cast(by, unsigned)], attributes), own)
  if (direction === 'LEFT') { e.result('Identity', [shifted(x)]); return }
  const negative = compare(e, 'Less', x, e.scalar(own, 0))
  const whole = shifted(e.add('Where', [negative, e.add('BitwiseNot', [x]), x], {}, own))
  e.result('Where', [negative, e.add('BitwiseNot', [whole]), whole])
}

/** A slope that does not broadcast to the input, as PRelu wants it, is multiplied and chosen. */
const prelu: Rule = (e) => {
  const [x, slope] = [e.input(0), e.input(1)]
  if (shapesEqual(e.type(0).shape, e.resultType().shape)) { e.result('PRelu', [x, slope]); return }
  e.result('Where', [compare(e, 'Less', x, e.scalar(x.dtype, 0)), e.add('Mul', [x, slope]), x])
}

/** A power of uint64 wraps as one of int64 does. */
const pow: Rule = (e) => {
  const [x, exponent] = [e.input(0), e.input(1)]
  if (x.dtype === 'uint64') e.result('Cast', [e.add('Pow', [e.cast(x, 'int64'), exponent])], { to: int(numberOfDType('uint64')) })
  else e.result('Pow', [x, exponent])
}

/** Elementwise ops. */
export const ELEMENTWISE: RuleTable = {
  ...plain(PLAIN_UNARY), ...plain(PLAIN_BINARY),
  neg, relu, clip, celu, mod, prelu, pow,
  rsqrt: (e) => { e.result('Reciprocal', [e.add('Sqrt', [e.input(0)])]) },
  silu: (e) => { swish(e, 1) },
  swish: rule<{ readonly alpha: number }>((e, { alpha }) => { swish(e, alpha) }),
  ne: (e) => { e.result('Not', [e.add('Equal', e.inputs(), {}, 'bool')]) },
  fmod: (e) => { e.result('Mod', e.inputs(), { fmod: int(1) }) },
  minimum: renamed('Min'), maximum: renamed('Max'), where: renamed('Where'),
  shift_left: shift('LEFT'), shift_right: shift('RIGHT'),
  cast: rule<{ readonly to: DType }>((e, { to }) => { e.result('Cast', [e.input(0)], { to: int(numberOfDType(to)) }) }),
  isinf: renamed('IsInf', { detect_negative: bool, detect_positive: bool }),
  gelu: renamed('Gelu', { approximate: text }),
  hard_sigmoid: hardSigmoid, leaky_relu: leakyRelu, elu, selu, thresholded_relu: thresholdedRelu, shrink,
}
