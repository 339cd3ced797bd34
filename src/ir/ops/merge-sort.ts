/**
 * Sorting a list in memory. Runs of four elements are sorted; two by two they become runs of twice as many, from one half of the memory into the
 * other, until there is but one. Two runs are merged from both ends at once: neither can end before as many elements are placed as the shorter one
 * has, so that only keys are compared, and neither end waits for the other. What a longer run has more is placed with an eye on the ends. Equal
 * elements keep their order.
 */
import { add, ceilDiv, min, mul, sub, type Dim } from '../dims.js'
import { binary, cast, indexValue, isBelow, load, local, unary, type Expr, type ScalarType } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexFrom, indexIs, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import { minus, number, plus, times } from './expressions.js'

/** What is sorted: a key and an int32 for each element. Keys are stored as `HELD_AS` says of their type. */
export interface SortedList {
  /** The buffers of both, and where in them the memory of the list begins: twice `room` elements. */
  readonly keys: string
  readonly values: string
  readonly base: Dim
  /** Elements at most, as `roomFor` gives it, and elements. */
  readonly room: Dim
  readonly count: Dim
  readonly type: ScalarType
  /** Whether one key comes before another. */
  readonly precedes: (x: Expr, y: Expr) => Expr
}

const i32 = (value: number): Expr => number('i32', value)
const reg = (name: string): Expr => local(name, 'i32')

/** Elements of the runs that come first. */
const RUN = 4

/** The room of a list that may have so many elements. */
export const roomFor = (count: Dim): Dim => mul(RUN, ceilDiv(count, RUN))

/** Doublings after which a run has all that a list can hold. */
const doublingsFor = (room: Dim): number => (typeof room === 'number' ? Math.ceil(Math.log2(Math.max(1, room / RUN))) : 29)

/** The register `half` says where in its memory the list begins: at 0 or at `room`. It is declared before a list is first sorted. */
export const FIRST_HALF: Stmt = varOf('half', 'i32', i32(0))

/** Element `at` of the list, where it begins at the register `half`: sets the index `name` to where in the memory of the list it is. */
export const elementOf = (name: string, { room, base }: SortedList, at: Dim): readonly Stmt[] => [indexFrom(`${name}_half`, reg('half'), add(room, 1)), indexIs(name, add(base, `${name}_half`, at))]

/** Sorts runs of four: the place of an element is how many of its run come before it. */
function sortRuns({ keys, values, count, type, precedes }: SortedList): readonly Stmt[] {
  const places = [0, 1, 2, 3], key = (i: number): Expr => local(`key${i}`, type), comesFirst = (i: number, j: number): string => `comes${j}_before${i}`
  const later = places.flatMap((j) => places.slice(0, j).map((i) => [i, j] as const))
  const before = (i: number): readonly Expr[] => places.flatMap((j) => (j === i ? [] : [j > i ? reg(comesFirst(i, j)) : minus(i32(1), reg(comesFirst(j, i)))]))
  return [loopTo('run', mul(RUN, ceilDiv(count, RUN)), [
    ...places.map((i) => letBe(`key${i}`, type, load(keys, [add('source', 'run', i)]))),
    // What stands behind the last element comes before none.
    ...later.map(([i, j]) => letBe(comesFirst(i, j), 'i32', cast('i32', binary('and', isBelow(add('run', j), count), precedes(key(j), key(i)))))),
    ...places.flatMap((i) => [
      indexFrom(`place${i}`, before(i).reduce(plus), RUN), indexIs(`to${i}`, add('target', 'run', `place${i}`)),
      storeTo(keys, `to${i}`, key(i)), storeTo(values, `to${i}`, load(values, [add('source', 'run', i)])),
    ]),
  ], RUN)]
}

/** `body`, which moves the list from the index `source` to the index `target`, where its other half begins. */
const toOtherHalf = ({ room, base }: SortedList, body: readonly Stmt[]): readonly Stmt[] => [
  indexFrom('begins', reg('half'), add(room, 1)), indexIs('source', add(base, 'begins')), indexIs('target', add(base, sub(room, 'begins'))), ...body, setTo('half', minus(indexValue(room), reg('half'))),
]

/** Sorts a list. */
export function mergeSort(list: SortedList): readonly Stmt[] {
  const { room, count } = list, width = reg('width')
  const merges = loopTo('pair', ceilDiv(count, mul(2, 'wide')), [
    indexIs('begin', mul(2, 'wide', 'pair')), indexIs('middle', min(add('begin', 'wide'), count)), indexIs('end', min(add('begin', mul(2, 'wide')), count)),
    ...mergeTwo(list),
  ])
  return [
    when(isBelow(1, count), toOtherHalf(list, sortRuns(list))),
    varOf('width', 'i32', i32(RUN)),
    loopTo('doubling', doublingsFor(room), [when(binary('lt', width, indexValue(count)), [indexFrom('wide', width, room), ...toOtherHalf(list, [merges]), setTo('width', plus(width, width))])]),
  ]
}

/** Merges the run from `begin` to before `middle` with the one from there to before `end`, which has no more elements. */
function mergeTwo(list: SortedList): readonly Stmt[] {
  const { count, precedes } = list, shorter = sub('end', 'middle'), longer = sub('middle', 'begin'), taken = add(count, 1)
  const front = step(list, 'front', { left: add('begin', sub('m', 'front_taken')), right: add('middle', 'front_taken'), to: add('begin', 'm') }, 'from_front', (left, right) => precedes(right, left))
  const back = step(list, 'back', { left: sub('middle', add('m', sub(1, 'back_taken'))), right: sub('end', add('back_taken', 1)), to: sub('end', add('m', 1)) }, 'from_back', (left, right) => unary('not', precedes(right, left)))
  const hasRight = isBelow(add('middle', 'rest_taken'), sub('end', 'back_all')), hasLeft = isBelow('rest_left', sub('middle', sub(shorter, 'back_all')))
  const rest = step(list, 'rest', { left: add('begin', sub('n', 'rest_taken')), right: min(add('middle', 'rest_taken'), sub('end', 1)), to: add('begin', 'n') }, 'from_front',
    (left, right) => binary('and', hasRight, binary('or', unary('not', hasLeft), precedes(right, left))))
  return [
    varOf('from_front', 'i32', i32(0)), varOf('from_back', 'i32', i32(0)),
    loopTo('m', shorter, [indexFrom('front_taken', reg('from_front'), taken), indexFrom('back_taken', reg('from_back'), taken), ...front, ...back]),
    indexFrom('back_all', reg('from_back'), taken),
    { kind: 'for', variable: 'n', lo: shorter, hi: longer, step: 1, body: [indexFrom('rest_taken', reg('from_front'), taken), ...rest] },
  ]
}

/** Places one of two elements; the register `counter` counts those that come from the right. */
function step({ keys, values, type, room }: SortedList, name: string, { left, right, to }: { readonly left: Dim; readonly right: Dim; readonly to: Dim }, counter: string, takesRight: (left: Expr, right: Expr) => Expr): readonly Stmt[] {
  const own = (part: string): string => `${name}_${part}`, fromRight = reg(own('from_right'))
  return [
    indexIs(own('left'), left), indexIs(own('right'), right), indexIs(own('to'), add('target', to)),
    letBe(own('left_key'), type, load(keys, [add('source', own('left'))])), letBe(own('right_key'), type, load(keys, [add('source', own('right'))])),
    letBe(own('from_right'), 'i32', cast('i32', takesRight(local(own('left_key'), type), local(own('right_key'), type)))),
    // Which it is would be foreseen badly, and is computed.
    indexFrom(own('chosen'), plus(indexValue(own('left')), times(fromRight, indexValue(sub(own('right'), own('left'))))), room),
    storeTo(keys, own('to'), load(keys, [add('source', own('chosen'))])), storeTo(values, own('to'), load(values, [add('source', own('chosen'))])),
    setTo(counter, plus(reg(counter), fromRight)),
  ]
}
