import { describe, expect, it } from 'vitest'
import { EXPANSIONS, expandMath } from '../../src/codegen/expand-math.js'
import { applySchedule } from '../../src/codegen/schedule/apply.js'
import { erf } from '../../src/base/erf.js'
import { load, unary, type UnaryOp } from '../../src/ir/kernel/expr.js'
import type { Compute } from '../../src/ir/kernel/compute.js'
import { interpretKernel } from '../../src/ir/kernel/interpret.js'
import type { Schedule } from '../../src/ir/kernel/schedule.js'
import { instantiate } from './wasm/run-wasm.js'

/** The functions in double. */
const EXACT: Readonly<Record<string, (x: number) => number>> = { exp: Math.exp, log: Math.log, log1p: Math.log1p, tanh: Math.tanh, erf, sign: Math.sign }
const UNITS: Readonly<Record<string, number>> = { exp: 2, log: 2, log1p: 3, tanh: 3, erf: 3, sign: 0 }

/** Every exponent of both signs with some fractions, and what is special. */
function arguments_(): Float32Array {
  const bits = new Int32Array(255 * 2 * 64 + 12)
  let at = 0
  for (let exponent = 0; exponent < 255; exponent++) for (const sign of [0, -2147483648]) for (let k = 0; k < 64; k++) bits[at++] = sign | (exponent << 23) | Math.imul(k, 131071 + 2 * exponent) & 0x7fffff
  const x = new Float32Array(bits.buffer)
  x.set([0, -0, Infinity, -Infinity, NaN, 1, -1, 88.72284, 88.7229, -103.97, -104, 2 ** -149], at)
  return x
}

/** Many arguments in the range where a function does something. */
const dense = (low: number, high: number, n = 40_000): Float32Array => Float32Array.from({ length: n }, (_, k) => low + ((high - low) * k) / (n - 1))

const ordered = (x: number): number => { const b = new Int32Array(Float32Array.of(x).buffer)[0] as number; return b < 0 ? -2147483648 - b : b }

function computeOf(op: UnaryOp, n: number): Compute {
  return expandMath({
    name: op, buffers: [{ name: 'x0', dtype: 'float32', shape: [n], role: 'in' }, { name: 'y0', dtype: 'float32', shape: [n], role: 'out' }],
    axes: [{ name: 'i', hi: n }], stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['i'], value: unary(op, load('x0', ['i'])) }],
  })
}

const LANES: Schedule = [{ kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii' }, { kind: 'vectorize', axis: 'ii' }]

function run(op: UnaryOp, x: Float32Array, schedule: Schedule): Float32Array {
  const y = new Float32Array(x.length)
  instantiate([applySchedule(computeOf(op, x.length), schedule, op)]).run([x, y], [])
  return y
}

describe('functions as arithmetic', () => {
  for (const op of Object.keys(EXPANSIONS) as UnaryOp[]) {
    it(`${op} is near the function in double, at every exponent and at special values`, () => {
      const sets = [arguments_(), dense(-6, 6), dense(-104, 89), dense(0.3, 3), dense(-0.999, 0.999)]
      for (const x of sets) {
        const y = run(op, x, LANES), exact = EXACT[op] as (x: number) => number
        let worst = 0, where = 0
        x.forEach((v, i) => {
          const want = Math.fround(exact(v)), got = y[i] as number
          if (Number.isNaN(want) || Number.isNaN(got)) { if (Number.isNaN(want) !== Number.isNaN(got)) { worst = Infinity; where = v } return }
          const units = Math.abs(ordered(got) - ordered(want))
          if (units > worst) { worst = units; where = v }
        })
        expect(worst, `${op}(${where})`).toBeLessThanOrEqual(UNITS[op] as number)
      }
    })
    it(`${op} gives the same bits in lanes, in scalars and in the interpreter`, () => {
      const x = dense(-9, 9, 501)
      x.set([0, -0, Infinity, -Infinity, NaN, 1e-40, -1e-40, 3e38, -3e38])
      const scalar = run(op, x, []), want = new Float32Array(x.length)
      expect(run(op, x, LANES)).toEqual(scalar)
      interpretKernel(applySchedule(computeOf(op, x.length), LANES, op), {}, { x0: x, y0: want })
      expect(scalar).toEqual(want)
    })
  }
})
