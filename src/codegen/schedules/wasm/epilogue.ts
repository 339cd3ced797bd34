/**
 * What is stored for the points of a tile: long chains of operations, each of which waits for the one before it, are computed
 * for several points step by step, since a processor looks only so far ahead that it would not find the next point by itself. Very long
 * ones are computed in a loop, when the tile's sums no longer take up registers.
 */
import type { Compute } from '../../../ir/kernel/compute.js'
import type { UnaryOp } from '../../../ir/kernel/expr.js'
import type { Directive } from '../../../ir/kernel/schedule.js'
import { rootsOf, visitExprs } from '../../../ir/kernel/walk.js'
import type { Features } from './tile.js'

/** Operations that are worth it, and points computed together: as many as leave registers for what they share. */
const LONG = 8, TOGETHER = 4
/** Operations beside which storing a tile's sums and reading them back is little: more of them where a product and its sum are one instruction. */
const LONGER: Readonly<Record<Features, number>> = { baseline: 16, relaxed: 32 }

/** Functions that are written out, in operations; others are one, or a call. */
const WRITTEN_OUT: Readonly<Partial<Record<UnaryOp, number>>> = { exp: 16, expm1: 18, log: 24, log1p: 30, tanh: 20, erf: 30 }

/** The directives that compute stored values step by step, and where they are long apart from the sums they are made of; none where they are short. */
export function scheduleStores(compute: Compute, features: Features): readonly Directive[] {
  const longest = Math.max(0, ...compute.stages.map((s) => (s.kind === 'store' ? lengthOf(rootsOf(s)) : 0)))
  return longest < LONG ? [] : [{ kind: 'interleave', points: TOGETHER }, ...(longest < LONGER[features] ? [] : [{ kind: 'drain' } as const])]
}

function lengthOf(roots: ReturnType<typeof rootsOf>): number {
  let length = 0
  visitExprs(roots, (e) => {
    if (e.kind === 'unary') length += WRITTEN_OUT[e.op] ?? 1
    else if (e.kind === 'binary' || e.kind === 'select') length++
  })
  return length
}
