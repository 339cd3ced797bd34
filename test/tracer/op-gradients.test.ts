import { describe, expect, it } from 'vitest'
import { DTYPES, elementCount } from '../../src/base/dtype.js'
import type { Attrs } from '../../src/ir/graph.js'
import { hostTensor, seededTensor } from '../../src/ir/host-tensor.js'
import type { Op, SampleInput } from '../../src/ir/op.js'
import { OPS } from '../../src/ir/ops/index.js'
import { tensorType } from '../../src/ir/types.js'
import { grad } from '../../src/tracer/autograd.js'
import type { Operand } from '../../src/tracer/dispatch.js'
import { enableGrad } from '../../src/tracer/modes.js'
import { Tensor } from '../../src/tracer/tensor.js'
import { expectGradients, lossOf } from './numeric-gradient.js'

type AnySample = Op['samples'][number]

const isFloat = (input: SampleInput | null): boolean => input !== null && DTYPES[input.dtype].kind === 'float'

/** Samples that differences say something about: small, with float results, not made of infinities and NaN. */
function usable(op: Op): readonly AnySample[] {
  return op.samples.filter((sample) => {
    const values = sample.inputs.map((input, i) => (input === null ? null : { name: `x${i}`, type: tensorType(input.dtype, input.shape) }))
    const [result] = op.infer({ inputs: values, attrs: sample.attrs }, { assume: () => undefined })
    if (result?.kind !== 'tensor' || DTYPES[result.dtype].kind !== 'float') return false
    const floats = sample.inputs.filter(isFloat) as readonly SampleInput[]
    return floats.length > 0 && floats.every((f) => elementCount(f.shape) <= 150 && (f.data ?? []).every(Number.isFinite))
  })
}

/** The sample's inputs, floats as float64 leaves. */
function inputsOf(sample: AnySample): readonly (Operand | null)[] {
  return sample.inputs.map((input, i): Operand | null => {
    if (input === null) return null
    const dtype = isFloat(input) ? 'float64' : input.dtype
    const host = input.data === undefined ? seededTensor(dtype, input.shape, 31 + i, input.range) : hostTensor(dtype, input.shape, input.data)
    return isFloat(input) ? new Tensor(host.dtype, host.shape, host.data).requiresGrad_() : host
  })
}

// Casts round, which differences cannot see through; autograd.test.ts has them.
const DIFFERENTIABLE = [...OPS.values()].filter((op) => op.grad !== undefined && op.name !== 'cast')

describe('the gradient of each op is what differences say', () => {
  it.for(DIFFERENTIABLE.map((op) => [op.name, op] as const))('%s', ([name, op]) => {
    const samples = usable(op)
    expect(samples.length, `${name} has samples to differentiate`).toBeGreaterThan(0)
    for (const sample of samples) {
      const inputs = inputsOf(sample)
      const places = inputs.flatMap((x, i) => (x instanceof Tensor ? [i] : []))
      const loss = (leaves: readonly Tensor[]): Tensor => lossOf(name, inputs.map((x, i) => (places.includes(i) ? (leaves[places.indexOf(i)] as Tensor) : x)), sample.attrs as Attrs)
      expectGradients(loss, places.map((i) => inputs[i] as Tensor), `${name} ${JSON.stringify(sample.attrs)} of ${JSON.stringify(sample.inputs.map((x) => x?.shape))}`)
    }
  })
})

describe('the gradient of the gradient is what differences say', () => {
  const twice = ['add', 'sub', 'mul', 'div', 'neg', 'exp', 'log', 'sqrt', 'tanh', 'sigmoid', 'pow', 'matmul', 'reduce_sum', 'reduce_mean', 'concat', 'slice', 'gather', 'expand', 'reshape', 'transpose', 'where']
  it.for(twice)('%s', (name) => {
    const op = OPS.get(name) as Op
    for (const sample of usable(op).filter((s) => s.inputs.every((x) => x === null || (elementCount(x.shape) <= 30 && (x.data === undefined || !isFloat(x)))))) {
      const inputs = inputsOf(sample)
      const places = inputs.flatMap((x, i) => (x instanceof Tensor ? [i] : []))
      const loss = (leaves: readonly Tensor[]): Tensor => {
        const own = leaves.map((t) => (t.requiresGrad ? t : t.detach().requiresGrad_()))
        // A square on top, so that linear ops have second derivatives too.
        const first = lossOf(name, inputs.map((x, i) => (places.includes(i) ? (own[places.indexOf(i)] as Tensor) : x)), sample.attrs as Attrs)
        const gradients = grad(first.mul(first), own, { createGraph: true, allowUnused: true })
        return gradients.reduce<Tensor>((sum, g) => (g === null ? sum : sum.add(g.mul(g).sum())), first.mul(0))
      }
      // Differences are taken without recording, which the loss needs for itself.
      expectGradients((leaves) => enableGrad(() => loss(leaves)), places.map((i) => inputs[i] as Tensor), `${name} of ${JSON.stringify(sample.inputs.map((x) => x?.shape))}`, 1e-5)
    }
  })
})
