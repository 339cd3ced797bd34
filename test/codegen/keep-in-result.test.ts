import { describe, expect, it } from 'vitest'
import { keepInResult } from '../../src/codegen/keep-in-result.js'
import { applySchedule } from '../../src/codegen/schedule/apply.js'
import type { DType } from '../../src/base/dtype.js'
import { binary, constant, load, local, unary } from '../../src/ir/kernel/expr.js'
import type { Compute } from '../../src/ir/kernel/compute.js'
import { printKernel } from '../../src/ir/kernel/print.js'
import type { Schedule } from '../../src/ir/kernel/schedule.js'
import { visitExprs, rootsOf } from '../../src/ir/kernel/walk.js'
import { instantiate } from './wasm/run-wasm.js'

/** y[i, j] = exp(x[i, j]) / Σ exp(x[i, k]). */
function shares(dtype: DType): Compute {
  const e = unary('exp', load('x0', ['i', 'j'])), axes = [{ name: 'j', hi: 5 }]
  return {
    name: 'shares', axes: [{ name: 'i', hi: 2 }], buffers: [{ name: 'x0', dtype, shape: [2, 5], role: 'in' }, { name: 'y0', dtype, shape: [2, 5], role: 'out' }],
    stages: [
      { kind: 'reduce', axes, lets: [], accumulators: [{ name: 's', type: 'f32', init: constant('f32', 0), combine: 'add', value: e }] },
      { kind: 'store', axes, lets: [], buffer: 'y0', index: ['i', 'j'], value: binary('div', e, local('s', 'f32')) },
    ],
  }
}

function exponentials(compute: Compute): number {
  let count = 0
  for (const s of compute.stages) visitExprs(rootsOf(s), (e) => { if (e.kind === 'unary' && e.op === 'exp') count++ })
  return count
}

describe('a function that a sum and a result share', () => {
  it('is computed once, and gives what it gave', () => {
    const kept = keepInResult(shares('float32')), x = Float32Array.from([0, 1, -2, 3, 0.5, 9, 8, 7, -8, 6]), y = new Float32Array(10)
    expect(exponentials(kept)).toBe(1)
    instantiate([applySchedule(kept, [], 'k')]).run([x, y], [])
    for (const row of [0, 1]) {
      const e = [...x.subarray(5 * row, 5 * row + 5)].map(Math.exp), sum = e.reduce((a, b) => a + b)
      e.forEach((v, k) => { expect(Math.abs((y[5 * row + k] as number) - v / sum)).toBeLessThanOrEqual(2 ** -22 * (v / sum)) })
    }
  })

  it('waits in vectors where a row runs in lanes', () => {
    const kept = keepInResult(shares('float32')), lanes: Schedule = [{ kind: 'split', axis: 'j', factor: 4, outer: 'jo', inner: 'ji' }, { kind: 'vectorize', axis: 'ji' }]
    const kernel = applySchedule(kept, lanes, 'k'), x = Float32Array.from({ length: 10 }, (_, k) => k / 3), [y, z] = [new Float32Array(10), new Float32Array(10)]
    expect(printKernel(kernel)).toMatch(/y0\[.*\] = y0\[.*\]:4 \* /)
    instantiate([kernel]).run([x, y], [])
    instantiate([applySchedule(kept, [], 'k')]).run([x, z], [])
    y.forEach((v, k) => { expect(Math.abs(v - (z[k] as number))).toBeLessThanOrEqual(2 ** -22 * v) })
  })

  it('is computed twice where results have fewer digits', () => {
    const compute = shares('float16')
    expect(keepInResult(compute)).toBe(compute)
  })
})
