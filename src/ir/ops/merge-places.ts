/**
 * Merging by places: sorted runs that lie side by side become one, each element by itself. Its place is how many of its own run come
 * before it, and for each of the other runs how many of those do, which a search by halves finds. Of equal elements those of
 * earlier runs come first, so that no order among equals is lost.
 */
import { add, floorDiv, min, mul, sub, type Dim } from '../dims.js'
import { binary, constant, indexValue, local, selectExpr, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexFrom, indexIs, letBe, loopTo, setTo, varOf, when } from '../kernel/statements.js'

/** Runs that become one at a time. */
export const MERGED = 4

export interface Runs {
  /** Runs that become one. */
  readonly merged: number
  /** Steps of a search: so many that 2^steps is more than a run has. */
  readonly steps: Dim
  /** How many runs there are, and elements in one. */
  readonly count: Dim
  readonly length: (run: Dim) => Dim
  readonly keyAt: (run: Dim, at: Dim) => Expr
  readonly type: RegisterType
  /** `gt` where the greatest come first, else `lt`. */
  readonly precedes: 'gt' | 'lt'
}

const int = (value: number): Expr => constant('i32', value)
const idx = indexValue

/** Statements that give the place, in the integer local `to`, of an element whose key is in the register `own`: it is element `at` of run `run`. What they merge it into has room for `room` elements. */
export function placeOf({ merged, steps, count, length, keyAt, type, precedes }: Runs, room: Dim): Stmt[] {
  const own = local('own', type), theirs = local('theirs', type), place = local('place', 'i32'), before = local('before', 'i32'), step = local('step', 'i32'), next = local('next', 'i32')
  const earlier = binary('lt', idx('other'), idx('run'))
  const comesFirst = binary('or', binary(precedes, theirs, own), binary('and', earlier, binary('eq', theirs, own)))
  return [
    varOf('place', 'i32', idx('at')),
    loopTo('sibling', merged, [
      indexIs('other', add(mul(merged, floorDiv('run', merged)), 'sibling')),
      when(binary('and', binary('ne', idx('other'), idx('run')), binary('lt', idx('other'), idx(count))), [
        indexIs('length', length('other')),
        varOf('before', 'i32', int(0)),
        varOf('step', 'i32', typeof steps === 'number' ? int(2 ** (steps - 1)) : binary('shl', int(1), idx(sub(steps, 1)))),
        loopTo('turn', steps, [
          letBe('next', 'i32', binary('add', before, step)),
          indexFrom('probe', binary('sub', binary('min', next, idx('length')), int(1)), 'length'),
          letBe('theirs', type, keyAt('other', 'probe')),
          setTo('before', selectExpr(binary('and', binary('le', next, idx('length')), comesFirst), next, before)),
          setTo('step', binary('shr', step, int(1))),
        ]),
        setTo('place', binary('add', place, before)),
      ]),
    ]),
    indexFrom('to', place, room),
  ]
}

/** Steps of a search in runs of so many elements at most. */
export const stepsFor = (length: number): number => Math.floor(Math.log2(length)) + 1

/** How many elements run number `run` has, of runs of `longest` elements in which `total` are: `kept` of them at most. */
export const lengthOfRun = (run: Dim, longest: Dim, total: Dim, kept: Dim = longest): Dim => min(longest, kept, sub(total, mul(run, longest)))
