/**
 * Extents in a trace. A traced tensor's shape holds numbers, and `SymbolicExtent` objects in the place of numbers for extents that are known only when
 * the graph runs. The functions here compute with both; plain arithmetic on a symbolic extent is refused with the line that tries it.
 */
import { IngotError } from '../base/error.js'
import * as algebra from '../ir/dims.js'
import type { Dim } from '../ir/dims.js'
import { printDim } from '../ir/dims-text.js'
import type { Attr, Attrs } from '../ir/graph.js'
import type { Op } from '../ir/op.js'
import { callSite } from './call-site.js'

/** Extents of one trace by the key of their dim, so that equal extents are the same object and `===` compares them. */
export type ExtentTable = Map<string, SymbolicExtent>

/** An extent without a number yet. Typed as a number wherever shapes are, since most code only hands extents on. */
export class SymbolicExtent {
  readonly dim: Dim
  readonly table: ExtentTable

  constructor(dim: Dim, table: ExtentTable) {
    this.dim = dim
    this.table = table
  }

  /** Text where text is asked for; throws `traced-value-read` where a number is. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return printDim(this.dim)
    throw new IngotError('traced-value-read', `the extent ${printDim(this.dim)} has no number while the function is traced`, {
      where: { origin: callSite() },
      hint: 'compute with extents by dims.add, dims.sub, dims.mul and dims.floorDiv, leave one out with -1, or trace with a number in its place',
    })
  }

  toJSON(): string { return printDim(this.dim) }
}

/** `dim` as it stands in the shapes of the trace that `table` belongs to. */
export function extentOf(dim: Dim, table: ExtentTable): number {
  if (typeof dim === 'number') return dim
  const key = algebra.dimKey(dim)
  let extent = table.get(key)
  if (extent === undefined) table.set(key, (extent = new SymbolicExtent(dim, table)))
  return extent as unknown as number
}

/** True for an extent that stands in shapes without being a number. */
export function isSymbolic(extent: unknown): extent is SymbolicExtent {
  return extent instanceof SymbolicExtent
}

/** What an extent is in the graph. */
export function dimOf(extent: number): Dim {
  return isSymbolic(extent) ? (extent as SymbolicExtent).dim : extent
}

/** A shape as it is in the graph; the same list where it holds numbers only. */
export function dimsOfShape(shape: readonly number[]): readonly Dim[] {
  return shape.some(isSymbolic) ? shape.map(dimOf) : shape
}

function combine(operation: (...dims: readonly Dim[]) => Dim, operands: readonly number[]): number {
  const symbolic = (operands as readonly unknown[]).find(isSymbolic)
  const result = operation(...operands.map(dimOf))
  return symbolic === undefined ? (result as number) : extentOf(result, symbolic.table)
}

/** Arithmetic on extents, numbers or symbolic: `x.view(dims.mul(x.shape[0], x.shape[1]), -1)`. */
export const dims = {
  /** Sum. */
  add: (...extents: readonly number[]): number => combine(algebra.add, extents),
  /** Difference. */
  sub: (a: number, b: number): number => combine((x, y) => algebra.sub(x as Dim, y as Dim), [a, b]),
  /** Product; 1 of none. */
  mul: (...extents: readonly number[]): number => combine((...all) => algebra.mul(1, ...all), extents),
  /** Quotient, rounded down. */
  floorDiv: (a: number, b: number): number => combine((x, y) => algebra.floorDiv(x as Dim, y as Dim), [a, b]),
  /** Remainder with the sign of the divisor. */
  mod: (a: number, b: number): number => combine((x, y) => algebra.mod(x as Dim, y as Dim), [a, b]),
  /** The lesser. */
  min: (...extents: readonly number[]): number => combine(algebra.min, extents),
  /** The greater. */
  max: (...extents: readonly number[]): number => combine(algebra.max, extents),
} as const

/** The quotient where the division is known to leave no remainder; undefined otherwise. */
export function exactQuotient(a: number, b: number): number | undefined {
  const quotient = algebra.divExact(dimOf(a), dimOf(b))
  if (quotient === undefined) return undefined
  const symbolic = ([a, b] as readonly unknown[]).find(isSymbolic)
  return symbolic === undefined ? (quotient as number) : extentOf(quotient, symbolic.table)
}

/** Number of elements of a shape. */
export function countOf(shape: readonly number[]): number {
  return dims.mul(...shape)
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride = timesExtent(stride, shape[i] as number)
  }
  return strides
}

/** `dims.mul` of two; at once where both are numbers, as they are outside traces. */
export function timesExtent(a: number, b: number): number {
  return typeof a === 'number' && typeof b === 'number' ? a * b : dims.mul(a, b)
}

/** Attributes as the graph has them: symbolic extents as their dims. */
export function graphAttrs(op: Op, attrs: Attrs): Attrs {
  const out: Record<string, Attr> = {}
  for (const [name, attr] of Object.entries(attrs)) {
    const kind = op.attrs[name]
    out[name] = kind === 'dim' ? dimOf(attr as number) : kind === 'dims' ? dimsOfShape(attr as readonly number[]) : attr
  }
  return out
}
