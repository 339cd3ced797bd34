/** Pads whose amounts are known only while running, and may turn out to crop. */
import { describe, test } from 'vitest'
import { parseGraph } from '../../src/ir/parse.js'
import { expectSameOnTarget } from './same-on-target.js'

const AMOUNTS = ['s', '-s', 's - 10', '-floordiv(s, 2)', 'select(lt(s - 12, 0), -s, s)', 'min(s - 8, 3)', 'max(s - 12, -4)']

describe.each(['js', 'wasm'] as const)('an amount computed while running pads where it is positive and crops where not, on %s', (target) => {
  test.each(AMOUNTS)('%s', (before) => expectSameOnTarget(parseGraph(`graph @g stage=canonical (x: float32[3, 20, 8], like: float32[s]) -> (y: float32[3, 20 + ${before}, 9]) {
    symbol s = extent(like, 0)
    %y: float32[3, 20 + ${before}, 9] = pad(%x, _) {mode = "constant", before = [0, ${before}, 0], after = [0, 0, 1]}
    return y = %y
  }`), target, [{ s: 6 }, { s: 10 }, { s: 13 }], { passes: [] }))
})
