import { describe, expect, it } from 'vitest'
import { expandMath } from '../../src/codegen/expand-math.js'
import { EXPANSIONS, type Chain } from '../../src/codegen/float-functions.js'
import { applySchedule } from '../../src/codegen/schedule/apply.js'
import { erf } from '../../src/base/erf.js'
import { binary, constant, load, local, unary, type Expr, type UnaryOp } from '../../src/ir/kernel/expr.js'
import type { Compute } from '../../src/ir/kernel/compute.js'
import { interpretKernel } from '../../src/ir/kernel/interpret.js'
import type { Schedule } from '../../src/ir/kernel/schedule.js'
import { hasFusedMadd } from '../../src/runtime/wasm/relaxed.js'
import { instantiate } from './wasm/run-wasm.js'

/** The functions in double. */
const EXACT: Readonly<Record<string, (x: number) => number>> = { exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p, tanh: Math.tanh, erf, sign: Math.sign }
const UNITS: Readonly<Record<string, number>> = { exp: 2, expm1: 3, log: 2, log1p: 3, tanh: 3, erf: 3, sign: 0 }

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

function computeOf(of: (x: Expr) => Expr, n: number, chain: Chain): Compute {
  return expandMath({
    name: 'f', buffers: [{ name: 'x0', dtype: 'float32', shape: [n], role: 'in' }, { name: 'y0', dtype: 'float32', shape: [n], role: 'out' }],
    axes: [{ name: 'i', hi: n }], stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['i'], value: of(load('x0', ['i'])) }],
  }, chain)
}

const LANES: Schedule = [{ kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii' }, { kind: 'vectorize', axis: 'ii' }]

interface Form { readonly chain: Chain; readonly relaxed: boolean }
/** What kernels are made of without relaxed SIMD and, where this machine has it, with it. */
const FORMS: readonly Form[] = [{ chain: 'paired', relaxed: false }, { chain: 'fused', relaxed: false }, ...(hasFusedMadd() ? [{ chain: 'fused', relaxed: true } as const] : [])]

function run(of: (x: Expr) => Expr, x: Float32Array, schedule: Schedule, { chain, relaxed }: Form): Float32Array {
  const y = new Float32Array(x.length)
  instantiate([applySchedule(computeOf(of, x.length, chain), schedule, 'f')], 0, { relaxed }).run([x, y], [])
  return y
}

/** Units in the last place between results and exact values, at worst, and where; differences below `slack` count as none. */
function worstOf(x: Float32Array, y: Float32Array, exact: (x: number) => number, slack: (x: number) => number = () => 0): { readonly worst: number; readonly where: number } {
  let worst = 0, where = 0
  x.forEach((v, i) => {
    const want = Math.fround(exact(v)), got = y[i] as number
    if (Number.isNaN(want) || Number.isNaN(got)) { if (Number.isNaN(want) !== Number.isNaN(got)) { worst = Infinity; where = v } return }
    const units = Math.abs(got - want) <= slack(v) ? 0 : Math.abs(ordered(got) - ordered(want))
    if (units > worst) { worst = units; where = v }
  })
  return { worst, where }
}

const SETS = [arguments_(), dense(-6, 6), dense(-104, 89), dense(0.3, 3), dense(-0.999, 0.999)]
const nameOf = ({ chain, relaxed }: Form): string => `${chain}${relaxed ? ', rounded once' : ''}`

describe('powers by products and roots', () => {
  const form: Form = { chain: 'paired', relaxed: false }
  it.each([1, 2, 3, 4, -1, 0.25, 0.5, 0.75, 1.5, -0.5])('x to the power of %d is near the power in double, at every exponent and at special values', (exponent) => {
    const of = (x: Expr): Expr => binary('pow', x, constant('f32', exponent))
    for (const x of SETS) {
      const { worst, where } = worstOf(x, run(of, x, LANES, form), (v) => v ** exponent)
      expect(worst, `${where} ** ${exponent}`).toBeLessThanOrEqual(2)
      expect(run(of, x, LANES, form)).toEqual(run(of, x, [], form))
    }
  })
})

describe.each(FORMS.map((form) => [nameOf(form), form] as const))('functions as arithmetic, chains %s', (_, form) => {
  for (const op of Object.keys(EXPANSIONS) as UnaryOp[]) {
    const of = (x: Expr): Expr => unary(op, x)
    it(`${op} is near the function in double, at every exponent and at special values`, () => {
      for (const x of SETS) {
        const { worst, where } = worstOf(x, run(of, x, LANES, form), EXACT[op] as (x: number) => number)
        expect(worst, `${op}(${where})`).toBeLessThanOrEqual(UNITS[op] as number)
      }
    })
    it(`${op} gives the same bits in lanes, in scalars and in the interpreter`, () => {
      const x = dense(-9, 9, 501)
      x.set([0, -0, Infinity, -Infinity, NaN, 1e-40, -1e-40, 3e38, -3e38])
      const scalar = run(of, x, [], form), want = new Float32Array(x.length)
      expect(run(of, x, LANES, form)).toEqual(scalar)
      interpretKernel(applySchedule(computeOf(of, x.length, form.chain), LANES, op), {}, { x0: x, y0: want })
      if (!form.relaxed) expect(scalar).toEqual(want)
    })
  }

  const one = constant('f32', 1), add = (a: Expr, b: Expr): Expr => binary('add', a, b), mul = (a: Expr, b: Expr): Expr => binary('mul', a, b)
  const CHAINS: Readonly<Record<string, { readonly of: (x: Expr) => Expr; readonly exact: (x: number) => number; readonly units: number; readonly slack?: (x: number) => number }>> = {
    // Above 88.3 the denominator is infinite: what is lost is less than 1e-36 of the numerator.
    sigmoid: { of: (x) => unary('recip', add(one, unary('exp', unary('neg', x)))), exact: (x) => 1 / (1 + Math.exp(-x)), units: 3, slack: (x) => (x < -88 ? 1e-38 : 0) },
    silu: { of: (x) => binary('div', x, add(one, unary('exp', unary('neg', x)))), exact: (x) => x / (1 + Math.exp(-x)), units: 4, slack: (x) => (x < -88 ? 1e-36 : 0) },
    'a falling sigmoid': { of: (x) => binary('div', one, add(unary('exp', x), constant('f32', 2))), exact: (x) => 1 / (2 + Math.exp(x)), units: 3, slack: (x) => (x > 88 ? 1e-38 : 0) },
    '1 + tanh': { of: (x) => add(one, unary('tanh', x)), exact: (x) => 2 / (1 + Math.exp(-2 * x)), units: 3, slack: (x) => (x < -44 ? 1e-38 : 0) },
    // The tail of a normal distribution is a number with a rounded logarithm: what error that has is beyond what changes 1.
    gelu: { of: (x) => mul(mul(constant('f32', 0.5), x), add(one, unary('erf', mul(x, constant('f32', Math.SQRT1_2))))), exact: (x) => (x === -Infinity ? 0 : 0.5 * x * (1 + erf(x * Math.SQRT1_2))), units: 4, slack: (x) => (x < -0.5 ? 1e-7 : 0) },
  }
  for (const [name, { of, exact, units, slack }] of Object.entries(CHAINS)) {
    it(`${name} is near the function in double, at every exponent and at special values`, () => {
      for (const x of SETS) {
        const { worst, where } = worstOf(x, run(of, x, LANES, form), exact, slack)
        expect(worst, `${name}(${where})`).toBeLessThanOrEqual(units)
      }
    })
    it(`${name} gives the same bits in lanes and in scalars`, () => {
      const x = dense(-9, 9, 501)
      expect(run(of, x, LANES, form)).toEqual(run(of, x, [], form))
    })
  }
})

describe('bounds by 0', () => {
  const form: Form = { chain: 'paired', relaxed: false }, above = (x: Expr): Expr => binary('max', constant('f32', 0), x)
  it.each<readonly [string, (x: Expr) => Expr, (x: number) => number]>([
    ['an element', above, (x) => Math.max(x, 0)],
    ['a sum with a number', (x) => above(binary('add', x, constant('f32', 3))), (x) => Math.max(Math.fround(x + 3), 0)],
    ['a sum with 0', (x) => above(binary('add', constant('f32', 0), x)), (x) => Math.max(x + 0, 0)],
    ['a sum bounded above', (x) => above(binary('min', constant('f32', 1), binary('add', x, constant('f32', 0.5)))), (x) => Math.max(Math.min(Math.fround(x + 0.5), 1), 0)],
    ['an element bounded by 0 on both sides', (x) => above(binary('min', x, constant('f32', 0))), (x) => Math.max(Math.min(x, 0), 0)],
  ])('%s has the zero that it must have, and NaN stays', (_, of, exact) => {
    for (const x of [...SETS, Float32Array.of(-3, -0.5, 0, -0, 3, -4, NaN, 1)]) for (const schedule of [LANES, []]) expect(run(of, x, schedule, form)).toEqual(x.map(exact))
  })

  it('a sum of many terms is bounded by one operation', () => {
    const buffers: Compute['buffers'] = [{ name: 'x0', dtype: 'float32', shape: [8, 3], role: 'in' }, { name: 'y0', dtype: 'float32', shape: [8], role: 'out' }]
    const total: Compute['stages'][number] = { kind: 'reduce', axes: [{ name: 'k', hi: 3 }], lets: [], accumulators: [{ name: 's', type: 'f32', init: constant('f32', 0), combine: 'add', value: load('x0', ['i', 'k']) }] }
    const compute = expandMath({ name: 'f', buffers, axes: [{ name: 'i', hi: 8 }], stages: [total, { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['i'], value: above(binary('add', local('s', 'f32'), constant('f32', 0))) }] }, 'paired')
    expect(compute.stages[1]).toMatchObject({ value: { op: 'pmax' } })
    const x = Float32Array.of(1, 2, -4, 1, 2, -2, NaN, 0, 0, -0, -0, -0, Infinity, -Infinity, 0, Infinity, 1, 1, -Infinity, 1, 1, 0.5, 0.5, -1), y = new Float32Array(8)
    instantiate([applySchedule(compute, [], 'f')], 0, { relaxed: false }).run([x, y], [])
    expect(Array.from(y, (v) => v + 0)).toEqual([0, 1, NaN, 0, NaN, Infinity, 0, 0])
  })
})
