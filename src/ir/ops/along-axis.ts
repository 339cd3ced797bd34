/** Kernels that go along one axis, row by row: how many rows there are, and where their elements lie. */
import { add, ceilDiv, floorDiv, max, min, mod, mul, product, sub, type Dim } from '../dims.js'
import type { Stmt } from '../kernel/kernel.js'
import { eachOf, indexIs, loopTo } from '../kernel/statements.js'

/** Rows along an axis: `length` elements each, from one to the next `inner` elements of memory. */
export interface RowsAlong { readonly rows: Dim; readonly length: Dim; readonly inner: Dim }

export function rowsAlong(shape: readonly Dim[], axis: number): RowsAlong {
  const inner = product(shape.slice(axis + 1))
  return { rows: mul(product(shape.slice(0, axis)), inner), length: shape[axis] as Dim, inner }
}

/** Where element `at` of a row lies. */
export function elementAlong({ length, inner }: RowsAlong, row: Dim, at: Dim): Dim {
  return add(mul(floorDiv(row, inner), length, inner), mul(at, inner), mod(row, inner))
}

/** Rows with which a GPU has enough to do if each has but one invocation. */
const ENOUGH = 16384
/** Elements of a row below which sharing it among invocations costs more than it gives; where there are few rows, and where there are enough. */
const SHORT = 32, LONG = 64

/** Rows as far as their number is known: unknown factors count as one, as batches often are. */
export function knownRows({ rows }: RowsAlong): number {
  return typeof rows === 'number' ? rows : typeof rows === 'object' && rows[0] === '*' && typeof rows[1] === 'number' ? rows[1] : 1
}

/** True where a workgroup for each row is better than an invocation. Many rows side by side are read best by as many invocations. */
export function shareRows(along: RowsAlong): boolean {
  const { length, inner } = along, many = knownRows(along) >= ENOUGH
  return along.rows !== 0 && length !== 0 && !(many && inner !== 1) && (typeof length !== 'number' || length >= (many ? LONG : SHORT))
}

/** Groups of rows at most: more than there are threads, and few enough that memory for each costs little. */
const MOST_GROUPS = 16

/** How many groups `rows` are in. */
export const rowGroups = (rows: Dim): Dim => min(rows, MOST_GROUPS)

/** `body` for every `row`; those of one `group`, of which there are `groups`, come one after the other and can share memory. */
export function eachRowInGroups(rows: Dim, groups: Dim, body: readonly Stmt[]): Stmt {
  if (rows === groups) return eachOf('group', groups, [indexIs('row', 'group'), ...body])
  const size = ceilDiv(rows, MOST_GROUPS), first = mul('group', size)
  return eachOf('group', groups, [loopTo('of_group', min(size, max(sub(rows, first), 0)), [indexIs('row', add(first, 'of_group')), ...body])])
}
