/**
 * Which tile a 3×3 convolution gains most from, by estimated cycles of one core. Constants were measured with relaxed SIMD on
 * x64; without it all of them are about 1.5 times as large, which changes no choice.
 */
import { evaluateDim } from '../base/dim.js'
import type { Dim } from '../ir/dims.js'
import { LANES } from '../ir/kernel/expr.js'
import { WINOGRAD_TILES, type WinogradTile } from '../ir/ops/winograd-transform.js'

/** Extents of a convolution: [N, C, H, W] and [N, M, H', W']. */
export interface ConvolutionShape { readonly input: readonly Dim[]; readonly output: readonly Dim[] }

/** Multiply-adds of a cycle in the tile of a contraction, and the cycles that a sum takes beside its terms, in terms. */
const MULTIPLY_ADDS = 8, SUM_OVERHEAD = 4
/** Cycles to transform one tile of one channel, of inputs as of results, loads and stores included. */
const TRANSFORM: Readonly<Record<WinogradTile, number>> = { 2: 9, 4: 25 }
/** Bytes of weights that arrive in a cycle from memory, where those of a model are: some of that time is that of the arithmetic on them. */
const WEIGHT_BYTES = 12
/** Cycles of three kernels beside one. */
const CALLS = 6000
/** What has to be left of the time at most. */
const WORTH = 0.87
/** Stand for extents that are not known: of images, and of batches. */
const TYPICAL_SIZE = 64, TYPICAL_BATCH = 1

/** The tile that takes least time; undefined where the sums as they stand are as fast, or nearly. */
export function bestTile({ input, output }: ConvolutionShape): WinogradTile | undefined {
  const channels = input[1], [batch, filters, height, width] = output as readonly [Dim, Dim, Dim, Dim]
  if (typeof channels !== 'number' || typeof filters !== 'number') return undefined
  const images = evaluateDim(batch, () => TYPICAL_BATCH), rows = evaluateDim(height, () => TYPICAL_SIZE), columns = evaluateDim(width, () => TYPICAL_SIZE)
  const bytes = (points: number): number => points * channels * filters * Float32Array.BYTES_PER_ELEMENT
  const weights = (points: number): number => bytes(points) / WEIGHT_BYTES
  const sums = (terms: number, count: number): number => ((terms + SUM_OVERHEAD) * count) / MULTIPLY_ADDS
  const direct = sums(9 * channels, images * rows * columns * filters) + weights(9)
  const cost = (tile: WinogradTile): number => {
    const tiles = images * Math.ceil(rows / tile) * Math.ceil(columns / tile), points = (tile + 2) ** 2
    return CALLS + sums(channels, tiles * points * filters) + TRANSFORM[tile] * tiles * (inLanes(channels) + inLanes(filters)) + weights(points)
  }
  const best = WINOGRAD_TILES.reduce((a, b) => (cost(b) < cost(a) ? b : a))
  return cost(best) < WORTH * direct ? best : undefined
}

/** Channels, those that fill no vector counted as one each. */
const inLanes = (channels: number): number => LANES * (Math.floor(channels / LANES) + (channels % LANES))
