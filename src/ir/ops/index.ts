/** The list of all op records. Adding an op is one file (or one line in a family's table) and one line here. */
import { IngotError } from '../../base/error.js'
import type { Op } from '../op.js'

const LIST: readonly Op[] = [
]

/** All op records by name. */
export const OPS: ReadonlyMap<string, Op> = new Map(LIST.map((op) => [op.name, op]))

/** The record of an op; throws `unknown-op`. */
export function getOp(name: string): Op {
  const op = OPS.get(name)
  if (op === undefined) throw new IngotError('unknown-op', `there is no op named '${name}'`, { hint: 'the ops are listed in docs/ops.md' })
  return op
}
