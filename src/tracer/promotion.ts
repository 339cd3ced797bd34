/** Which dtype an operation on several operands computes in. Source: torch.result_type, and numpy for unsigned integers, which torch refuses. */
import { DTYPES, type DType, type HostTensor } from '../base/dtype.js'
import { callError } from './call-error.js'
import { hostTensor } from '../ir/host-tensor.js'
import { apply1, type Operand } from './dispatch.js'
import { isSymbolic } from './extents.js'

/** A number, bigint or boolean given where a tensor could be. */
export type Scalar = number | bigint | boolean
/** A tensor or a plain number. */
export type TensorOrScalar = Operand | Scalar

/** bool < integers < floats: numbers and rank-0 tensors only decide within a higher category. */
type Category = 0 | 1 | 2

function categoryOf(dtype: DType): Category {
  const { kind, bits } = DTYPES[dtype]
  if (kind === 'string' || bits < 8 || dtype.startsWith('float8')) throw callError('unsupported-dtype', `${dtype} takes no part in arithmetic`, { where: { dtype }, hint: 'cast it first' })
  return kind === 'bool' ? 0 : kind === 'float' ? 2 : 1
}

/** The dtype that holds the values of both. Throws `dtype-mismatch` for uint64 with a signed integer, and `unsupported-dtype`. */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a
  const ca = categoryOf(a), cb = categoryOf(b)
  if (ca !== cb) return ca > cb ? a : b
  if (ca === 2) return a === 'float64' || b === 'float64' ? 'float64' : 'float32'
  const x = DTYPES[a], y = DTYPES[b]
  if (x.kind === y.kind) return x.bits > y.bits ? a : b
  const [signed, unsigned] = x.kind === 'int' ? [a, b] : [b, a]
  const bits = DTYPES[unsigned].bits
  if (DTYPES[signed].bits > bits) return signed
  if (bits === 64) throw callError('dtype-mismatch', `no integer dtype holds the values of both ${a} and ${b}`, { hint: 'cast one of them' })
  return `int${bits * 2}` as DType
}

/** The dtype of a plain number: whole numbers and bigints are int64, others the default float. */
function scalarType(value: Scalar): DType {
  if (isSymbolic(value)) return 'int64'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'bigint' || Number.isInteger(value) ? 'int64' : 'float32'
}

/** True for operands that are numbers. */
export function isScalar(x: TensorOrScalar): x is Scalar {
  return typeof x !== 'object' || isSymbolic(x)
}

/** The dtype of an operation on `operands`: tensors decide, then rank-0 tensors, then numbers, each of the latter only where its category is higher. */
export function resultType(...operands: readonly TensorOrScalar[]): DType {
  const levels: (DType | undefined)[] = [undefined, undefined, undefined]
  for (const x of operands) {
    const level = isScalar(x) ? 2 : x.shape.length === 0 ? 1 : 0
    const dtype = isScalar(x) ? scalarType(x) : x.dtype
    const before = levels[level]
    levels[level] = before === undefined ? dtype : promoteTypes(before, dtype)
  }
  const combined = levels.reduceRight((lower, higher) => (higher === undefined ? lower : lower === undefined || categoryOf(lower) <= categoryOf(higher) ? higher : lower), undefined)
  if (combined === undefined) throw callError('bad-attribute', 'an operation without operands has no dtype')
  return combined
}

/** `dtype` if it is a float, else the default float: what functions such as `exp` compute in. */
export function floatType(dtype: DType): DType {
  return categoryOf(dtype) === 2 ? dtype : 'float32'
}

/** `x` as an operand of `dtype`: numbers become constants, tensors are cast (recorded) where they differ. */
export function asOperand(x: TensorOrScalar, dtype: DType): Operand {
  if (isSymbolic(x)) return asOperand(apply1('dims_tensor', [], { dims: [x as unknown as number], shape: [], dtype: 'int64' }), dtype)
  if (isScalar(x)) return constantOf(x, dtype)
  if (x.dtype === dtype) return x
  return apply1('cast', [x], { to: dtype })
}

/** A constant of rank 0. */
export function constantOf(value: Scalar, dtype: DType): HostTensor {
  if (typeof value === 'bigint' && (dtype === 'int64' || dtype === 'uint64')) return hostTensor(dtype, [], [value])
  return hostTensor(dtype, [], [Number(value)])
}

/** The operands in their common dtype. */
export function promoted(operands: readonly TensorOrScalar[], dtype: DType = resultType(...operands)): readonly Operand[] {
  return operands.map((x) => asOperand(x, dtype))
}

/** Both operands in their common dtype. */
export function promotedPair(a: TensorOrScalar, b: TensorOrScalar, dtype: DType = resultType(a, b)): readonly [Operand, Operand] {
  return [asOperand(a, dtype), asOperand(b, dtype)]
}

/** True where an in-place operation computed in `from` may be stored in `to`: not a higher category in a lower one. Source: torch.can_cast. */
export function canCast(from: DType, to: DType): boolean {
  return categoryOf(from) <= categoryOf(to)
}

