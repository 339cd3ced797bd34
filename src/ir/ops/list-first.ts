/**
 * The first elements of a row in order, where they are too many to insert one by one. Elements are listed until the list is full; then it is sorted,
 * what comes after as many as are wanted is forgotten, and from there on only elements that come before the last of these are listed. A list has room
 * for more than twice as many as are wanted, so that few elements are sorted more often than twice.
 */
import { add, ceilDiv, max, min, mul, sub, type Dim } from '../dims.js'
import { binary, indexValue, isBelow, load, local, unary, LANES, type Expr } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexFrom, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import { least, number, plus } from './expressions.js'
import { elementOf, FIRST_HALF, mergeSort, type SortedList } from './merge-sort.js'

/** Elements that are looked at together. */
const BLOCK = 16
/** Elements that a list has room for beyond twice as many as are wanted. */
const SPARE = 64

/** Elements that are sorted together where `wanted` of `length` are. */
export const togetherOf = (length: Dim, wanted: Dim): Dim => min(mul(BLOCK, ceilDiv(length, BLOCK)), add(mul(2, wanted), SPARE))

/** Which elements of a row are listed. */
export interface Listing {
  /** `count` is the index `listed`. */
  readonly list: SortedList
  /** Elements of the row. */
  readonly length: Dim
  readonly wanted: Dim
  /** Elements that are sorted together: as `togetherOf` says, and no more than the list has room for. */
  readonly together: Dim
  /** The key of an element of the row. */
  readonly keyAt: (at: Dim) => Expr
  /** The key that elements come before from the beginning; any does if there is none. */
  readonly bound?: Expr
  /** Whether `x`, element `j` of the row, is listed if elements must come before the key `bound`. */
  readonly accepts: (x: Expr, bound: Expr) => Expr
  /** The same for the four elements from `at` on, or true for more of them; it saves looking at each. */
  readonly mayAccept?: (at: Dim, bound: Expr) => Expr
}

const count = local('count', 'i32'), isOpen = local('is_open', 'bool')
const i32 = (value: number): Expr => number('i32', value)

/** Statements after which the first `wanted` elements of a row, or as many as it has, are in the list in order; `count` is the register that says how many they are. */
export function listFirst(listing: Listing): readonly Stmt[] {
  const { list, length, wanted, together, bound } = listing, blocks = ceilDiv(length, BLOCK)
  const forget: readonly Stmt[] = [
    indexFrom('listed', count, add(list.room, 1)), ...mergeSort(list),
    setTo('is_open', number('bool', 0)), setTo('count', least(count, indexValue(wanted))),
    ...elementOf('last_at', list, max(sub(min('listed', wanted), 1), 0)), setTo('bound', load(list.keys, ['last_at'])),
  ]
  return [
    varOf('count', 'i32', i32(0)), varOf('is_open', 'bool', number('bool', bound === undefined ? 1 : 0)), varOf('bound', list.type, bound ?? number(list.type, 0)), FIRST_HALF,
    loopTo('block', add(blocks, 1), [
      when(binary('or', binary('eq', indexValue('block'), indexValue(blocks)), binary('gt', count, indexValue(sub(together, BLOCK)))), forget),
      ...listBlock(listing),
    ]),
  ]
}

/** Lists elements of one block; behind the last block there are none. */
function listBlock({ list, length, keyAt, accepts, mayAccept }: Listing): readonly Stmt[] {
  const x = local('x', list.type), bound = local('bound', list.type), first = mul(BLOCK, 'block')
  const each = loopTo('of_block', max(min(BLOCK, sub(length, first)), 0), [
    letBe('j', 'i32', indexValue(add(first, 'of_block'))), letBe('x', list.type, keyAt(add(first, 'of_block'))),
    when(binary('or', isOpen, accepts(x, bound)), [
      indexFrom('to', count, list.room), ...elementOf('to_at', list, 'to'),
      storeTo(list.keys, 'to_at', x), storeTo(list.values, 'to_at', local('j', 'i32')), setTo('count', plus(count, i32(1))),
    ]),
  ])
  if (mayAccept === undefined) return [each]
  const fours = Array.from({ length: BLOCK / LANES }, (_, i) => mayAccept(add(first, i * LANES), bound)), any = local('any_of_four', 'b32x4')
  const anyOf = Array.from({ length: LANES }, (_, lane): Expr => ({ kind: 'lane', x: any, lane })).reduce((a, b) => binary('or', a, b))
  return [
    varOf('is_any', 'bool', number('bool', 1)),
    when(binary('and', unary('not', isOpen), isBelow(add(first, BLOCK - 1), length)), [letBe('any_of_four', 'b32x4', fours.reduce((a, b) => binary('or', a, b))), setTo('is_any', anyOf)]),
    when(local('is_any', 'bool'), [each]),
  ]
}
