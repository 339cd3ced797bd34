/** The first elements of rows along an axis, where they are too many to insert one by one. */
import type { DType } from '../../base/dtype.js'
import { add, min, mul, type Dim } from '../dims.js'
import { binary, cast, HELD_AS, LANES, load, local, REGISTER, splat, unary, VECTOR_DTYPES, type Expr } from '../kernel/expr.js'
import type { KernelBuffer, Stmt } from '../kernel/kernel.js'
import { indexFrom, indexIs, letBe, loopTo, storeTo } from '../kernel/statements.js'
import { eachRowInGroups, elementAlong, rowGroups, type RowsAlong } from './along-axis.js'
import { listFirst, togetherOf, type Listing } from './list-first.js'
import { elementOf, roomFor, type SortedList } from './merge-sort.js'
import { precedesExpr } from './top-k-row.js'

/** Rows of `x0`, whose first `k` elements go to `y0` and their positions to `y1`. */
export interface SortedRows { readonly dtype: DType; readonly largest: boolean; readonly along: RowsAlong; readonly k: Dim }

/** The loops over rows, and the memory for their lists. */
export function sortRows(rows: SortedRows): { readonly body: readonly Stmt[]; readonly temps: readonly Omit<KernelBuffer, 'role'>[] } {
  const { dtype, largest, along, k } = rows, type = REGISTER[dtype], together = togetherOf(along.length, k), room = roomFor(together), groups = rowGroups(along.rows), length = mul(2, groups, room)
  const list: SortedList = { keys: 'keys', values: 'positions', base: mul('group', 2, room), room, count: 'listed', type, precedes: (x, y) => precedesExpr(x, y, { type, largest }) }
  const at = (j: Dim): Dim => add('first', mul(j, along.inner))
  const listing: Listing = {
    list, length: along.length, wanted: k, together, keyAt: (j) => load('x0', [at(j)]), accepts: list.precedes,
    ...(VECTOR_DTYPES.has(dtype) && along.inner === 1 && { mayAccept: (j: Dim, bound: Expr): Expr => unary('not', binary(largest ? 'le' : 'ge', { kind: 'load', buffer: 'x0', index: [at(j)], lanes: LANES }, splat(bound))) }),
  }
  const results = loopTo('p', k, [
    ...elementOf('sorted', list, 'p'), letBe('position', 'i32', load('positions', ['sorted'])), indexFrom('from', local('position', 'i32'), along.length), indexIs('result', add('into', mul('p', along.inner))),
    storeTo('y0', 'result', load('x0', [at('from')])), storeTo('y1', 'result', cast('i64', local('position', 'i32'))),
  ])
  const row = [indexIs('first', elementAlong(along, 'row', 0)), indexIs('into', elementAlong({ ...along, length: k }, 'row', 0)), ...listFirst(listing), results]
  // Without places nothing is listed.
  return { body: [eachRowInGroups(along.rows, groups, [loopTo('any', min(k, 1), row)])], temps: [{ name: 'keys', dtype: HELD_AS[type], length }, { name: 'positions', dtype: 'int32', length }] }
}
