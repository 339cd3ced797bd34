/** Integer and storage helpers of WebAssembly kernels, and the table of all helpers. Meanings are those of `ir/kernel/arithmetic.ts`. */
import type { RegisterType, ScalarType } from '../../ir/kernel/expr.js'
import { branch, constant, get, loopWhile, op, select, set, setGlobal, tee, type Code, type ValueType } from './instructions.js'
import { MATH, type HelperFunction } from './math.js'
import { SHARING } from './sharing.js'

const x = get(0), y = get(1)
const i32 = (n: number): Code => constant('i32', n)

/** Division, remainder, modulus and power of a signed and an unsigned integer type: 0 for a divisor of 0; no trap. */
function integers(type: 'i32' | 'i64'): Record<string, HelperFunction> {
  const zero = constant(type, 0), one = constant(type, 1)
  const o = (name: string, ...operands: readonly Code[]): Code => op(`${type}.${name}`, ...operands)
  const pair = { params: [type, type], result: type } as const
  const unlessZero = (code: Code): Code => branch(type, o('eqz', y), zero, code)
  // a power by squaring; local 2 is the product
  const squaring: Code = [
    set(2, one),
    loopWhile(o('ne', y, zero), [branch(undefined, o('ne', o('and', y, one), zero), set(2, o('mul', get(2), x)), []), set(0, o('mul', x, x)), set(1, o('shr_u', y, one))]),
    get(2),
  ]
  const oddSign = select(o('ne', o('and', y, one), zero), x, one)
  const unsigned = type === 'i32' ? 'u32' : 'u64'
  return {
    // the least integer divided by -1 is itself; the instruction would trap
    [`div_${type}`]: { ...pair, body: () => unlessZero(branch(type, o('eq', y, constant(type, -1)), o('sub', zero, x), o('div_s', x, y))) },
    [`rem_${type}`]: { ...pair, body: () => unlessZero(o('rem_s', x, y)) },
    [`mod_${type}`]: {
      ...pair, locals: [type],
      body: () => [
        set(2, unlessZero(o('rem_s', x, y))),
        select(op('i32.and', o('ne', get(2), zero), o('lt_s', o('xor', get(2), y), zero)), o('add', get(2), y), get(2)),
      ],
    },
    [`pow_${type}`]: {
      ...pair, locals: [type],
      body: () => branch(type, o('lt_s', y, zero),
        branch(type, o('eq', x, one), one, branch(type, o('eq', x, constant(type, -1)), oddSign, zero)), squaring),
    },
    [`div_${unsigned}`]: { ...pair, body: () => unlessZero(o('div_u', x, y)) },
    [`rem_${unsigned}`]: { ...pair, body: () => unlessZero(o('rem_u', x, y)) },
    [`mod_${unsigned}`]: { ...pair, body: () => unlessZero(o('rem_u', x, y)) },
    [`pow_${unsigned}`]: { ...pair, locals: [type], body: () => squaring },
  }
}

const bits = op('i32.reinterpret_f32', get(0))
const exponentField = op('i32.and', op('i32.shr_u', get(1), i32(23)), i32(255))

const STORAGE: Readonly<Record<string, HelperFunction>> = {
  /** The float whose half-precision bits are given: exponent and fraction moved into a float's, times 2^112 for the biases. */
  from_half: {
    params: ['i32'], result: 'f32', locals: ['i32'],
    body: () => [
      set(1, op('i32.shl', op('i32.and', x, i32(0x7fff)), i32(13))),
      set(1, branch('i32', op('i32.eq', op('i32.and', x, i32(0x7c00)), i32(0x7c00)), op('i32.or', get(1), i32(0x7f800000)),
        op('i32.reinterpret_f32', op('f32.mul', op('f32.reinterpret_i32', get(1)), constant('f32', 2 ** 112))))),
      op('f32.reinterpret_i32', op('i32.or', get(1), op('i32.shl', op('i32.and', x, i32(0x8000)), i32(16)))),
    ],
  },
  /** Half-precision bits: the fraction scaled to an integer and rounded to even; a carry goes into the exponent. */
  to_half: {
    params: ['f32'], result: 'i32', locals: ['i32', 'i32'],
    body: () => [
      branch(undefined, op('f32.ne', x, x), [i32(0x7e00), 0x0f], []),
      set(2, op('i32.and', op('i32.shr_u', tee(1, bits), i32(16)), i32(0x8000))),
      branch(undefined, op('f32.ge', op('f32.abs', x), constant('f32', 65520)), [op('i32.or', get(2), i32(0x7c00)), 0x0f], []),
      set(1, op('i32.sub', exponentField, i32(127))),
      set(1, select(op('i32.gt_s', get(1), i32(-14)), get(1), i32(-14))),
      op('i32.or', get(2), op('i32.add', op('i32.shl', op('i32.add', get(1), i32(14)), i32(10)),
        op('i32.trunc_sat_f32_s', op('f32.nearest', op('f32.mul', op('f32.abs', x), op('f32.reinterpret_i32', op('i32.shl', op('i32.sub', i32(137), get(1)), i32(23)))))))),
    ],
  },
  to_brain: {
    params: ['f32'], result: 'i32', locals: ['i32'],
    body: () => select(op('f32.eq', x, x),
      op('i32.shr_u', op('i32.add', op('i32.add', tee(1, bits), i32(0x7fff)), op('i32.and', op('i32.shr_u', get(1), i32(16)), i32(1))), i32(16)), i32(0x7fc0)),
  },
}

/** Globals that say which index was out of range when a kernel traps: the kernel's number (-1 while all is well), the index, the extent. */
export const FAULT_GLOBALS = ['fault.kernel', 'fault.value', 'fault.extent'] as const

const INDICES: Readonly<Record<string, HelperFunction>> = {
  /** (value, extent, kernel) → the index, counted from the end when negative. */
  data_index: {
    params: ['i64', 'i32', 'i32'], result: 'i32', locals: ['i64'],
    body: () => [
      set(3, branch('i64', op('i64.lt_s', x, constant('i64', 0)), op('i64.add', x, op('i64.extend_i32_s', get(1))), x)),
      branch(undefined, op('i64.ge_u', get(3), op('i64.extend_i32_s', get(1))), [setGlobal(0, get(2)), setGlobal(1, x), setGlobal(2, get(1)), op('unreachable')], []),
      op('i32.wrap_i64', get(3)),
    ],
  },
  /** Quotient rounded to minus infinity; 0 for a divisor of 0. */
  floor_div: {
    params: ['i32', 'i32'], result: 'i32',
    body: () => branch('i32', op('i32.eqz', y), i32(0), op('i32.sub', op('i32.div_s', x, y), op('i32.and', op('i32.ne', op('i32.rem_s', x, y), i32(0)), op('i32.lt_s', op('i32.xor', x, y), i32(0))))),
  },
}

const HELPERS: Readonly<Record<string, HelperFunction>> = { ...MATH, ...integers('i32'), ...integers('i64'), ...STORAGE, ...INDICES, ...SHARING }

/** The helper of that name. */
export function getHelper(name: string): HelperFunction {
  const helper = HELPERS[name]
  if (helper === undefined) throw new RangeError(`no WebAssembly helper ${name}`)
  return helper
}

/** WebAssembly type of each register type. */
export const WASM_TYPE: Readonly<Record<ScalarType, Exclude<ValueType, 'v128'>>> & Readonly<Record<RegisterType, ValueType>> = { f32: 'f32', f64: 'f64', i32: 'i32', u32: 'i32', bool: 'i32', i64: 'i64', u64: 'i64', f32x4: 'v128', i32x4: 'v128', b32x4: 'v128' }
