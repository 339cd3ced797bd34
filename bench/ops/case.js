/** A single operation as every contestant gets it. */
import { seededTensor, tensor, trace } from '../../dist/src/index.js'

const seeded = (shape, seed) => seededTensor('float32', shape, seed, [-1, 1])

/** A weight as a constant of the graph. */
export const weight = (shape, seed) => tensor(seeded(shape, seed).data, { shape })

/**
 * `fn` of inputs of these shapes as a graph with its feeds. `flops` counts a multiply-add as two, by the definition of the
 * operation and not by what anyone does; `bytes`, where what counts is memory, those read and written once. `exact` asks for the time without Winograd's transforms too.
 * `inNet` is the operation between others, `{ fn, shapes, steps }`: where its tensors lie as the program likes, and which of the kernels are its own.
 */
export function opCase(group, name, fn, shapes, { flops, bytes, tfjs, jax, exact = false, inNet } = {}) {
  return { group, name, flops, bytes, tfjs, jax, exact, ...traced(fn, shapes), ...(inNet && { inNet: { ...traced(inNet.fn, inNet.shapes), steps: inNet.steps } }) }
}

function traced(fn, shapes) {
  const names = shapes.map((_, i) => `x${i}`)
  return {
    graph: () => trace(fn, shapes.map((shape) => ({ shape, dtype: 'float32' })), { names }),
    feeds: Object.fromEntries(shapes.map((shape, i) => [names[i], seeded(shape, i + 1)])),
  }
}
