/** Matrix products: square, tall, odd and prime; by a constant and of two inputs. */
import { opCase, weight } from './case.js'

const flopsOf = ([m, k, n]) => 2 * m * k * n
const operands = ([m, k, n]) => [{ shape: [m, k] }, { shape: [k, n] }]

/** m, k, n. */
const SIZES = [
  [256, 256, 256], [512, 512, 512], [1024, 1024, 1024], [127, 383, 381], [61, 1009, 503],
  [2048, 64, 256], [4, 1024, 1024], [1, 1024, 1024], [128, 768, 3072],
]

const byConstant = SIZES.map((size) => {
  const [m, k, n] = size, w = weight([k, n], 7)
  return opCase('products', `${m}×${k}×${n}`, (x) => x.matmul(w), [[m, k]], { flops: flopsOf(size), tfjs: { kind: 'product', operands: operands(size) }, jax: { kind: 'product', operands: operands(size) } })
})

const ofInputs = [[256, 256, 256], [127, 383, 381]].map((size) => {
  const [m, k, n] = size
  return opCase('products', `${m}×${k}×${n}, both inputs`, (x, y) => x.matmul(y), [[m, k], [k, n]], { flops: flopsOf(size) })
})

export const products = [...byConstant, ...ofInputs]
