/** Checks of rank and of lists with one entry per axis, which convolutions, pools and recurrences make. */
import { IngotError } from '../../base/error.js'
import { printType, type TensorType } from '../types.js'

/** Throws `shape-mismatch` unless `type` has rank `rank`; `layout` names the extents: `[M, C/group, k…]`. */
export function requireRank(type: TensorType, name: string, rank: number, layout: string): void {
  if (type.shape.length !== rank) throw new IngotError('shape-mismatch', `${name} must have rank ${rank}, ${layout}, but is ${printType(type)}`)
}

/** Throws `bad-attribute` unless `values` has `length` entries, all integers ≥ `least` where they are numbers. */
export function requireEntries(name: string, values: readonly unknown[], length: number, least: number): void {
  if (values.length !== length) throw new IngotError('bad-attribute', `${name} needs ${length} entries but has ${values.length}: [${values.join(', ')}]`)
  for (const v of values) {
    if (typeof v === 'number' && (!Number.isInteger(v) || v < least)) throw new IngotError('bad-attribute', `${name} must hold integers${least > -Infinity ? ` of at least ${least}` : ''}, but is [${values.join(', ')}]`)
  }
}
