/**
 * The first elements of a row by sorting, where they are too many to insert one by one. Elements are listed until the list is full; then it is sorted,
 * what comes after its first `k` elements is forgotten, and from there on only elements that come before the last of these are listed. The list has
 * room for more than twice as many as are wanted, so that few elements are sorted more often than twice.
 */
import { add, max, min, mul, sub, type Dim } from '../dims.js'
import { binary, cast, HELD_AS, indexValue, isBelow, load, local, type ScalarType } from '../kernel/expr.js'
import type { KernelBuffer, Stmt } from '../kernel/kernel.js'
import { indexFrom, indexIs, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import { elementAlong, eachRowInGroups, rowGroups, type RowsAlong } from './along-axis.js'
import { least, number, plus } from './expressions.js'
import { elementOf, FIRST_HALF, mergeSort, roomFor, type SortedList } from './merge-sort.js'
import { precedesExpr } from './top-k-row.js'

/** Elements that a list has room for beyond twice as many as are wanted. */
const SPARE = 64

/** Rows of `x0`, whose first `k` elements go to `y0` and their positions to `y1`. */
export interface SortedRows { readonly type: ScalarType; readonly largest: boolean; readonly along: RowsAlong; readonly k: Dim }

/** The loops over rows, and the memory for their lists. */
export function sortRows({ type, largest, along, k }: SortedRows): { readonly body: readonly Stmt[]; readonly temps: readonly Omit<KernelBuffer, 'role'>[] } {
  const room = roomFor(min(along.length, add(mul(2, k), SPARE))), memory = mul(2, room), groups = rowGroups(along.rows), length = mul(groups, memory)
  const list: SortedList = { keys: 'keys', values: 'positions', base: mul('group', memory), room, count: 'listed', type, precedes: (x, y) => precedesExpr(x, y, { type, largest }) }
  // Without places nothing is listed, and nothing sorted.
  const rows = eachRowInGroups(along.rows, groups, [loopTo('any', min(k, 1), sortRow(list, along, k))])
  return { body: [rows], temps: [{ name: 'keys', dtype: HELD_AS[type], length }, { name: 'positions', dtype: 'int32', length }] }
}

function sortRow(list: SortedList, along: RowsAlong, k: Dim): readonly Stmt[] {
  const { type, room, keys, values } = list, { length, inner } = along, count = local('count', 'i32'), isOpen = local('is_open', 'bool'), x = local('x', type)
  const forget: readonly Stmt[] = [
    indexFrom('listed', count, add(room, 1)), ...mergeSort(list),
    setTo('count', least(count, indexValue(k))), setTo('is_open', number('bool', 0)),
    ...elementOf('last_at', list, max(sub(min('listed', k), 1), 0)), setTo('last', load(keys, ['last_at'])),
  ]
  const append: readonly Stmt[] = [
    indexFrom('to', count, room), ...elementOf('to_at', list, 'to'),
    storeTo(keys, 'to_at', x), storeTo(values, 'to_at', indexValue('j')), setTo('count', plus(count, number('i32', 1))),
  ]
  return [
    indexIs('first', elementAlong(along, 'row', 0)), indexIs('into', elementAlong({ ...along, length: k }, 'row', 0)),
    varOf('count', 'i32', number('i32', 0)), varOf('is_open', 'bool', number('bool', 1)), varOf('last', type, number(type, 0)), FIRST_HALF,
    loopTo('j', add(length, 1), [
      when(binary('or', binary('eq', indexValue('j'), indexValue(length)), binary('eq', count, indexValue(room))), forget),
      when(isBelow('j', length), [
        letBe('x', type, load('x0', [add('first', mul('j', inner))])),
        when(binary('or', isOpen, list.precedes(x, local('last', type))), append),
      ]),
    ]),
    loopTo('p', k, [
      ...elementOf('sorted', list, 'p'), letBe('position', 'i32', load(values, ['sorted'])), indexFrom('from', local('position', 'i32'), length),
      indexIs('at', add('into', mul('p', inner))), storeTo('y0', 'at', load('x0', [add('first', mul('from', inner))])), storeTo('y1', 'at', cast('i64', local('position', 'i32'))),
    ]),
  ]
}
