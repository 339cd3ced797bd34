/** Expressions and dims compiled to closures over a frame of slots: the inner part of the kernel interpreter. */
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../../base/float16.js'
import { DTYPES, type DType, type TensorStorage } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { type Dim } from '../dims.js'
import { printDim } from '../dims-text.js'
import { binaryFunction, bitcastFunction, castFunction, unaryFunction, type Scalar } from './arithmetic.js'
import { isVector, laneType, LANES, REGISTER, typeOfExpr, type Expr, type ScalarType } from './expr.js'

/** Contents of a kernel run: integer names and registers by slot. */
export interface Frame { readonly ints: number[]; readonly registers: Register[] }
/** A scalar, or the lanes of a vector. */
export type Register = Scalar | readonly Scalar[]
export type Evaluate<T> = (frame: Frame) => T

/** A buffer bound to storage: how elements are decoded and encoded. `guard` is told of every access. */
export interface BoundBuffer { readonly name: string; readonly dtype: DType; readonly data: TensorStorage; readonly length: number; readonly guard?: (first: number, lanes: number, writes: boolean) => void }

/** What closures are compiled against: slots of names, buffers, and whether f32 results are rounded. */
export interface Scope {
  readonly kernel: string
  readonly round: boolean
  intSlot(name: string): number
  registerSlot(name: string): number
  buffer(name: string): BoundBuffer
}

/** The value of `dim` as a closure. */
export function compileDim(dim: Dim, scope: Scope): Evaluate<number> {
  if (typeof dim === 'number') return () => dim
  if (typeof dim === 'string') { const slot = scope.intSlot(dim); return (f) => f.ints[slot] as number }
  const args = (dim.slice(1) as Dim[]).map((d) => compileDim(d, scope))
  const [a, b, c] = args as [Evaluate<number>, Evaluate<number>, Evaluate<number>]
  switch (dim[0]) {
    case '+': return args.length === 2 ? (f) => a(f) + b(f) : (f) => { let s = 0; for (const g of args) s += g(f); return s }
    case '*': return args.length === 2 ? (f) => a(f) * b(f) : (f) => { let p = 1; for (const g of args) p *= g(f); return p }
    case 'floordiv': return (f) => Math.floor(a(f) / b(f))
    case 'mod': return (f) => { const n = b(f); return ((a(f) % n) + n) % n }
    case 'min': return (f) => { let m = a(f); for (const g of args) m = Math.min(m, g(f)); return m }
    case 'max': return (f) => { let m = a(f); for (const g of args) m = Math.max(m, g(f)); return m }
    case 'eq': return (f) => (a(f) === b(f) ? 1 : 0)
    case 'lt': return (f) => (a(f) < b(f) ? 1 : 0)
    case 'select': return (f) => (a(f) !== 0 ? b(f) : c(f))
  }
}

function checkedIndex(buffer: BoundBuffer, index: Dim, scope: Scope, what: string, lanes = 1): Evaluate<number> {
  const at = compileDim(index, scope)
  return (f) => {
    const i = at(f)
    if (!(i >= 0 && i + lanes - 1 < buffer.length && Number.isInteger(i))) {
      throw new IngotError('verify-kernel', `kernel ${scope.kernel} ${what} ${buffer.name}[${printDim(index)}] at element ${i}, but it has ${buffer.length}`, { where: { origin: scope.kernel } })
    }
    buffer.guard?.(i, lanes, what === 'writes')
    return i
  }
}

/** An element of `buffer` as its register. */
export function compileLoad(buffer: BoundBuffer, index: Dim, scope: Scope): Evaluate<Scalar> {
  const at = checkedIndex(buffer, index, scope, 'reads')
  const data = buffer.data as unknown as ArrayLike<Scalar>
  switch (buffer.dtype) {
    case 'float16': return (f) => float16ToNumber(data[at(f)] as number)
    case 'bfloat16': return (f) => bfloat16ToNumber(data[at(f)] as number)
    case 'bool': return (f) => (data[at(f)] !== 0 ? 1 : 0)
    default: return (f) => data[at(f)] as Scalar
  }
}

/** Consecutive elements of `buffer` as a vector. */
function compileVectorLoad(buffer: BoundBuffer, index: Dim, scope: Scope): Evaluate<Register> {
  const at = checkedIndex(buffer, index, scope, 'reads', LANES)
  const data = buffer.data as unknown as ArrayLike<Scalar>
  return (f) => { const i = at(f); return Array.from({ length: LANES }, (_, k) => data[i + k] as Scalar) }
}

/** Writes a vector to consecutive elements of `buffer`, whose dtype is one that vectors have. */
export function compileVectorStore(buffer: BoundBuffer, index: Dim, value: Evaluate<Register>, scope: Scope): (frame: Frame) => void {
  const at = checkedIndex(buffer, index, scope, 'writes', LANES)
  const data = buffer.data as unknown as Scalar[]
  return (f) => { const i = at(f); (value(f) as readonly Scalar[]).forEach((x, k) => { data[i + k] = x }) }
}

/** Writes a register to an element of `buffer`: rounds to nearest even, wraps integers. */
export function compileStore(buffer: BoundBuffer, index: Dim, value: Evaluate<Scalar>, scope: Scope): (frame: Frame) => void {
  const at = checkedIndex(buffer, index, scope, 'writes')
  const data = buffer.data as unknown as Scalar[]
  switch (buffer.dtype) {
    case 'float16': return (f) => { data[at(f)] = numberToFloat16(value(f) as number) }
    case 'bfloat16': return (f) => { data[at(f)] = numberToBfloat16(value(f) as number) }
    case 'bool': return (f) => { data[at(f)] = value(f) !== 0 ? 1 : 0 }
    default: return (f) => { data[at(f)] = value(f) }
  }
}

/** A register rounded or wrapped to what `dtype` holds, still in its register type. */
export function narrowFunction(dtype: DType): (x: Scalar) => Scalar {
  switch (dtype) {
    case 'float16': return (x) => float16ToNumber(numberToFloat16(x as number))
    case 'bfloat16': return (x) => bfloat16ToNumber(numberToBfloat16(x as number))
    case 'bool': return (x) => (x !== 0 && x !== 0n ? 1 : 0)
    default: {
      const array = DTYPES[dtype].array
      if (array === null || DTYPES[dtype].bits < 8) return (x) => x
      const cell = new array(1) as unknown as Scalar[]
      return (x) => { cell[0] = x; return cell[0] }
    }
  }
}

/** The register value of a constant; strings give 64-bit integers and 'nan', 'inf', '-inf'. */
export function constantValue(type: ScalarType, value: number | string): Scalar {
  if (type === 'i64' || type === 'u64') return BigInt(value)
  const x = value === 'nan' ? NaN : value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value)
  return type === 'f32' ? Math.fround(x) : type === 'bool' ? (x !== 0 ? 1 : 0) : x
}

/** A function of scalars as one of registers: lane by lane where `vector` holds. */
function lanewise(vector: boolean, f: (...xs: Scalar[]) => Scalar, operands: readonly Evaluate<Register>[]): Evaluate<Register> {
  if (!vector) {
    const [a, b, c] = operands as [Evaluate<Scalar>, Evaluate<Scalar>, Evaluate<Scalar>]
    return operands.length === 1 ? (frame) => f(a(frame)) : operands.length === 2 ? (frame) => f(a(frame), b(frame)) : (frame) => f(a(frame), b(frame), c(frame))
  }
  return (frame) => {
    const values = operands.map((x) => x(frame) as readonly Scalar[])
    return Array.from({ length: LANES }, (_, k) => f(...values.map((v) => v[k] as Scalar)))
  }
}

const choose = (condition: Scalar, a: Scalar, b: Scalar): Scalar => (condition !== 0 ? a : b)

/** The value of `e` as a closure; loads are bounds-checked. */
export function compileExpr(e: Expr, scope: Scope): Evaluate<Register> {
  const typeOf = (x: Expr) => typeOfExpr(x, (buffer) => scope.buffer(buffer).dtype)
  const of = (x: Expr): Evaluate<Register> => compileExpr(x, scope)
  const each = (like: Expr, f: (...xs: never[]) => Scalar, ...operands: readonly Expr[]): Evaluate<Register> => lanewise(isVector(typeOf(like)), f as (...xs: Scalar[]) => Scalar, operands.map(of))
  switch (e.kind) {
    case 'const': {
      const c = constantValue(laneType(e.type), e.value)
      return () => c
    }
    case 'index': return compileDim(e.index, scope)
    case 'local': { const slot = scope.registerSlot(e.name); return (f) => f.registers[slot] as Register }
    case 'load': return (e.lanes === undefined ? compileLoad : compileVectorLoad)(scope.buffer(e.buffer), e.index[0] ?? 0, scope)
    case 'unary': return each(e.x, unaryFunction(e.op, laneType(typeOf(e.x)), scope.round), e.x)
    case 'binary': {
      const shifts = isVector(typeOf(e.a)) && !isVector(typeOf(e.b))
      return each(e.a, binaryFunction(e.op, laneType(typeOf(e.a)), scope.round), e.a, shifts ? { kind: 'splat', x: e.b } : e.b)
    }
    case 'madd': {
      const type = laneType(typeOf(e.a)), times = binaryFunction('mul', type, scope.round), plus = binaryFunction('add', type, scope.round)
      return each(e.a, (a: Scalar, b: Scalar, c: Scalar) => plus(times(a, b), c), e.a, e.b, e.c)
    }
    case 'select': return each(e.condition, choose, e.condition, e.a, e.b)
    case 'cast': return each(e.x, castFunction(laneType(typeOf(e.x)), laneType(e.to)), e.x)
    case 'bitcast': return each(e.x, bitcastFunction(laneType(typeOf(e.x)), laneType(e.to)), e.x)
    case 'narrow': {
      const f = narrowFunction(e.dtype), convert = castFunction(laneType(typeOf(e.x)), REGISTER[e.dtype])
      return each(e.x, (x: Scalar) => f(convert(x)), e.x)
    }
    case 'splat': { const x = of(e.x); return (f) => new Array<Scalar>(LANES).fill(x(f) as Scalar) }
    case 'vector': { const items = e.items.map(of); return (f) => items.map((x) => x(f) as Scalar) }
    case 'lane': { const x = of(e.x); return (f) => (x(f) as readonly Scalar[])[e.lane] as Scalar }
  }
}
