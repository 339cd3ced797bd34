/**
 * The lane that a vectorized axis adds to a point of an iteration space: its coordinate is a name in dims, 0 … 3. What an
 * access does from lane to lane is read off its index with the name replaced.
 */
import { visitSymbols } from '../../base/dim.js'
import { dimsEqual, sub, substituteDim, type Dim } from '../../ir/dims.js'
import { isVector, laneType, LANES, VECTOR_OF, type BinaryOp, type Expr, type RegisterType, type UnaryOp } from '../../ir/kernel/expr.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { sumOf, termsOf, type Range, type RangeOf } from '../../ir/kernel/ranges.js'

/** The lane's name in dims. */
export const LANE = '@lane'
export const LANE_RANGE: Range = { lo: 0, hi: LANES - 1 }
export const LANE_NUMBERS: readonly number[] = Array.from({ length: LANES }, (_, k) => k)

/** `dim` in lane `k`. */
export const inLane = (dim: Dim, k: number): Dim => substituteDim(dim, (s) => (s === LANE ? k : undefined))

/** True where `dim` may differ from lane to lane. */
export function hasLane(dim: Dim): boolean {
  let found = false
  visitSymbols(dim, (s) => { if (s === LANE) found = true })
  return found
}

/** The distance from each lane to the next in `dim`, whose value in lane 0 is `first`; undefined where it is not the same number between all of them. */
export function laneStride(dim: Dim, rangeOf: RangeOf): { readonly first: Dim; readonly stride: number | undefined } {
  const linear = linearLane(dim)
  if (linear !== undefined) return linear
  const at = LANE_NUMBERS.map((k) => simplifyDim(inLane(dim, k), rangeOf)), first = at[0] as Dim
  const stride = sub(at[1] as Dim, first)
  const even = typeof stride === 'number' && at.every((d, k) => dimsEqual(sub(d, first), k * stride))
  return { first, stride: even ? stride : undefined }
}

/** The same for a sum in which the lane stands alone, or not at all, which most indices are. */
function linearLane(dim: Dim): { readonly first: Dim; readonly stride: number } | undefined {
  const terms = termsOf(dim), own = terms.filter((t) => t.atoms.some((a) => hasLane(a)))
  if (own.some((t) => t.atoms.length > 1 || t.atoms[0] !== LANE)) return undefined
  const stride = own.reduce((n, t) => n + t.coefficient, 0)
  return { first: own.length === 0 ? dim : sumOf(terms.filter((t) => !own.includes(t))), stride }
}

const FLOAT_UNARY: ReadonlySet<UnaryOp> = new Set<UnaryOp>(['neg', 'abs', 'sqrt', 'floor', 'ceil', 'trunc', 'round', 'recip', 'rsqrt', 'isnan', 'isinf'])
const INT_UNARY: ReadonlySet<UnaryOp> = new Set<UnaryOp>(['neg', 'abs', 'bitnot'])
const FLOAT_BINARY: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'])
const INT_BINARY: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'sub', 'mul', 'min', 'max', 'dot16', 'and', 'or', 'xor', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'])
const BOOL_BINARY: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['and', 'or', 'xor', 'min', 'max', 'add', 'mul', 'eq', 'ne'])

/** True where the operation `e` exists on vectors when its operands have these types, of which at least one is a vector. */
export function hasVectorForm(e: Expr, operands: readonly RegisterType[]): boolean {
  const types = operands.map(laneType), [a] = types
  if (!types.every((t) => VECTOR_OF[t] !== undefined)) return false
  switch (e.kind) {
    case 'unary': return a === 'f32' ? FLOAT_UNARY.has(e.op) : a === 'i32' ? INT_UNARY.has(e.op) : e.op === 'not'
    case 'binary':
      // A vector is shifted by the same count in all lanes.
      if (e.op === 'shl' || e.op === 'shr') return a === 'i32' && !isVector(operands[1] as RegisterType)
      return (a === 'f32' ? FLOAT_BINARY : a === 'i32' ? INT_BINARY : BOOL_BINARY).has(e.op)
    case 'madd': return a === 'f32'
    case 'select': return true
    case 'cast': case 'bitcast': return VECTOR_OF[e.to] !== undefined
    default: return false
  }
}
