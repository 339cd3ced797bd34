/** The first elements of rows along an axis, where they are too many to insert one by one. */
import type { DType } from '../../base/dtype.js'
import { add, min, mul, type Dim } from '../dims.js'
import { binary, cast, HELD_AS, LANES, load, local, REGISTER, selectExpr, splat, unary, VECTOR_DTYPES, type Expr, type ScalarType } from '../kernel/expr.js'
import type { KernelBuffer, Stmt } from '../kernel/kernel.js'
import { indexFrom, indexIs, letBe, loopTo, storeTo } from '../kernel/statements.js'
import { eachRowInGroups, elementAlong, rowGroups, type RowsAlong } from './along-axis.js'
import { least, number } from './expressions.js'
import { listFirst, togetherOf, type Listing } from './list-first.js'
import { elementOf, roomFor, type SortedList } from './merge-sort.js'
import { precedesExpr } from './top-k-row.js'

/** Rows of `x0`, whose first `k` elements go to `y0` and their positions to `y1`. */
export interface SortedRows { readonly dtype: DType; readonly largest: boolean; readonly along: RowsAlong; readonly k: Dim }

interface Key { readonly type: ScalarType; readonly of: (x: Expr) => Expr; readonly precedes: (x: Expr, y: Expr) => Expr }

/** What elements of a register type are sorted by. Doubles have room for a NaN of f32 above infinity, so that they are compared at once; elements that are doubles have not. */
function keyOf(type: ScalarType, largest: boolean): Key {
  const precedes = (x: Expr, y: Expr): Expr => (type === 'f64' ? precedesExpr(x, y, { type, largest }) : binary(largest ? 'gt' : 'lt', x, y))
  if (type !== 'f32') return { type, precedes, of: (x) => x }
  return { type: 'f64', precedes, of: (x) => selectExpr(unary('isnan', x), number('f64', Infinity), least(cast('f64', x), number('f64', Number.MAX_VALUE))) }
}

/** The loops over rows, and the memory for their lists. */
export function sortRows(rows: SortedRows): { readonly body: readonly Stmt[]; readonly temps: readonly Omit<KernelBuffer, 'role'>[] } {
  const { dtype, largest, along, k } = rows, key = keyOf(REGISTER[dtype], largest), together = togetherOf(along.length, k), room = roomFor(together), groups = rowGroups(along.rows), length = mul(2, groups, room)
  const list: SortedList = { keys: 'keys', values: 'positions', base: mul('group', 2, room), room, count: 'listed', type: key.type, precedes: key.precedes }
  const at = (j: Dim): Dim => add('first', mul(j, along.inner))
  const listing: Listing = {
    list, length: along.length, wanted: k, together, keyAt: (j) => key.of(load('x0', [at(j)])), accepts: list.precedes,
    ...(VECTOR_DTYPES.has(dtype) && along.inner === 1 && { mayAccept: (j: Dim, bound: Expr): Expr => unary('not', binary(largest ? 'le' : key.type === 'f64' ? 'gt' : 'ge', { kind: 'load', buffer: 'x0', index: [at(j)], lanes: LANES }, splat(cast(REGISTER[dtype], bound)))) }),
  }
  const results = loopTo('p', k, [
    ...elementOf('sorted', list, 'p'), letBe('position', 'i32', load('positions', ['sorted'])), indexFrom('from', local('position', 'i32'), along.length), indexIs('result', add('into', mul('p', along.inner))),
    storeTo('y0', 'result', load('x0', [at('from')])), storeTo('y1', 'result', cast('i64', local('position', 'i32'))),
  ])
  const row = [indexIs('first', elementAlong(along, 'row', 0)), indexIs('into', elementAlong({ ...along, length: k }, 'row', 0)), ...listFirst(listing), results]
  // Without places nothing is listed.
  return { body: [eachRowInGroups(along.rows, groups, [loopTo('any', min(k, 1), row)])], temps: [{ name: 'keys', dtype: HELD_AS[key.type], length }, { name: 'positions', dtype: 'int32', length }] }
}
