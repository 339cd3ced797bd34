/** Weights of a 3×3 convolution as Winograd's products take them. */
import type { HostTensor } from '../base/dtype.js'
import { winogradTransform, type WinogradTile } from '../ir/ops/winograd-transform.js'

/** G·w·Gᵀ of every filter, computed in double and rounded once: [M, C, 3, 3] ⇒ [points, C, M]. */
export function winogradWeights(w: HostTensor, tile: WinogradTile): HostTensor {
  const { g, inputs } = winogradTransform(tile), [filters, channels] = w.shape as [number, number]
  const from = w.data as Float32Array, plane = channels * filters, data = new Float32Array(inputs * inputs * plane)
  const matrix = Float64Array.from(g.flat()), half = new Float64Array(inputs * TAPS)
  // Filters innermost: they lie side by side in each plane of the result.
  for (let c = 0; c < channels; c++) {
    for (let m = 0; m < filters; m++) {
      const at = (m * channels + c) * TAPS * TAPS, to = c * filters + m
      for (let i = 0; i < inputs; i++) {
        for (let k = 0; k < TAPS; k++) half[i * TAPS + k] = dot(matrix, i, from[at + k] as number, from[at + TAPS + k] as number, from[at + 2 * TAPS + k] as number)
      }
      for (let i = 0; i < inputs; i++) {
        const h0 = half[i * TAPS] as number, h1 = half[i * TAPS + 1] as number, h2 = half[i * TAPS + 2] as number
        for (let j = 0; j < inputs; j++) data[(i * inputs + j) * plane + to] = dot(matrix, j, h0, h1, h2)
      }
    }
  }
  return { dtype: 'float32', shape: [inputs * inputs, channels, filters], data }
}

const TAPS = 3

/** Row `i` of a matrix with three columns times a vector. */
function dot(matrix: Float64Array, i: number, x: number, y: number, z: number): number {
  return (matrix[i * TAPS] as number) * x + (matrix[i * TAPS + 1] as number) * y + (matrix[i * TAPS + 2] as number) * z
}
