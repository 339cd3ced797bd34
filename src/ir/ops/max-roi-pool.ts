/** The greatest element of each bin of regions of interest. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { add, mul, type Dim } from '../dims.js'
import { fromNumbers } from '../host-tensor.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, cast, constant, indexValue, load, local, REGISTER, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { indexFrom, letBe, setTo, storeTo, varOf } from '../kernel/statements.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import type { TensorType } from '../types.js'
import { numbersOf } from './elements.js'
import { greatest, least, number, over, plus, times } from './expressions.js'
import { flatIndex, kernelOf } from './hand-written.js'
import { fromIndex } from './interpolation.js'
import { inferRegions, regionLoops, type Side } from './roi-space.js'

const ATTRS = { height: 'int', width: 'int', spatial_scale: 'float' } as const
interface MaxRoiPoolAttrs { readonly height: number; readonly width: number; readonly spatial_scale: number }

/** The nearest integer, halves away from zero. */
const rounded = (v: number): number => Math.sign(v) * Math.floor(Math.abs(v) + 0.5)

/** First element of a bin along an axis, and the one after its last. */
function binOf(from: number, to: number, place: number, pooled: number, extent: number, scale: number, round: (v: number) => number): readonly [number, number] {
  const start = rounded(round(from * scale)), size = Math.max(rounded(round(to * scale)) - start + 1, 1), bin = round(size / pooled), inside = (v: number): number => Math.min(Math.max(v + start, 0), extent)
  return [inside(Math.floor(round(place * bin))), inside(Math.ceil(round((place + 1) * bin)))]
}

function reference({ inputs, attrs, outputs }: ReferenceCall<MaxRoiPoolAttrs>): HostTensor[] {
  const [x, rois] = inputs as readonly [HostTensor, HostTensor], [out] = outputs as readonly [ConcreteType]
  const values = numbersOf(x), regions = numbersOf(rois), round = x.dtype === 'float64' ? (v: number): number => v : Math.fround, scale = round(attrs.spatial_scale)
  const [batch, channels, height, width] = x.shape as readonly [number, number, number, number], result = new Float64Array(elementCount(out.shape))
  for (let r = 0, to = 0; r < (out.shape[0] as number); r++) {
    const at = (i: number): number => regions[5 * r + i] as number, given = Math.trunc(at(0)), image = given < 0 ? given + batch : given
    if (!(image >= 0 && image < batch)) throw new IngotError('index-out-of-range', `region ${r} is of image ${given}, and there are ${batch}`)
    for (let c = 0; c < channels; c++) for (let p = 0; p < attrs.height; p++) for (let s = 0; s < attrs.width; s++, to++) {
      const [top, bottom] = binOf(at(2), at(4), p, attrs.height, height, scale, round), [left, right] = binOf(at(1), at(3), s, attrs.width, width, scale, round)
      let best = top < bottom && left < right ? -Infinity : 0
      for (let i = top; i < bottom; i++) for (let j = left; j < right; j++) best = Math.max(best, values[((image * channels + c) * height + i) * width + j] as number)
      result[to] = best
    }
  }
  return [fromNumbers(out.dtype, out.shape, result)]
}

function regionOf({ name, first, pooled }: Side, scale: number, type: RegisterType): Stmt[] {
  const nearest = (x: Expr): Expr => times(unary('sign', x), unary('floor', plus(unary('abs', x), number(type, 0.5))))
  const at = (i: number): Expr => nearest(times(load('x1', [add(mul('r', 5), i)]), number(type, scale))), start = local(`start_${name}`, type)
  return [
    letBe(`start_${name}`, type, at(first)),
    letBe(`bin_${name}`, type, over(greatest(plus(binary('sub', at(first + 2), start), number(type, 1)), number(type, 1)), number(type, pooled))),
  ]
}

function placeOf({ name, extent, place }: Side, type: RegisterType): Stmt[] {
  const edge = (p: Dim, toInteger: 'floor' | 'ceil'): Expr => {
    const at = plus(unary(toInteger, times(fromIndex(type, p), local(`bin_${name}`, type))), local(`start_${name}`, type))
    return least(greatest(cast('i32', at), constant('i32', 0)), indexValue(extent))
  }
  return [indexFrom(`from_${name}`, edge(place, 'floor'), add(extent, 1)), indexFrom(`to_${name}`, edge(add(place, 1), 'ceil'), add(extent, 1))]
}

function kernel(ctx: ComputeContext<MaxRoiPoolAttrs>): Kernel {
  const { attrs } = ctx, [x] = ctx.inputs as readonly [TensorType], [y] = ctx.outputs as readonly [TensorType], type = REGISTER[x.dtype]
  const [images, , height, width] = x.shape as readonly [Dim, Dim, Dim, Dim]
  const sides: readonly Side[] = [{ name: 'y', first: 2, extent: height, place: 'p', pooled: attrs.height }, { name: 'x', first: 1, extent: width, place: 's', pooled: attrs.width }]
  const isEmpty = sides.map(({ name }) => binary('ge', indexValue(`from_${name}`), indexValue(`to_${name}`))).reduce((a, b) => binary('or', a, b))
  const channels = (count: number): readonly Stmt[] => {
    const each = <T>(write: (channel: Dim, best: string) => T): T[] => Array.from({ length: count }, (_, i) => write(add('c', i), `best_${i}`))
    const fold = each((channel, best) => setTo(best, greatest(local(best, type), load('x0', [flatIndex(x.shape, ['image', channel, 'i', 'j'])]))))
    return [
      ...each((_, best) => varOf(best, type, selectExpr(isEmpty, number(type, 0), number(type, -Infinity)))),
      { kind: 'for', variable: 'i', lo: 'from_y', hi: 'to_y', step: 1, body: [{ kind: 'for', variable: 'j', lo: 'from_x', hi: 'to_x', step: 1, body: fold }] },
      ...each((channel, best) => storeTo('y0', flatIndex(y.shape, ['r', channel, 'p', 's']), local(best, type))),
    ]
  }
  return kernelOf('max_roi_pool', ctx, regionLoops(ctx, {
    region: [{ kind: 'data-index', name: 'image', value: cast('i32', load('x1', [mul('r', 5)])), extent: images }, ...sides.flatMap((s) => regionOf(s, attrs.spatial_scale, type))],
    place: sides.flatMap((s) => placeOf(s, type)), channels,
  }))
}

/** Regions inside an image of 6 × 5, across its borders, outside of it, turned around, and of a point. */
const REGIONS = [0, 0, 0, 4, 5, 1, -3, -2, 2, 1, 1, 3, 4, 9, 8, 0, 12, 12, 15, 14, 1, 4, 3, 1, 1, 0, 2.5, 1.5, 2.5, 1.5, -1, -40, -30, 50, 40]

const sample = (attrs: Partial<MaxRoiPoolAttrs>, { dtype = 'float32', channels = 3 }: { readonly dtype?: 'float32' | 'float64' | 'float16'; readonly channels?: number } = {}) => ({
  inputs: [{ dtype, shape: [2, channels, 6, 5] }, { dtype, shape: [7, 5], data: REGIONS }] as const, attrs: { height: 2, width: 3, spatial_scale: 1, ...attrs },
})

/** ONNX MaxRoiPool. */
export const maxRoiPool = defineOp({
  name: 'max_roi_pool',
  doc: 'Each region [image, x1, y1, x2, y2], scaled and rounded to pixels, in height × width bins that may share pixels: the greatest element of each bin, 0 for one without.',
  source: 'ONNX MaxRoiPool-22; torchvision.ops.roi_pool',
  attrs: ATTRS, pattern: 'opaque',
  infer: (call, ctx) => [inferRegions(call, ctx, 5, [call.attrs.height, call.attrs.width])],
  reference, kernel,
  samples: [
    sample({}), sample({ spatial_scale: 0.4 }, { channels: 5 }), sample({ height: 7, width: 1, spatial_scale: 1.5 }, { channels: 4 }), sample({}, { dtype: 'float64' }), sample({ spatial_scale: 0.75 }, { dtype: 'float16' }),
    { inputs: [{ dtype: 'float32', shape: [1, 2, 3, 4] }, { dtype: 'float32', shape: [0, 5] }], attrs: { height: 2, width: 2, spatial_scale: 1 } },
  ],
})
