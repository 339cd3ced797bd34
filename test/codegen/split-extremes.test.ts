import { describe, expect, it } from 'vitest'
import { applySchedule } from '../../src/codegen/schedule/apply.js'
import { splitExtremes } from '../../src/codegen/split-extremes.js'
import { binary, constant, load, local } from '../../src/ir/kernel/expr.js'
import type { Compute } from '../../src/ir/kernel/compute.js'
import type { Schedule } from '../../src/ir/kernel/schedule.js'
import { instantiate } from './wasm/run-wasm.js'

const ROWS = 6, COLUMNS = 11

/** y[i] = extreme over j of x[i, j]. */
function extremes(combine: 'max' | 'min'): Compute {
  return {
    name: combine, axes: [{ name: 'i', hi: ROWS }],
    buffers: [{ name: 'x0', dtype: 'float32', shape: [ROWS, COLUMNS], role: 'in' }, { name: 'y0', dtype: 'float32', shape: [ROWS], role: 'out' }],
    stages: [
      { kind: 'reduce', axes: [{ name: 'j', hi: COLUMNS }], lets: [], accumulators: [{ name: 'm', type: 'f32', init: constant('f32', combine === 'max' ? '-inf' : 'inf'), combine, value: load('x0', ['i', 'j']) }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['i'], value: binary('mul', local('m', 'f32'), constant('f32', 2)) },
    ],
  }
}

const SCHEDULES: Readonly<Record<string, Schedule>> = {
  'one by one': [],
  'with rows in lanes': [{ kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii' }, { kind: 'vectorize', axis: 'ii' }],
  'with columns in lanes': [{ kind: 'split', axis: 'j', factor: 4, outer: 'jo', inner: 'ji' }, { kind: 'vectorize', axis: 'ji' }],
}

describe('extremes in two parts', () => {
  // Rows: numbers; NaN first, in the middle and last; infinities; nothing but NaN.
  const x = Float32Array.from({ length: ROWS * COLUMNS }, (_, k) => ((k * 7) % 13) - 6)
  x[COLUMNS] = NaN
  x[2 * COLUMNS + 5] = NaN
  x[4 * COLUMNS - 1] = NaN
  x.set([Infinity, -Infinity], 4 * COLUMNS + 3)
  x.fill(NaN, 5 * COLUMNS)
  for (const combine of ['max', 'min'] as const) for (const [name, schedule] of Object.entries(SCHEDULES)) {
    it(`let NaN through a ${combine} ${name}`, () => {
      const y = new Float32Array(ROWS), extreme = combine === 'max' ? Math.max : Math.min
      instantiate([applySchedule(splitExtremes(extremes(combine)), schedule, 'k')]).run([x, y], [])
      expect([...y]).toEqual(Array.from({ length: ROWS }, (_, i) => 2 * extreme(...x.subarray(i * COLUMNS, (i + 1) * COLUMNS))))
    })
  }

  it('leave an extreme alone that its own stage reads', () => {
    const [reduce, store] = extremes('max').stages
    if (reduce?.kind !== 'reduce' || store === undefined) return expect.fail('no reduction')
    const reading: Compute = { ...extremes('max'), stages: [{ ...reduce, accumulators: [...reduce.accumulators, { name: 's', type: 'f32', init: constant('f32', 0), value: binary('add', local('s', 'f32'), local('m', 'f32')) }] }, store] }
    expect(splitExtremes(reading)).toEqual(reading)
  })
})
