/** What ops that pool regions of interest share: loops over regions, places and channels, and the checks of their operands. */
import { floorDiv, mod, mul, product, sub, type Dim } from '../dims.js'
import { printShape } from '../dims-text.js'
import type { ComputeContext } from '../kernel/compute.js'
import type { Stmt } from '../kernel/kernel.js'
import { eachOf, indexIs, loopTo } from '../kernel/statements.js'
import type { Call, InferContext } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { checkAttribute, checkSameDType, checkShape, FLOATS, tensorInput } from './operands.js'

/** An axis of the image: where a region's numbers of it stand, its extent, the loop over the result's places and the result's extent. */
export interface Side { readonly name: 'y' | 'x'; readonly first: number; readonly extent: Dim; readonly place: string; readonly pooled: number }

/** Channels that are pooled together on a CPU, so that they share coordinates and weights. */
const TOGETHER = 4

/** The result [regions, channels, height, width] of pooling images [N, C, H, W] in regions of `columns` numbers each. */
export function inferRegions(call: Call<unknown>, ctx: InferContext, columns: number, pooled: readonly number[]): TensorType {
  const x = tensorInput(call, 0, FLOATS), rois = tensorInput(call, 1)
  checkSameDType(x, rois, 'the images and the regions')
  checkShape(x.shape.length === 4 && rois.shape.length === 2, `regions of interest need images of rank 4 and regions of rank 2, not ${printShape(x.shape)} and ${printShape(rois.shape)}`)
  checkAttribute(pooled.length === 2 && pooled.every((n) => Number.isInteger(n) && n >= 1), `the pooled extents ${pooled.join(' and ')} must be two numbers of at least 1`)
  const [regions, width] = rois.shape as readonly [Dim, Dim], [, channels, ...image] = x.shape as readonly [Dim, Dim, Dim, Dim]
  ctx.assume(width, columns, `a region has ${columns} numbers`)
  for (const extent of image) ctx.assume(1, extent, 'images with regions have elements', 'le')
  return tensorType(x.dtype, [regions, channels, ...pooled])
}

/** Statements for a region `r`, for a place (`p`, `s`) in its result, and for the `count` channels from `c` on there. */
export interface RegionBody { readonly region: readonly Stmt[]; readonly place: readonly Stmt[]; readonly channels: (count: number) => readonly Stmt[] }

/** The loops of a kernel over a result [regions, channels, height, width]: on a GPU an invocation has one element. */
export function regionLoops(ctx: ComputeContext<unknown>, { region, place, channels }: RegionBody): readonly Stmt[] {
  const [y] = ctx.outputs as readonly [TensorType], [regions, count, height, width] = y.shape as readonly [Dim, Dim, Dim, Dim]
  if (ctx.gpu !== undefined) {
    const row = floorDiv('point', width), plane = floorDiv(row, height)
    return [eachOf('point', product([regions, count, height, width]), [
      indexIs('s', mod('point', width)), indexIs('p', mod(row, height)), indexIs('c', mod(plane, count)), indexIs('r', floorDiv(plane, count)), ...region, ...place, ...channels(1),
    ])]
  }
  const whole = mul(TOGETHER, floorDiv(count, TOGETHER))
  const rest: readonly Stmt[] = sub(count, whole) === 0 ? [] : [{ kind: 'for', variable: 'c', lo: whole, hi: count, step: 1, body: channels(1) }]
  return [eachOf('r', regions, [...region, eachOf('p', height, [loopTo('s', width, [...place, ...(whole === 0 ? [] : [loopTo('c', whole, channels(TOGETHER), TOGETHER)]), ...rest])])])]
}
