import { describe, expect, it } from 'vitest'
import { DTYPES, type HostTensor } from '../../../src/base/dtype.js'
import { fromNumbers, seededTensor } from '../../../src/ir/host-tensor.js'
import { isStatic } from '../../../src/ir/dims.js'
import type { Value } from '../../../src/ir/graph.js'
import type { AttrKind, ConcreteType, InferContext, Op, SampleInput } from '../../../src/ir/op.js'
import { OPS } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'

const CONTEXT: InferContext = { assume: () => {} }

function tensorOfSample(input: SampleInput, seed: number): HostTensor {
  if (input.data !== undefined) return fromNumbers(input.dtype, input.shape, input.data)
  const range = input.range ?? (DTYPES[input.dtype].kind === 'float' ? [-1, 1] : input.dtype === 'bool' ? [0, 2] : [0, 8])
  return seededTensor(input.dtype, input.shape, seed, range)
}

const KIND_HOLDS: Record<AttrKind, (attr: unknown) => boolean> = {
  int: Number.isInteger, float: (a) => typeof a === 'number', string: (a) => typeof a === 'string', bool: (a) => typeof a === 'boolean',
  ints: (a) => Array.isArray(a) && a.every(Number.isInteger), floats: (a) => Array.isArray(a) && a.every((x) => typeof x === 'number'),
  strings: (a) => Array.isArray(a) && a.every((x) => typeof x === 'string'), bools: (a) => Array.isArray(a) && a.every((x) => typeof x === 'boolean'),
  dtype: (a) => typeof a === 'string' && a in DTYPES, dim: (a) => Number.isInteger(a), dims: (a) => Array.isArray(a) && a.every(Number.isInteger),
  tensor: (a) => typeof a === 'object' && a !== null && 'data' in a, graph: (a) => typeof a === 'object' && a !== null && 'nodes' in a,
}

function runSample(op: Op, index: number): { readonly inferred: readonly ConcreteType[]; readonly results: readonly HostTensor[] } {
  const sample = op.samples[index]
  if (sample === undefined) throw new Error(`${op.name} has no sample ${index}`)
  const tensors = sample.inputs.map((s, i) => (s === null ? null : tensorOfSample(s, 17 * index + i + 1)))
  const values = tensors.map((t, i): Value | null => (t === null ? null : { name: `x${i}`, type: tensorType(t.dtype, t.shape) }))
  const inferred = op.infer({ inputs: values, attrs: sample.attrs }, CONTEXT).map((t): ConcreteType => {
    if (t.kind !== 'tensor' || !isStatic(t.shape)) throw new Error('a sample must have concrete results')
    return { dtype: t.dtype, shape: t.shape }
  })
  return { inferred, results: op.reference({ inputs: tensors, attrs: sample.attrs, outputs: inferred }) }
}

describe('every op record', () => {
  it('is documented by one sentence and a source', () => {
    for (const op of OPS.values()) {
      expect(op.doc, op.name).toMatch(/^\S.*\.$/)
      expect(op.source.length, op.name).toBeGreaterThan(3)
    }
  })

  it('says how it is computed, unless it is an alias or opaque', () => {
    const without = [...OPS.values()].filter((op) => op.pattern !== 'alias' && op.pattern !== 'opaque' && op.scalar === undefined && op.compute === undefined && op.kernel === undefined)
    expect(without.map((op) => op.name)).toEqual([])
  })

  for (const op of OPS.values()) {
    if (op.samples.length === 0) continue
    it(`${op.name}: samples have exactly the attributes of the schema`, () => {
      for (const sample of op.samples) {
        expect(Object.keys(sample.attrs).sort()).toEqual(Object.keys(op.attrs).sort())
        for (const [name, kind] of Object.entries(op.attrs)) expect(KIND_HOLDS[kind](sample.attrs[name]), `${name}: ${kind}`).toBe(true)
      }
    })
    it(`${op.name}: reference gives the types that infer promises, on every sample`, () => {
      op.samples.forEach((_, i) => {
        const { inferred, results } = runSample(op, i)
        expect(results.map((t) => ({ dtype: t.dtype, shape: t.shape })), `sample ${i}`).toEqual(inferred)
        results.forEach((t) => {
          expect(t.data.length).toBe(t.shape.reduce((n, d) => n * d, 1))
          expect(t.data).toBeInstanceOf(DTYPES[t.dtype].array)
        })
      })
    })
  }
})
