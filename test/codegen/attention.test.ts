import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compile, pipelineFor } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { tensorType } from '../../src/ir/types.js'
import { load } from '../../src/runtime/session.js'
import { attentionGraph, attentionShapes, type AttentionShape } from '../passes/attention-graphs.js'
import { expectSameOnTarget } from './same-on-target.js'

const PLAIN: AttentionShape = { heads: 2, group: 1, depth: 8, width: 8, scaled: 'scores', mask: 'none', keys: 'flag', zeros: false, flat: false }
/** Queries and keys around the eight queries of a block and the tiles of four and six keys. */
const SIZES = [{ batch: 2, m: 8, n: 6 }, { batch: 1, m: 13, n: 21 }, { batch: 2, m: 7, n: 9 }, { batch: 1, m: 9, n: 3 }, { batch: 1, m: 1, n: 17 }, { batch: 1, m: 16, n: 12 }, { batch: 0, m: 9, n: 9 }]

describe('attention', () => {
  it('of any size and kind gives what the interpreter does', async () => {
    await fc.assert(fc.asyncProperty(attentionShapes, async (s) => { await expectSameOnTarget(attentionGraph(s), 'wasm', SIZES) }), { seed: 72, numRuns: 25 })
  })

  it('takes heads as long as those of models', async () => {
    for (const depth of [32, 64, 80]) await expectSameOnTarget(attentionGraph({ ...PLAIN, depth, width: depth }), 'wasm', [{ batch: 1, m: 11, n: 29 }, { batch: 1, m: 2, n: 5 }])
  })

  it('has a kernel on targets that do not look for it', async () => {
    const passes = pipelineFor('js').flatMap((pass) => (pass === 'fuse' ? ['recognise-attention', pass] : [pass]))
    for (const mask of ['none', 'add', 'keep'] as const) await expectSameOnTarget(attentionGraph({ ...PLAIN, mask, depth: 5 }), 'js', SIZES, { passes })
  })
})

/** What attention of ones with a mask [m, n] of `mask` gives on wasm, for `m` queries. */
async function runMasked(m: number, mask: readonly number[]): Promise<Float32Array> {
  const b = new GraphBuilder({ name: 'g', stage: 'canonical' }), n = mask.length
  const [q, k, v] = ['q', 'k', 'v'].map((name, i) => b.input(name, tensorType('float32', [1, 1, i === 0 ? m : n, 4])))
  const at = b.input('mask', tensorType('float32', [1, 1, 1, n]))
  b.output('y', b.add1('attention', [q ?? null, k ?? null, v ?? null, at], { scale: 1, masking: 'add', fill: 0, zeros: false, layouts: ['bhnd', 'bhnd', 'bhnd', 'bhnd'] }, { origin: 'a' }))
  const session = await load((await compile(b.finish())).data)
  const y = session.runSync({ q: seededTensor('float32', [1, 1, m, 4], 1), k: seededTensor('float32', [1, 1, n, 4], 2), v: { dtype: 'float32', shape: [1, 1, n, 4], data: Float32Array.from({ length: 4 * n }, (_, i) => (mask[i >> 2] === 0 ? 1 : 3e38)) }, mask: { dtype: 'float32', shape: [1, 1, 1, n], data: Float32Array.from(mask) } })['y']
  return y?.data as Float32Array
}

describe('masked keys', () => {
  const rows = [1, 3, 8, 20]

  it('weigh exactly nothing, whatever their values', async () => {
    for (const m of rows) {
      const y = await runMasked(m, [0, -Infinity, 0, 0, -Infinity, 0, 0, -10000, -Infinity])
      for (const x of y) expect(Math.abs(x - 1), `${m} queries`).toBeLessThan(1e-5)
    }
  })

  it('leave NaN where all of a row are, as softmax does', async () => {
    for (const m of rows) expect([...(await runMasked(m, [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity]))].every(Number.isNaN), `${m} queries`).toBe(true)
  })
})
