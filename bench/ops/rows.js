/** Operations bound by memory or by the call: softmax, layer normalisation, elementwise chains, and 200 tiny ops in a row. */
import { functional } from '../../dist/src/index.js'
import { opCase, weight } from './case.js'

const softmax = [[1024, 128], [64, 1000], [12 * 128, 128]].map(([rows, columns]) => opCase('rows', `softmax ${rows}×${columns}`, (x) => x.softmax(-1), [[rows, columns]], {
  bytes: 8 * rows * columns, tfjs: { kind: 'softmax', shape: [rows, columns] }, jax: { kind: 'softmax', shape: [rows, columns] },
}))

const layerNorm = [[128, 768], [197, 192]].map(([rows, columns]) => {
  const scale = weight([columns], 3), shift = weight([columns], 4)
  return opCase('rows', `layer norm ${rows}×${columns}`, (x) => functional.layerNorm(x, [columns], scale, shift), [[rows, columns]], { bytes: 8 * rows * columns })
})

const size = [1024, 1024], elements = size[0] * size[1]
const elementwise = [
  ['add', (x, y) => x.add(y), 2, 'add'], ['gelu', (x) => functional.gelu(x), 1, null], ['tanh', (x) => x.tanh(), 1, 'tanh'], ['sigmoid', (x) => x.sigmoid(), 1, 'sigmoid'], ['exp', (x) => x.exp(), 1, 'exp'],
].map(([name, fn, inputs, kind]) => opCase('rows', `${name} of 1024²`, fn, Array.from({ length: inputs }, () => size), {
  bytes: 4 * (inputs + 1) * elements, ...(kind && { tfjs: { kind: 'elementwise', name: kind, inputs, shape: size }, jax: { kind: 'elementwise', name: kind, inputs, shape: size } }),
}))

const TINY = 200
const small = weight([4, 4], 9)
const tiny = [
  opCase('rows', `${TINY} products of 4×4`, (x) => { for (let i = 0; i < TINY; i++) x = x.matmul(small); return x }, [[4, 4]], { flops: TINY * 128 }),
  opCase('rows', `${TINY} softmaxes of 4×4`, (x) => { for (let i = 0; i < TINY; i++) x = x.softmax(-1); return x }, [[4, 4]]),
  opCase('rows', 'one product of 4×4', (x) => x.matmul(small), [[4, 4]], { flops: 128 }),
]

export const rows = [...softmax, ...layerNorm, ...elementwise, ...tiny]
