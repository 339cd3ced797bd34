/**
 * The three steps of a Winograd convolution (3×3, stride 1, no pads): transformed input tiles, their products with transformed
 * weights, one matrix product for each point, and the transformed results. Tiles overlap by two rows and columns of the input;
 * those at the lower and right edges may reach beyond: they read the last row or column again, and write what lies inside.
 */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { add, ceilDiv, min, mul, sub, type Dim } from '../dims.js'
import { fromNumbers } from '../host-tensor.js'
import type { Axis, Compute, ComputeContext, Stage } from '../kernel/compute.js'
import { binary, load, local, type Expr } from '../kernel/expr.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import { printType, tensorType, type TensorType } from '../types.js'
import { floatElements } from './float-elements.js'
import { checkAttribute, checkShape, findTensorInput, tensorInput } from './operands.js'
import { requireRank } from './requirements.js'
import { transformInput, transformOutput, transformWeights, WINOGRAD_TILES, winogradTransform, type WinogradTile, type WinogradTransform } from './winograd-transform.js'

const TAPS = 3

/** `tile`: results of a tile along each axis, 2 or 4. */
interface InputAttrs { readonly tile: number }
/** `tiles`: number of tiles of all images. */
interface ProductAttrs { readonly tiles: Dim }
/** `shape`: [N, M, H, W] of the result. */
interface OutputAttrs { readonly tile: number; readonly shape: readonly Dim[] }

/** Tiles down, across and in all of images of `height` × `width` results. */
export function winogradTiles(images: Dim, height: Dim, width: Dim, tile: number): { readonly down: Dim; readonly across: Dim; readonly count: Dim } {
  const down = ceilDiv(height, tile), across = ceilDiv(width, tile)
  return { down, across, count: mul(images, down, across) }
}

const numbersOf = ({ down, across, count }: ReturnType<typeof winogradTiles>): readonly [number, number, number] => [down, across, count] as [number, number, number]

function checkedTile(tile: number): WinogradTile {
  const known = WINOGRAD_TILES.find((t) => t === tile)
  checkAttribute(known !== undefined, `tile must be ${WINOGRAD_TILES.join(' or ')}, but is ${tile}`)
  return known as WinogradTile
}

/** Axes over tiles and channels, rows of tiles outermost, as even one image has several; and the number of the tile at a point. */
function tileAxes(images: Dim, down: Dim, across: Dim, channels: Dim): { readonly axes: readonly Axis[]; readonly t: Dim } {
  return { axes: [{ name: 'i', hi: down }, { name: 'n', hi: images }, { name: 'j', hi: across }, { name: 'c', hi: channels }], t: add(mul(add(mul('n', down), 'i'), across), 'j') }
}

/** Image, row and column of the first result of tile `t`. */
function placeOf(t: number, down: number, across: number, tile: number): { readonly image: number; readonly row: number; readonly column: number } {
  return { image: Math.floor(t / (down * across)), row: tile * (Math.floor(t / across) % down), column: tile * (t % across) }
}

const inside = (at: Dim, extent: Dim): Dim => min(at, sub(extent, 1))

/** Columns first, then each row, whose results are stored before the next one is computed: fewer values live at once. */
function inBothDirections(rows: number, columns: number, element: (row: number, column: number) => Expr, transform: (x: readonly Expr[], prefix: string) => { readonly lets: Stage['lets']; readonly values: readonly Expr[] }, write: (row: number, column: number, value: Expr) => Stage): Stage[] {
  const half: Expr[][] = []
  const first = Array.from({ length: columns }, (_, q) => {
    const written = transform(Array.from({ length: rows }, (__, r) => element(r, q)), `c${q}`)
    written.values.forEach((_v, r) => { (half[r] ??= []).push(local(`h${r}_${q}`, 'f32')) })
    return [...written.lets, ...written.values.map((value, r) => ({ kind: 'value', name: `h${r}_${q}`, type: 'f32', value } as const))]
  }).flat()
  const second = half.flatMap((row, r): Stage[] => {
    const written = transform(row, `r${r}`)
    return [{ kind: 'let', lets: written.lets }, ...written.values.map((value, q) => write(r, q, value))]
  })
  return [{ kind: 'let', lets: first }, ...second]
}

function inputCompute(ctx: ComputeContext<InputAttrs>): Compute {
  const [x] = ctx.inputs as [TensorType], [n, channels, h, w] = x.shape as [Dim, Dim, Dim, Dim]
  const transform = winogradTransform(checkedTile(ctx.attrs.tile)), points = transform.inputs
  const { down, across } = winogradTiles(n, sub(h, 2), sub(w, 2), transform.outputs), { axes, t } = tileAxes(n, down, across, channels)
  const stages = inBothDirections(points, points,
    (r, q) => load('x0', ['n', 'c', inside(add(mul(transform.outputs, 'i'), r), h), inside(add(mul(transform.outputs, 'j'), q), w)]),
    (values, prefix) => transformInput(transform, values, prefix),
    (r, q, value) => ({ kind: 'store', axes: [], lets: [], buffer: 'y0', index: [r * points + q, add(mul(t, channels), 'c')], value }))
  return { name: 'winograd_input', buffers: ctx.buffers, axes, stages }
}

function productCompute(ctx: ComputeContext<ProductAttrs>): Compute {
  const [, u] = ctx.inputs as [TensorType, TensorType], [points, channels, filters] = u.shape as [Dim, Dim, Dim]
  return {
    name: 'winograd_product', buffers: ctx.buffers, axes: [{ name: 'p', hi: points }, { name: 't', hi: ctx.attrs.tiles }, { name: 'm', hi: filters }],
    stages: [
      {
        kind: 'reduce', axes: [{ name: 'c', hi: channels }], lets: [],
        accumulators: [{ name: 'acc', type: 'f32', init: { kind: 'const', type: 'f32', value: 0 }, combine: 'add', value: binary('mul', load('x0', ['p', add(mul('t', channels), 'c')]), load('x1', ['p', 'c', 'm'])) }],
      },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['p', add(mul('t', filters), 'm')], value: local('acc', 'f32') },
    ],
  }
}

function outputCompute(ctx: ComputeContext<OutputAttrs>): Compute {
  const [n, filters, h, w] = ctx.attrs.shape as [Dim, Dim, Dim, Dim]
  const transform = winogradTransform(checkedTile(ctx.attrs.tile)), points = transform.inputs
  const { down, across } = winogradTiles(n, h, w, transform.outputs), { axes, t } = tileAxes(n, down, across, filters)
  const biased = ctx.inputs[1] != null
  const stages = inBothDirections(points, points,
    (r, q) => load('x0', [r * points + q, add(mul(t, filters), 'c')]),
    (values, prefix) => transformOutput(transform, values, prefix),
    (r, q, value) => ({ kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['n', 'c', inside(add(mul(transform.outputs, 'i'), r), h), inside(add(mul(transform.outputs, 'j'), q), w)], value: biased ? binary('add', value, local('bias', 'f32')) : value }))
  const bias: Stage[] = biased ? [{ kind: 'let', lets: [{ kind: 'value', name: 'bias', type: 'f32', value: load('x1', ['c']) }] }] : []
  // What lies beyond the edge is written over by what does not, which comes later.
  return { name: 'winograd_output', buffers: ctx.buffers, axes, stages: [...bias, ...lastFirst(stages)] }
}

/** Rows of results from the last to the first, and in each the columns: of elements written twice the inner one is written last. */
function lastFirst([columns, ...rest]: readonly Stage[]): Stage[] {
  const rows: Stage[][] = []
  for (const s of rest) {
    if (s.kind === 'let') rows.push([s])
    else rows.at(-1)?.splice(1, 0, s)
  }
  return [...(columns === undefined ? [] : [columns]), ...rows.reverse().flat()]
}

function weightsCompute(ctx: ComputeContext<InputAttrs>): Compute {
  const [w] = ctx.inputs as [TensorType], [filters, channels] = w.shape as [Dim, Dim], transform = winogradTransform(checkedTile(ctx.attrs.tile))
  const stages = inBothDirections(TAPS, TAPS,
    (r, q) => load('x0', ['m', 'c', r, q]),
    (values, prefix) => transformWeights(transform, values, prefix),
    (r, q, value) => ({ kind: 'store', axes: [], lets: [], buffer: 'y0', index: [r * transform.inputs + q, 'c', 'm'], value }))
  return { name: 'winograd_weights', buffers: ctx.buffers, axes: [{ name: 'c', hi: channels }, { name: 'm', hi: filters }], stages }
}

/** `matrix`·x·matrixᵀ for a square `x` in row-major order. */
function sandwich(matrix: readonly (readonly number[])[], x: readonly number[], size: number): number[] {
  const rows = matrix.map((a) => Array.from({ length: size }, (_, q) => a.reduce((s, f, k) => s + f * (x[k * size + q] as number), 0)))
  return rows.flatMap((row) => matrix.map((a) => a.reduce((s, f, k) => s + f * (row[k] as number), 0)))
}

function inputReference(call: ReferenceCall<InputAttrs>): HostTensor[] {
  const [x] = call.inputs as [HostTensor], [out] = call.outputs as [ConcreteType]
  const [, channels, h, w] = x.shape as [number, number, number, number], transform = winogradTransform(checkedTile(call.attrs.tile)), size = transform.inputs
  const [down, across, count] = numbersOf(winogradTiles(x.shape[0] as number, h - 2, w - 2, transform.outputs))
  const xs = floatElements(x), y = new Float64Array(elementCount(out.shape))
  for (let t = 0; t < count; t++) {
    const place = placeOf(t, down, across, transform.outputs), { image } = place
    for (let c = 0; c < channels; c++) {
      const patch = Array.from({ length: size * size }, (_, i) => {
        const row = Math.min(place.row + Math.floor(i / size), h - 1), column = Math.min(place.column + (i % size), w - 1)
        return xs[((image * channels + c) * h + row) * w + column] as number
      })
      sandwich(transform.bT, patch, size).forEach((v, p) => { y[(p * count + t) * channels + c] = v })
    }
  }
  return [fromNumbers(out.dtype, out.shape, y)]
}

function productReference(call: ReferenceCall<ProductAttrs>): HostTensor[] {
  const [v, u] = call.inputs as [HostTensor, HostTensor], [out] = call.outputs as [ConcreteType]
  const [points, channels, filters] = u.shape as [number, number, number], tiles = call.attrs.tiles as number
  const vs = floatElements(v), us = floatElements(u), y = new Float64Array(elementCount(out.shape))
  for (let p = 0; p < points; p++) {
    for (let t = 0; t < tiles; t++) {
      for (let c = 0; c < channels; c++) {
        const x = vs[(p * tiles + t) * channels + c] as number, from = (p * channels + c) * filters, to = (p * tiles + t) * filters
        for (let m = 0; m < filters; m++) y[to + m] = (y[to + m] as number) + x * (us[from + m] as number)
      }
    }
  }
  return [fromNumbers(out.dtype, out.shape, y)]
}

function outputReference(call: ReferenceCall<OutputAttrs>): HostTensor[] {
  const [products, bias] = call.inputs as [HostTensor, HostTensor | null | undefined], [out] = call.outputs as [ConcreteType]
  const [n, filters, h, w] = out.shape as [number, number, number, number], transform: WinogradTransform = winogradTransform(checkedTile(call.attrs.tile)), size = transform.inputs
  const [down, across, count] = numbersOf(winogradTiles(n, h, w, transform.outputs))
  const xs = floatElements(products), bs = bias == null ? undefined : floatElements(bias), y = new Float64Array(elementCount(out.shape))
  for (let t = 0; t < count; t++) {
    const place = placeOf(t, down, across, transform.outputs), { image } = place
    for (let m = 0; m < filters; m++) {
      const all = Array.from({ length: size * size }, (_, p) => xs[(p * count + t) * filters + m] as number)
      sandwich(transform.aT, all, size).forEach((v, i) => {
        const row = place.row + Math.floor(i / transform.outputs), column = place.column + (i % transform.outputs)
        if (row < h && column < w) y[((image * filters + m) * h + row) * w + column] = v + (bs === undefined ? 0 : (bs[m] as number))
      })
    }
  }
  return [fromNumbers(out.dtype, out.shape, y)]
}

function weightsReference(call: ReferenceCall<InputAttrs>): HostTensor[] {
  const [w] = call.inputs as [HostTensor], [out] = call.outputs as [ConcreteType], [filters, channels] = w.shape as [number, number]
  const { g } = winogradTransform(checkedTile(call.attrs.tile)), ws = floatElements(w), y = new Float64Array(elementCount(out.shape))
  for (let k = 0; k < filters * channels; k++) {
    const m = Math.floor(k / channels), c = k % channels
    sandwich(g, Array.from(ws.subarray(k * TAPS * TAPS, (k + 1) * TAPS * TAPS)), TAPS).forEach((v, p) => { y[(p * channels + c) * filters + m] = v })
  }
  return [fromNumbers(out.dtype, out.shape, y)]
}

/** G·w·Gᵀ of every filter for every channel: [points, C, M], a plane for each point. */
const winogradWeights = defineOp({
  name: 'winograd_weights',
  doc: 'The weight w[M, C, 3, 3] of a convolution, transformed for tiles of tile × tile results: [points, C, M].',
  source: 'Lavin and Gray, Fast Algorithms for Convolutional Neural Networks; made by the pass choose-winograd',
  attrs: { tile: 'int' },
  pattern: 'contraction',
  infer(call, ctx) {
    const w = tensorInput(call, 0, ['float32']), { tile } = call.attrs
    checkedTile(tile)
    requireRank(w, 'the weight', 4, '[M, C, 3, 3]')
    const [m, c, ...kernel] = w.shape as [Dim, Dim, Dim, Dim]
    for (const extent of kernel) ctx.assume(extent, TAPS, 'the transforms are those of filters of 3 × 3')
    return [tensorType('float32', [(tile + 2) ** 2, c, m])]
  },
  reference: weightsReference,
  compute: weightsCompute,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [9, 5, 3, 3] }], attrs: { tile: 4 } },
    { inputs: [{ dtype: 'float32', shape: [16, 3, 3, 3] }], attrs: { tile: 2 } },
  ],
})

/** Bᵀ·x·B of every tile of every channel: [points, tiles·C], a plane for each point. */
const winogradInput = defineOp({
  name: 'winograd_input',
  doc: 'Overlapping tiles of x[N, C, H, W], transformed for a 3×3 convolution of stride 1 without pads: [points, tiles·C], where a tile makes tile × tile results from (tile + 2)² points.',
  source: 'Lavin and Gray, Fast Algorithms for Convolutional Neural Networks; made by the pass choose-winograd',
  attrs: { tile: 'int' },
  pattern: 'contraction',
  infer(call, ctx) {
    const x = tensorInput(call, 0, ['float32']), { tile } = call.attrs
    checkedTile(tile)
    requireRank(x, 'the input', 4, '[N, C, H, W]')
    const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim]
    for (const extent of [h, w]) ctx.assume(3, extent, 'a window of 3 elements must fit into the input', 'le')
    return [tensorType('float32', [(tile + 2) ** 2, mul(winogradTiles(n, sub(h, 2), sub(w, 2), tile).count, c)])]
  },
  reference: inputReference,
  compute: inputCompute,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [1, 3, 6, 10] }], attrs: { tile: 4 } },
    { inputs: [{ dtype: 'float32', shape: [2, 5, 9, 3] }], attrs: { tile: 4 } },
    { inputs: [{ dtype: 'float32', shape: [2, 4, 7, 4] }], attrs: { tile: 2 } },
  ],
})

/** For each point, tiles × C times C × M. */
const winogradProduct = defineOp({
  name: 'winograd_product',
  doc: 'For each point the product of transformed tiles [points, tiles·C] and transformed weights [points, C, M]: [points, tiles·M].',
  source: 'made by the pass choose-winograd',
  attrs: { tiles: 'dim' },
  pattern: 'contraction',
  infer(call, ctx) {
    const v = tensorInput(call, 0, ['float32']), u = tensorInput(call, 1, ['float32']), { tiles } = call.attrs
    requireRank(v, 'the tiles', 2, '[points, tiles*C]')
    requireRank(u, 'the weight', 3, '[points, C, M]')
    const [points, channels, filters] = u.shape as [Dim, Dim, Dim]
    ctx.assume(v.shape[0] as Dim, points, 'tiles and weights have the same points')
    ctx.assume(v.shape[1] as Dim, mul(tiles, channels), 'every tile has the channels that the weights read')
    return [tensorType('float32', [points, mul(tiles, filters)])]
  },
  reference: productReference,
  compute: productCompute,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [16, 15] }, { dtype: 'float32', shape: [16, 5, 9] }], attrs: { tiles: 3 } },
    { inputs: [{ dtype: 'float32', shape: [36, 104] }, { dtype: 'float32', shape: [36, 8, 16] }], attrs: { tiles: 13 } },
  ],
})

/** Aᵀ·p·A of the products of every tile, plus bias, cut to [N, M, H, W]. */
const winogradOutput = defineOp({
  name: 'winograd_output',
  doc: 'Results [N, M, H, W] of a convolution from the products [points, tiles·M] of its transformed tiles, plus bias[M].',
  source: 'made by the pass choose-winograd',
  attrs: { tile: 'int', shape: 'dims' },
  pattern: 'contraction',
  infer(call, ctx) {
    const products = tensorInput(call, 0, ['float32']), bias = findTensorInput(call, 1), { tile, shape } = call.attrs
    checkedTile(tile)
    requireRank(products, 'the products', 2, '[points, tiles*M]')
    const y = tensorType('float32', shape)
    checkShape(shape.length === 4, `the result must be [N, M, H, W], but is ${printType(y)}`)
    const [n, m, h, w] = shape as [Dim, Dim, Dim, Dim]
    ctx.assume(products.shape[0] as Dim, (tile + 2) ** 2, 'a tile has (tile + 2)² points')
    ctx.assume(products.shape[1] as Dim, mul(winogradTiles(n, h, w, tile).count, m), 'there are the products of all tiles')
    if (bias !== undefined) ctx.assume(bias.shape[0] as Dim, m, 'the bias has one element for each output channel')
    return [y]
  },
  reference: outputReference,
  compute: outputCompute,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [36, 6] }, { dtype: 'float32', shape: [3] }], attrs: { tile: 4, shape: [1, 3, 4, 8] } },
    { inputs: [{ dtype: 'float32', shape: [36, 40] }, null], attrs: { tile: 4, shape: [2, 5, 7, 6] } },
    { inputs: [{ dtype: 'float32', shape: [16, 32] }, { dtype: 'float32', shape: [4] }], attrs: { tile: 2, shape: [1, 4, 3, 7] } },
  ],
})

export const WINOGRAD = [winogradWeights, winogradInput, winogradProduct, winogradOutput]
