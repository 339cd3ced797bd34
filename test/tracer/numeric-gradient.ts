/** Gradients by central differences in float64, to hold recorded ones against. */
import { expect } from 'vitest'
import type { Attrs } from '../../src/ir/graph.js'
import { seededTensor, toNumbers } from '../../src/ir/host-tensor.js'
import { grad } from '../../src/tracer/autograd.js'
import { apply, type Operand } from '../../src/tracer/dispatch.js'
import { noGrad } from '../../src/tracer/modes.js'
import { Tensor } from '../../src/tracer/tensor.js'

const STEP = 1e-5

/** Sums all float results, each element weighted by a seeded number, so that no gradient cancels. */
export function weightedSum(results: readonly Tensor[]): Tensor {
  const parts = results.filter((t) => t.dtype.startsWith('float')).map((t, i) => {
    const { shape, data } = seededTensor('float64', t.shape, 77 + i, [0.5, 1.5])
    return t.to('float64').mul(new Tensor('float64', shape, data)).sum()
  })
  return parts.reduce((a, b) => a.add(b))
}

/** Checks the gradients of `loss` (one element) with respect to float64 leaves against differences, to within `tolerance` of the largest gradient and 1. */
export function expectGradients(loss: (inputs: readonly Tensor[]) => Tensor, inputs: readonly Tensor[], what: string, tolerance = 1e-6): void {
  const found = grad(loss(inputs), inputs, { allowUnused: true }).map((g, i) => (g === null ? new Float64Array((inputs[i] as Tensor).size) : toNumbers(g)))
  inputs.forEach((x, k) => {
    const expected = Float64Array.from({ length: x.size }, (_, i) => noGrad(() => {
      const at = (delta: number): number => {
        const moved = x.detach().clone()
        ;(moved.data as Float64Array)[i] = (moved.data as Float64Array)[i] as number + delta
        return Number(loss(inputs.map((t, j) => (j === k ? moved : t))).item())
      }
      return (at(STEP) - at(-STEP)) / (2 * STEP)
    }))
    const scale = Math.max(1, ...expected.map(Math.abs))
    expected.forEach((e, i) => {
      expect(Math.abs((found[k]?.[i] as number) - e), `${what}: gradient ${i} of input ${k} is ${found[k]?.[i]}, by differences ${e}`).toBeLessThanOrEqual(tolerance * scale)
    })
  })
}

/** A float64 leaf of seeded numbers. */
export function leaf(shape: readonly number[], seed = 1, range: readonly [number, number] = [-1, 1]): Tensor {
  return new Tensor('float64', shape, seededTensor('float64', shape, seed, range).data).requiresGrad_()
}

/** The weighted sum of an op's results. */
export function lossOf(op: string, inputs: readonly (Operand | null)[], attrs: Attrs): Tensor {
  return weightedSum(apply(op, inputs, attrs))
}
