/** The list of all op records. Adding an op is one file (or one line in a family's table) and one line here. */
import { IngotError } from '../../base/error.js'
import type { Op } from '../op.js'
import { averagePool, lpPool } from './average-pool.js'
import { conv } from './conv.js'
import { matmul } from './matmul.js'
import { maxPool, maxPoolIndices } from './max-pool.js'

const LIST: readonly Op[] = [
  matmul, conv, maxPool, maxPoolIndices, averagePool, lpPool,
]

/** All op records by name. */
export const OPS: ReadonlyMap<string, Op> = new Map(LIST.map((op) => [op.name, op]))

/** The record of an op; throws `unknown-op`. */
export function getOp(name: string): Op {
  const op = OPS.get(name)
  if (op === undefined) throw new IngotError('unknown-op', `there is no op named '${name}'`, { hint: 'the ops are listed in docs/ops.md' })
  return op
}
