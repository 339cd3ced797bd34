/** The compute of elementwise ops, derived from their `scalar`. */
import { invariant } from '../../base/error.js'
import type { Dim } from '../dims.js'
import type { Attrs } from '../graph.js'
import type { Op } from '../op.js'
import { broadcastIndex } from '../ops/broadcast.js'
import type { Axis, Compute, ComputeContext } from './compute.js'
import { load } from './expr.js'

/** Axes `i0`, `i1`… over `shape`. */
export function axesOver(shape: readonly Dim[]): readonly Axis[] {
  return shape.map((hi, i) => ({ name: `i${i}`, hi }))
}

/** One store of `op.scalar` over the output's axes; inputs are read at the same index, at 0 where they broadcast. */
export function elementwiseCompute(op: Op, ctx: ComputeContext<Attrs>): Compute {
  const [output] = ctx.outputs
  invariant(output !== undefined && op.scalar !== undefined, `${op.name} has no elementwise body`)
  const axes = axesOver(output.shape)
  const index = axes.map((a) => a.name)
  const loads = ctx.inputs.map((type, i) => {
    invariant(type !== null, `${op.name} lacks input ${i}`)
    return load(`x${i}`, broadcastIndex(type.shape, index))
  })
  const value = op.scalar(loads, ctx.attrs, output.dtype)
  return { name: op.name, buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value }] }
}
