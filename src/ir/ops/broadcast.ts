/** Numpy broadcasting on symbolic shapes: shapes are aligned at their last axes, and an extent of 1 stretches. */
import { IngotError } from '../../base/error.js'
import { printShape } from '../dims-text.js'
import { dimsEqual, type Dim } from '../dims.js'
import type { InferContext } from '../op.js'

/**
 * The shape to which all `shapes` broadcast. A symbolic extent against 1 gives the symbol; against another number or
 * symbol the two are taken to be equal (and checked at bind). Throws `shape-mismatch` for numbers that differ.
 */
export function broadcastShapes(shapes: readonly (readonly Dim[])[], ctx: InferContext): readonly Dim[] {
  return shapes.reduce((a, b) => broadcastPair(a, b, ctx))
}

function broadcastPair(a: readonly Dim[], b: readonly Dim[], ctx: InferContext): readonly Dim[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1, y = b[i - rank + b.length] ?? 1
    if (x === 1 || dimsEqual(x, y)) return y
    if (y === 1) return x
    if (typeof x === 'number' && typeof y === 'number') {
      throw new IngotError('shape-mismatch', `shapes ${printShape(a)} and ${printShape(b)} do not broadcast: ${x} against ${y}`, {
        hint: 'aligned at the last axis, extents must be equal or 1',
      })
    }
    ctx.assume(x, y, `shapes ${printShape(a)} and ${printShape(b)} broadcast`)
    return typeof x === 'number' ? x : typeof y === 'number' ? y : x
  })
}

/** Checks that `from` broadcasts to exactly `to`: every extent is 1 or equal; symbolic ones are taken to be. */
export function checkBroadcastTo(from: readonly Dim[], to: readonly Dim[], ctx: InferContext): void {
  const missing = to.length - from.length
  if (missing < 0) throw new IngotError('shape-mismatch', `${printShape(from)} has more axes than ${printShape(to)}, to which it should broadcast`)
  from.forEach((d, i) => {
    if (d === 1) return
    ctx.assume(d, to[i + missing] as Dim, `${printShape(from)} broadcasts to ${printShape(to)}`)
  })
}

/** The index at which a tensor of `shape` is read for element `index` of the broadcast result: the last axes of `index`, 0 where the extent is 1. */
export function broadcastIndex(shape: readonly Dim[], index: readonly Dim[]): readonly Dim[] {
  return shape.map((d, i) => (d === 1 ? 0 : (index[i - shape.length + index.length] as Dim)))
}
