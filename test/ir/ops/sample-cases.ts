/** What tests over op samples share: making a sample's tensors and types, and comparing results. */
import { expect } from 'vitest'
import { DTYPES, type DType, type HostTensor } from '../../../src/base/dtype.js'
import { isStatic } from '../../../src/ir/dims.js'
import type { Value } from '../../../src/ir/graph.js'
import { fromNumbers, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import type { ConcreteType, InferContext, Op, SampleInput } from '../../../src/ir/op.js'
import { tensorType } from '../../../src/ir/types.js'

/** Takes every assumption. */
export const LENIENT: InferContext = { assume: () => {} }

/** The tensor of a sample's input: given whole, or seeded. */
export function tensorOfSample(input: SampleInput, seed: number): HostTensor {
  if (input.data !== undefined) return fromNumbers(input.dtype, input.shape, input.data)
  const range = input.range ?? (DTYPES[input.dtype].kind === 'float' ? [-1, 1] : input.dtype === 'bool' ? [0, 2] : [0, 8])
  return seededTensor(input.dtype, input.shape, seed, range)
}

export interface SampleCase {
  readonly op: Op
  readonly attrs: Op['samples'][number]['attrs']
  readonly tensors: readonly (HostTensor | null)[]
  readonly values: readonly (Value | null)[]
  readonly outputs: readonly ConcreteType[]
}

/** Sample number `index` of an op with concrete tensors and inferred result types. */
export function sampleCase(op: Op, index: number): SampleCase {
  const sample = op.samples[index]
  if (sample === undefined) throw new Error(`${op.name} has no sample ${index}`)
  const tensors = sample.inputs.map((s, i) => (s === null ? null : tensorOfSample(s, 17 * index + i + 1)))
  const values = tensors.map((t, i): Value | null => (t === null ? null : { name: `x${i}`, type: tensorType(t.dtype, t.shape) }))
  const outputs = op.infer({ inputs: values, attrs: sample.attrs }, LENIENT).map((t): ConcreteType => {
    if (t.kind !== 'tensor' || !isStatic(t.shape)) throw new Error('a sample must have concrete results')
    return { dtype: t.dtype, shape: t.shape }
  })
  return { op, attrs: sample.attrs, tensors, values, outputs }
}

/** Some units in the last place of each float dtype; sums in another precision than the reference's need them. */
const RELATIVE: Readonly<Partial<Record<DType, number>>> = { float32: 1e-5, float16: 2 ** -9, bfloat16: 2 ** -6, float64: 1e-12 }

/** Expects equal integers and bools, and floats that agree to some units in the last place, NaN with NaN. */
export function expectClose(actual: HostTensor, expected: HostTensor, what: string): void {
  expect({ dtype: actual.dtype, shape: actual.shape }, what).toEqual({ dtype: expected.dtype, shape: expected.shape })
  if (DTYPES[expected.dtype].kind !== 'float') { expect(Array.from(actual.data as ArrayLike<unknown>), what).toEqual(Array.from(expected.data as ArrayLike<unknown>)); return }
  const a = toNumbers(actual), b = toNumbers(expected), relative = RELATIVE[expected.dtype] ?? 0
  b.forEach((want, i) => {
    const got = a[i] as number
    const close = Object.is(got, want) || got === want || Math.abs(got - want) <= relative * Math.max(Math.abs(want), 0.1)
    expect(close, `${what}, element ${i}: ${got} for ${want}`).toBe(true)
  })
}
