import { describe, expect, it } from 'vitest'
import { DTYPES } from '../../../src/base/dtype.js'
import type { AttrKind } from '../../../src/ir/op.js'
import { OPS } from '../../../src/ir/ops/index.js'
import { sampleCase } from './sample-cases.js'

const KIND_HOLDS: Record<AttrKind, (attr: unknown) => boolean> = {
  int: Number.isInteger, float: (a) => typeof a === 'number', string: (a) => typeof a === 'string', bool: (a) => typeof a === 'boolean',
  ints: (a) => Array.isArray(a) && a.every(Number.isInteger), floats: (a) => Array.isArray(a) && a.every((x) => typeof x === 'number'),
  strings: (a) => Array.isArray(a) && a.every((x) => typeof x === 'string'), bools: (a) => Array.isArray(a) && a.every((x) => typeof x === 'boolean'),
  dtype: (a) => typeof a === 'string' && a in DTYPES, dim: (a) => Number.isInteger(a), dims: (a) => Array.isArray(a) && a.every(Number.isInteger),
  tensor: (a) => typeof a === 'object' && a !== null && 'data' in a, graph: (a) => typeof a === 'object' && a !== null && 'nodes' in a,
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
        const { attrs, tensors, outputs } = sampleCase(op, i)
        const results = op.reference({ inputs: tensors, attrs, outputs })
        expect(results.map((t) => ({ dtype: t.dtype, shape: t.shape })), `sample ${i}`).toEqual(outputs)
        results.forEach((t) => {
          expect(t.data.length).toBe(t.shape.reduce((n, d) => n * d, 1))
          expect(t.data).toBeInstanceOf(DTYPES[t.dtype].array)
        })
      })
    })
  }
})
