/** Expressions and dims compiled to closures over a frame of slots: the inner part of the kernel interpreter. */
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../../base/float16.js'
import { DTYPES, type DType, type TensorStorage } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { type Dim } from '../dims.js'
import { printDim } from '../dims-text.js'
import { binaryFunction, castFunction, unaryFunction, type Scalar } from './arithmetic.js'
import { REGISTER, typeOfExpr, type Expr, type RegisterType } from './expr.js'

/** Contents of a kernel run: integer names and registers by slot. */
export interface Frame { readonly ints: number[]; readonly registers: Scalar[] }
export type Evaluate<T> = (frame: Frame) => T

/** A buffer bound to storage: how elements are decoded and encoded. */
export interface BoundBuffer { readonly name: string; readonly dtype: DType; readonly data: TensorStorage; readonly length: number }

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

function checkedIndex(buffer: BoundBuffer, index: Dim, scope: Scope, what: string): Evaluate<number> {
  const at = compileDim(index, scope)
  return (f) => {
    const i = at(f)
    if (!(i >= 0 && i < buffer.length && Number.isInteger(i))) {
      throw new IngotError('verify-kernel', `kernel ${scope.kernel} ${what} ${buffer.name}[${printDim(index)}] at element ${i}, but it has ${buffer.length}`, { where: { origin: scope.kernel } })
    }
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
export function constantValue(type: RegisterType, value: number | string): Scalar {
  if (type === 'i64' || type === 'u64') return BigInt(value)
  const x = value === 'nan' ? NaN : value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value)
  return type === 'f32' ? Math.fround(x) : type === 'bool' ? (x !== 0 ? 1 : 0) : x
}

/** The value of `e` as a closure; loads are bounds-checked. */
export function compileExpr(e: Expr, scope: Scope): Evaluate<Scalar> {
  const dtypeOf = (buffer: string): DType => scope.buffer(buffer).dtype
  switch (e.kind) {
    case 'const': { const c = constantValue(e.type, e.value); return () => c }
    case 'index': return compileDim(e.index, scope)
    case 'local': { const slot = scope.registerSlot(e.name); return (f) => f.registers[slot] as Scalar }
    case 'load': return compileLoad(scope.buffer(e.buffer), e.index[0] ?? 0, scope)
    case 'unary': {
      const f = unaryFunction(e.op, typeOfExpr(e.x, dtypeOf), scope.round), x = compileExpr(e.x, scope)
      return (frame) => f(x(frame))
    }
    case 'binary': {
      const f = binaryFunction(e.op, typeOfExpr(e.a, dtypeOf), scope.round), a = compileExpr(e.a, scope), b = compileExpr(e.b, scope)
      return (frame) => f(a(frame), b(frame))
    }
    case 'select': {
      const condition = compileExpr(e.condition, scope), a = compileExpr(e.a, scope), b = compileExpr(e.b, scope)
      return (frame) => { const c = condition(frame), x = a(frame), y = b(frame); return c !== 0 ? x : y }
    }
    case 'cast': {
      const f = castFunction(typeOfExpr(e.x, dtypeOf), e.to), x = compileExpr(e.x, scope)
      return (frame) => f(x(frame))
    }
    case 'narrow': {
      const f = narrowFunction(e.dtype), convert = castFunction(typeOfExpr(e.x, dtypeOf), REGISTER[e.dtype]), x = compileExpr(e.x, scope)
      return (frame) => f(convert(x(frame)))
    }
  }
}
