import { describe, expect, test } from 'vitest'
import { binary, constant, load, local, type Expr } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { instantiate } from './run-wasm.js'

const VALUES = [0, -0, 1, -1, 6, 7, NaN, Infinity, -Infinity, 2 ** -149, -(2 ** -149), 3e38]
const LIMITS: readonly (number | string)[] = [0, '-0', 6, -6, 'inf', '-inf']

/** y = extreme(x, limit) on vectors; the limit in place, or in a register before the loop. */
function extremeKernel(name: 'min' | 'max', limit: number | string, hoisted: boolean): Kernel {
  const vector: Expr = { kind: 'splat', x: constant('f32', limit) }, x: Expr = { ...load('x0', ['i']), kind: 'load', lanes: 4 } as Expr
  const length = VALUES.length
  return {
    name: `${name}_${limit}`, params: [], buffers: [{ name: 'x0', dtype: 'float32', length, role: 'in' }, { name: 'y0', dtype: 'float32', length, role: 'out' }],
    body: [
      { kind: 'let', name: 'limit', type: 'f32x4', value: vector },
      { kind: 'for', variable: 'i', lo: 0, hi: length, step: 4, body: [{ kind: 'store', buffer: 'y0', index: 'i', value: binary(name, x, hoisted ? local('limit', 'f32x4') : vector) }] },
    ],
  }
}

describe('vector minima and maxima with a number are those of the interpreter to the bit, zeros and NaN included', () => {
  for (const name of ['min', 'max'] as const) {
    test.each(LIMITS)(`${name} with %s`, (limit) => {
      for (const hoisted of [false, true]) {
        const kernel = extremeKernel(name, limit, hoisted), x0 = Float32Array.from(VALUES), got = new Float32Array(VALUES.length), want = new Float32Array(VALUES.length)
        instantiate([kernel]).run([x0, got], [])
        interpretKernel(kernel, {}, { x0, y0: want })
        VALUES.forEach((v, i) => { expect(Object.is(got[i], want[i]), `${name}(${v}, ${limit}) is ${want[i]}, not ${got[i]}`).toBe(true) })
      }
    })
  }
})
