import { describe, expect, test } from 'vitest'
import { tensorType } from '../../../src/ir/types.js'
import { hostTensor, seededTensor } from '../../../src/ir/host-tensor.js'
import type { Value } from '../../../src/ir/graph.js'
import { getOp } from '../../../src/ir/ops/index.js'

const NAMES = ['matmul', 'conv', 'conv_transpose', 'max_pool', 'max_pool_indices', 'average_pool', 'lp_pool', 'resize']

describe.each(NAMES)('samples of %s', (name) => {
  const op = getOp(name)
  test.each(op.samples.map((sample, i) => [i, sample] as const))('%# has a reference result of the inferred types', (_, sample) => {
    const tensors = sample.inputs.map((s, k) => (s === null ? null : s.data !== undefined ? hostTensor(s.dtype, s.shape, s.data) : seededTensor(s.dtype, s.shape, k + 1, s.range)))
    const inputs = tensors.map((t, k): Value | null => (t === null ? null : { name: `x${k}`, type: tensorType(t.dtype, t.shape) }))
    const types = op.infer({ inputs, attrs: sample.attrs }, { assume: () => {} })
    const outputs = types.map((t) => { if (t.kind !== 'tensor') throw new Error('not a tensor'); return { dtype: t.dtype, shape: t.shape as readonly number[] } })
    const results = op.reference({ inputs: tensors, attrs: sample.attrs, outputs })
    expect(results.map((r) => ({ dtype: r.dtype, shape: r.shape, count: r.data.length }))).toEqual(outputs.map((o) => ({ ...o, count: o.shape.reduce((p, d) => p * d, 1) })))
  })
})
