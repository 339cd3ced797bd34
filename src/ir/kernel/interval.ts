/** Intervals of integers, for proving that 64-bit values fit in 32 bits. Ends are doubles; what may lie beyond 2^53 counts as infinite. */
import { DTYPES, type DType } from '../../base/dtype.js'
import type { BinaryOp, RegisterType, UnaryOp } from './expr.js'

/** All values from `lo` to `hi`, both inclusive. */
export interface Interval { readonly lo: number; readonly hi: number }

export const EVERYTHING: Interval = { lo: -Infinity, hi: Infinity }
const INT32: Interval = { lo: -(2 ** 31), hi: 2 ** 31 - 1 }
const UINT32: Interval = { lo: 0, hi: 2 ** 32 - 1 }

const exact = (x: number): number => (Math.abs(x) > 2 ** 53 ? Math.sign(x) * Infinity : x)
const between = (ends: readonly number[]): Interval => (ends.some(Number.isNaN) ? EVERYTHING : { lo: exact(Math.min(...ends)), hi: exact(Math.max(...ends)) })

/** What elements of a dtype can be. */
export function intervalOfDType(dtype: DType): Interval {
  const { kind, bits } = DTYPES[dtype]
  if (kind === 'bool') return { lo: 0, hi: 1 }
  if (kind === 'uint') return { lo: 0, hi: exact(2 ** bits - 1) }
  return kind === 'int' ? { lo: exact(-(2 ** (bits - 1))), hi: exact(2 ** (bits - 1) - 1) } : EVERYTHING
}

/** What a register of a type can hold. */
export function intervalOfRegister(type: RegisterType): Interval {
  return type === 'bool' ? { lo: 0, hi: 1 } : type === 'i32' ? INT32 : type === 'u32' ? UINT32 : type === 'u64' ? { lo: 0, hi: Infinity } : EVERYTHING
}

export const isWithin = (a: Interval, b: Interval): boolean => a.lo >= b.lo && a.hi <= b.hi
export const union = (a: Interval, b: Interval): Interval => ({ lo: Math.min(a.lo, b.lo), hi: Math.max(a.hi, b.hi) })

/** The interval of a 32-bit register that a 64-bit one may become. */
export const narrowed = (type: RegisterType): Interval => (type === 'u64' ? UINT32 : INT32)

/** `op` on values of `x`, in integers without an end. */
export function unaryInterval(op: UnaryOp, x: Interval): Interval {
  switch (op) {
    case 'neg': return { lo: -x.hi, hi: -x.lo }
    case 'abs': return { lo: x.lo <= 0 && x.hi >= 0 ? 0 : Math.min(Math.abs(x.lo), Math.abs(x.hi)), hi: Math.max(Math.abs(x.lo), Math.abs(x.hi)) }
    case 'sign': return { lo: -1, hi: 1 }
    case 'bitnot': return { lo: -x.hi - 1, hi: -x.lo - 1 }
    case 'floor': case 'ceil': case 'trunc': case 'round': return x
    default: return EVERYTHING
  }
}

const corners = (a: Interval, b: Interval, f: (x: number, y: number) => number): Interval => between([f(a.lo, b.lo), f(a.lo, b.hi), f(a.hi, b.lo), f(a.hi, b.hi)])

/** `op` on values of `a` and `b`, in integers without an end. */
export function binaryInterval(op: BinaryOp, a: Interval, b: Interval): Interval {
  switch (op) {
    case 'add': return { lo: exact(a.lo + b.lo), hi: exact(a.hi + b.hi) }
    case 'sub': return { lo: exact(a.lo - b.hi), hi: exact(a.hi - b.lo) }
    case 'mul': return corners(a, b, (x, y) => (x === 0 || y === 0 ? 0 : x * y))
    case 'min': return { lo: Math.min(a.lo, b.lo), hi: Math.min(a.hi, b.hi) }
    case 'max': return { lo: Math.max(a.lo, b.lo), hi: Math.max(a.hi, b.hi) }
    // A quotient is no larger than the dividend, and 0 where the divisor is 0.
    case 'div': { const most = Math.max(Math.abs(a.lo), Math.abs(a.hi)); return { lo: a.lo >= 0 && b.lo >= 0 ? 0 : -most, hi: most } }
    case 'rem': return { lo: Math.min(0, a.lo), hi: Math.max(0, a.hi) }
    case 'mod': return a.lo >= 0 && b.lo >= 0 ? { lo: 0, hi: Math.min(a.hi, b.hi) } : { lo: Math.min(0, b.lo), hi: Math.max(0, b.hi) }
    case 'and': return a.lo >= 0 && b.lo >= 0 ? { lo: 0, hi: Math.min(a.hi, b.hi) } : wide(a, b)
    case 'or': case 'xor': return wide(a, b)
    default: return EVERYTHING
  }
}

/** What bits that both operands have can make. */
function wide(a: Interval, b: Interval): Interval {
  const most = Math.max(Math.abs(a.lo), Math.abs(a.hi), Math.abs(b.lo), Math.abs(b.hi))
  if (!Number.isFinite(most)) return EVERYTHING
  const power = 2 ** Math.ceil(Math.log2(most + 1))
  return { lo: a.lo >= 0 && b.lo >= 0 ? 0 : -power, hi: power - 1 }
}
