/** Elementwise ops of two inputs of one dtype: one row each. Integers wrap; dividing an integer by zero gives 0 in kernels and references alike. */
import type { DType } from '../../base/dtype.js'
import * as dims from '../dims.js'
import type { Dim } from '../dims.js'
import { binary, REGISTER, selectExpr, type BinaryOp, type Expr, type RegisterType } from '../kernel/expr.js'
import { floorMod, floorModBig } from '../kernel/arithmetic.js'
import { defineOp, type Op, type Sample } from '../op.js'
import { tensorType } from '../types.js'
import { BINARY_GRADS } from './binary-grad.js'
import { broadcastShapes } from './broadcast.js'
import { dtypesOf, elementwiseReference, symbolicElementwise, type ElementFunctions } from './elementwise.js'
import { greatest, least, number } from './expressions.js'
import { checkSameDType, tensorInput } from './operands.js'

interface BinaryRow extends ElementFunctions {
  readonly doc: string
  readonly source: string
  /** The result's dtype where it is not the inputs'. */
  readonly result?: DType
  /** The register expression; `type` is the register of the result. */
  readonly scalar: (a: Expr, b: Expr, type: RegisterType) => Expr
  readonly symbolic?: (a: Dim, b: Dim) => Dim | undefined
  /** Where float sample elements of the second input are drawn from. */
  readonly range?: readonly [number, number]
}

const kernelOp = (op: BinaryOp) => (a: Expr, b: Expr): Expr => binary(op, a, b)
/** Shifts by less than 0 or by the register's width and more give what shifting one bit at a time would: 0, or the sign. */
const shifting = (op: 'shl' | 'shr') => (a: Expr, b: Expr, type: RegisterType): Expr => {
  const last = type === 'i64' || type === 'u64' ? 63 : 31
  const zero = number(type, 0)
  const inRange = binary('and', binary('ge', b, zero), binary('le', b, number(type, last)))
  const signed = type === 'i64' || type === 'i32'
  const beyond = op === 'shr' && signed ? selectExpr(binary('lt', a, zero), number(type, -1), zero) : zero
  return selectExpr(inRange, binary(op, a, least(greatest(b, zero), number(type, last))), beyond)
}

function shiftLeftBig(a: bigint, b: bigint): bigint { return b < 0n || b > 63n ? 0n : a << b }
function shiftRightBig(a: bigint, b: bigint): bigint { return b < 0n || b > 63n ? (a < 0n ? -1n : 0n) : a >> b }

/** `a / b` truncated, as dims. `b` not a number stands for an extent, and is taken not to be 0. */
function truncatedQuotient(a: Dim, b: Dim): Dim | undefined {
  if (b === 0) return 0
  if (typeof a === 'number' && typeof b === 'number') return Math.trunc(a / b) + 0
  const exact = dims.divExact(a, b)
  if (exact !== undefined) return exact
  if (!isNonNegative(b)) return undefined
  const quotient = dims.floorDiv(a, b)
  return isNonNegative(a) ? quotient : dims.select(dims.lt(a, 0), dims.mul(-1, dims.floorDiv(dims.mul(-1, a), b)), quotient)
}

/** True for dims that cannot be below 0, symbols being extents. */
function isNonNegative(dim: Dim): boolean {
  if (typeof dim !== 'object') return typeof dim === 'string' || dim >= 0
  const [op, ...args] = dim as readonly [string, ...Dim[]]
  return op === 'eq' || op === 'lt' || (op === 'max' ? args.some(isNonNegative) : op === 'mod' ? isNonNegative(args[1] as Dim) : args.slice(op === 'select' ? 1 : 0).every(isNonNegative))
}

const not = (condition: Dim): Dim => dims.sub(1, condition)

const TABLE = {
  add: { doc: 'The sum.', source: 'ONNX Add-14; torch.add', float: (a, b) => a + b, int: (a, b) => a + b, big: (a, b) => a + b, scalar: kernelOp('add'), symbolic: (a, b) => dims.add(a, b) },
  sub: { doc: 'The difference.', source: 'ONNX Sub-14; torch.sub', float: (a, b) => a - b, int: (a, b) => a - b, big: (a, b) => a - b, scalar: kernelOp('sub'), symbolic: dims.sub },
  mul: { doc: 'The product.', source: 'ONNX Mul-14; torch.mul', float: (a, b) => a * b, int: Math.imul, big: (a, b) => a * b, scalar: kernelOp('mul'), symbolic: (a, b) => dims.mul(a, b) },
  div: {
    doc: 'The quotient; integers truncate towards zero, and divided by zero give 0.', source: 'ONNX Div-14; torch.div', range: [0.5, 4],
    float: (a, b) => a / b, int: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)), big: (a, b) => (b === 0n ? 0n : a / b), scalar: kernelOp('div'), symbolic: truncatedQuotient,
  },
  mod: {
    doc: 'The remainder with the sign of the divisor; 0 for an integer divisor of 0.', source: 'ONNX Mod-13 with fmod=0; torch.remainder', range: [0.5, 4],
    float: floorMod, int: (a, b) => (b === 0 ? 0 : floorMod(a, b)), big: floorModBig, scalar: kernelOp('mod'), symbolic: (a, b) => (b === 0 ? 0 : dims.mod(a, b)),
  },
  fmod: {
    doc: 'The remainder with the sign of the dividend; 0 for an integer divisor of 0.', source: 'ONNX Mod-13 with fmod=1; torch.fmod', range: [0.5, 4],
    float: (a, b) => a % b, int: (a, b) => (b === 0 ? 0 : a % b), big: (a, b) => (b === 0n ? 0n : a % b), scalar: kernelOp('rem'),
  },
  minimum: { doc: 'The lesser input; NaN if either is.', source: 'ONNX Min-13; torch.minimum', float: Math.min, int: Math.min, big: (a, b) => (a < b ? a : b), scalar: least, symbolic: (a, b) => dims.min(a, b) },
  maximum: { doc: 'The greater input; NaN if either is.', source: 'ONNX Max-13; torch.maximum', float: Math.max, int: Math.max, big: (a, b) => (a > b ? a : b), scalar: greatest, symbolic: (a, b) => dims.max(a, b) },
  eq: { doc: 'True where the inputs are equal.', source: 'ONNX Equal-19; torch.eq', result: 'bool', float: (a, b) => a === b, int: (a, b) => a === b, big: (a, b) => a === b, bool: (a, b) => a === b, scalar: kernelOp('eq'), symbolic: dims.eq },
  ne: { doc: 'True where the inputs differ.', source: 'torch.ne', result: 'bool', float: (a, b) => a !== b, int: (a, b) => a !== b, big: (a, b) => a !== b, bool: (a, b) => a !== b, scalar: kernelOp('ne'), symbolic: (a, b) => not(dims.eq(a, b)) },
  lt: { doc: 'True where the first input is less.', source: 'ONNX Less-13; torch.lt', result: 'bool', float: (a, b) => a < b, int: (a, b) => a < b, big: (a, b) => a < b, scalar: kernelOp('lt'), symbolic: dims.lt },
  le: { doc: 'True where the first input is less or equal.', source: 'ONNX LessOrEqual-16; torch.le', result: 'bool', float: (a, b) => a <= b, int: (a, b) => a <= b, big: (a, b) => a <= b, scalar: kernelOp('le'), symbolic: (a, b) => not(dims.lt(b, a)) },
  gt: { doc: 'True where the first input is greater.', source: 'ONNX Greater-13; torch.gt', result: 'bool', float: (a, b) => a > b, int: (a, b) => a > b, big: (a, b) => a > b, scalar: kernelOp('gt'), symbolic: (a, b) => dims.lt(b, a) },
  ge: { doc: 'True where the first input is greater or equal.', source: 'ONNX GreaterOrEqual-16; torch.ge', result: 'bool', float: (a, b) => a >= b, int: (a, b) => a >= b, big: (a, b) => a >= b, scalar: kernelOp('ge'), symbolic: (a, b) => not(dims.lt(a, b)) },
  logical_and: { doc: 'True where both inputs are.', source: 'ONNX And-7; torch.logical_and', bool: (a, b) => a & b, scalar: kernelOp('and'), symbolic: (a, b) => dims.mul(a, b) },
  logical_or: { doc: 'True where either input is.', source: 'ONNX Or-7; torch.logical_or', bool: (a, b) => a | b, scalar: kernelOp('or'), symbolic: (a, b) => dims.max(a, b) },
  logical_xor: { doc: 'True where exactly one input is.', source: 'ONNX Xor-7; torch.logical_xor', bool: (a, b) => a ^ b, scalar: kernelOp('xor'), symbolic: (a, b) => not(dims.eq(a, b)) },
  bitwise_and: { doc: 'The bits set in both inputs.', source: 'ONNX BitwiseAnd-18; torch.bitwise_and', int: (a, b) => a & b, big: (a, b) => a & b, scalar: kernelOp('and') },
  bitwise_or: { doc: 'The bits set in either input.', source: 'ONNX BitwiseOr-18; torch.bitwise_or', int: (a, b) => a | b, big: (a, b) => a | b, scalar: kernelOp('or') },
  bitwise_xor: { doc: 'The bits set in exactly one input.', source: 'ONNX BitwiseXor-18; torch.bitwise_xor', int: (a, b) => a ^ b, big: (a, b) => a ^ b, scalar: kernelOp('xor') },
  shift_left: { doc: 'The first input shifted left by the second, zeros entering.', source: 'ONNX BitShift-11 LEFT; torch.bitwise_left_shift', int: (a, b) => (b < 0 || b > 31 ? 0 : a << b), big: shiftLeftBig, scalar: shifting('shl') },
  shift_right: { doc: 'The first input shifted right by the second; negative integers stay negative.', source: 'ONNX BitShift-11 RIGHT; torch.bitwise_right_shift', int: (a, b) => (b < 0 || b > 31 ? (a < 0 ? -1 : 0) : Math.floor(a / 2 ** b)), big: shiftRightBig, scalar: shifting('shr') },
} as const satisfies Record<string, BinaryRow>

const SAMPLE_TYPES = [
  { dtype: 'float32', a: [3, 5], b: [3, 5] }, { dtype: 'float32', a: [2, 1, 3], b: [4, 1] }, { dtype: 'float16', a: [], b: [5] }, { dtype: 'bfloat16', a: [7], b: [1] },
  { dtype: 'float64', a: [2, 0], b: [1] }, { dtype: 'int32', a: [3, 4], b: [4] }, { dtype: 'int64', a: [2, 3], b: [] }, { dtype: 'uint8', a: [9], b: [9] },
  { dtype: 'uint32', a: [5], b: [5] }, { dtype: 'bool', a: [2, 3], b: [3] },
] as const satisfies readonly { dtype: DType; a: readonly number[]; b: readonly number[] }[]

function samplesOf(row: BinaryRow): Sample<Record<never, never>>[] {
  const allowed = dtypesOf(row)
  const samples = SAMPLE_TYPES.filter((t) => allowed.includes(t.dtype)).map((t): Sample<Record<never, never>> => {
    const range = t.dtype.startsWith('int') ? { range: [-9, 9] as const } : t.dtype.startsWith('float') && row.range !== undefined ? { range: row.range } : {}
    return { inputs: [{ dtype: t.dtype, shape: t.a, ...(t.dtype.startsWith('int') && range) }, { dtype: t.dtype, shape: t.b, ...range }], attrs: {} }
  })
  if (row.float === undefined) return samples
  const edge: Sample<Record<never, never>> = { inputs: [{ dtype: 'float32', shape: [4, 1], data: [NaN, Infinity, 0, -3.5] }, { dtype: 'float32', shape: [4], data: [2, NaN, -Infinity, -2] }], attrs: {} }
  return [...samples, edge]
}

function defineBinary(name: string, row: BinaryRow): Op {
  const allowed = dtypesOf(row)
  const { symbolic } = row
  const grad = BINARY_GRADS[name]
  return defineOp({
    name, doc: row.doc, source: row.source, attrs: {}, pattern: 'elementwise',
    infer(call, ctx) {
      const a = tensorInput(call, 0, allowed), b = tensorInput(call, 1, allowed)
      checkSameDType(a, b, `the inputs of ${name}`)
      return [tensorType(row.result ?? a.dtype, broadcastShapes([a.shape, b.shape], ctx))]
    },
    ...(symbolic !== undefined && { symbolic: (call, output) => symbolicElementwise(call, output, (a, b) => symbolic(a as Dim, b as Dim)) }),
    reference: (call) => elementwiseReference(row, call),
    scalar: ([a, b], _, output) => row.scalar(a as Expr, b as Expr, REGISTER[output]),
    ...(grad !== undefined && { grad }),
    samples: samplesOf(row),
  })
}

/** The elementwise ops of two inputs of one dtype. */
export const BINARY: readonly Op[] = Object.entries(TABLE).map(([name, row]) => defineBinary(name, row))
