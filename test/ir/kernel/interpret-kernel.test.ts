import { describe, expect, it } from 'vitest'
import type { TensorStorage } from '../../../src/base/dtype.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'

/** What `expression` gives when stored to an element of `dtype`. */
function evaluate(expression: string, dtype: string, into: TensorStorage): number | bigint | string | undefined {
  interpretKernel(parseKernel(`kernel k() {\n out y: ${dtype}[1]\n y[0] = ${expression}\n}`), {}, { y: into })
  return into[0]
}
const i32 = (e: string) => evaluate(e, 'int32', new Int32Array(1))
const u32 = (e: string) => evaluate(e, 'uint32', new Uint32Array(1))
const i64 = (e: string) => evaluate(e, 'int64', new BigInt64Array(1))
const u64 = (e: string) => evaluate(e, 'uint64', new BigUint64Array(1))
const f32 = (e: string) => evaluate(e, 'float32', new Float32Array(1))
const f64 = (e: string) => evaluate(e, 'float64', new Float64Array(1))
const bool = (e: string) => evaluate(e, 'bool', new Uint8Array(1))

describe('registers hold exactly what their type says', () => {
  const cases: readonly [string, unknown, unknown][] = [
    ['i32 addition wraps', i32('i32(2147483647) + i32(1)'), -2147483648],
    ['i32 multiplication wraps', i32('i32(65537) * i32(65537)'), 131073],
    ['i32 division truncates', i32('i32(-7) / i32(2)'), -3],
    ['mod has the sign of the divisor', i32('mod(i32(-7), i32(3))'), 2],
    ['rem has the sign of the dividend', i32('rem(i32(-7), i32(3))'), -1],
    ['an integer divided by 0 is 0', i32('i32(7) / i32(0)'), 0],
    ['integer powers wrap', i32('pow(i32(3), i32(21))'), 1870418611],
    ['u32 subtraction wraps', u32('u32(0) - u32(1)'), 4294967295],
    ['u32 shifts are logical', u32('shr(u32(4294967295), u32(28))'), 15],
    ['shift counts are modulo the width', i32('shl(i32(1), i32(33))'), 2],
    ['i64 addition wraps', i64('i64(9223372036854775807) + i64(1)'), -9223372036854775808n],
    ['i64 division truncates', i64('i64(-7) / i64(2)'), -3n],
    ['u64 negation wraps', u64('neg(u64(1))'), 18446744073709551615n],
    ['f32 rounds each operation', f64('to_f64(16777216.0 + 1.0)'), 16777216],
    ['f64 does not', f64('f64(16777216) + f64(1)'), 16777217],
    ['narrow rounds to float16', f32('narrow_float16(2049.0)'), 2048],
    ['narrow wraps to int8', i32('narrow_int8(i32(200))'), -56],
    ['float to int saturates', i32('to_i32(3000000000.0)'), 2147483647],
    ['NaN to int is 0', i32('to_i32(f32(nan))'), 0],
    ['float to i64 saturates', i64('to_i64(1e30)'), 9223372036854775807n],
    ['int to int wraps', u32('to_u32(i64(-1))'), 4294967295],
    ['to bool tests for non-zero', bool('to_bool(-0.5)'), 1],
    ['min returns NaN if either is', f32('min(1.0, f32(nan))'), NaN],
    ['round is to nearest even', f32('round(2.5)'), 2],
    ['round keeps the sign of zero', f32('1.0 / round(-0.25)'), -Infinity],
    ['comparison with NaN is false', bool('f32(nan) < 1.0'), 0],
    ['bool logic', bool('xor(bool(1), bool(1))'), 0],
  ]
  for (const [what, actual, wanted] of cases) it(what, () => expect(actual).toEqual(wanted))
  it('erf is within 1e-15 of its value', () => {
    for (const [x, y] of [[0.1, 0.1124629160182849], [0.5, 0.5204998778130465], [1, 0.8427007929497149], [2, 0.9953222650189527], [3.5, 0.9999992569016276]] as const) {
      expect(Math.abs(Number(f64(`erf(f64(${x}))`)) - y)).toBeLessThanOrEqual(1e-15)
      expect(f64(`erf(f64(${-x}))`)).toBe(-Number(f64(`erf(f64(${x}))`)))
    }
  })
  it('without rounding, f32 is computed in double and rounded by the store', () => {
    const y = new Float64Array(1)
    interpretKernel(parseKernel('kernel k() {\n out y: float64[1]\n var a: f32 = 16777216.0\n set a = a + 1.0\n y[0] = to_f64(a)\n}'), {}, { y }, { roundF32: false })
    expect(y[0]).toBe(16777217)
  })
})

describe('accesses are checked', () => {
  it('a load outside its buffer names kernel, buffer and element', () => {
    const kernel = parseKernel('kernel reader(n) {\n in x: float32[n]\n out y: float32[1]\n y[0] = x[n]\n}')
    expect(() => interpretKernel(kernel, { n: 3 }, { x: new Float32Array(3), y: new Float32Array(1) })).toThrow(/kernel reader reads x\[n\] at element 3, but it has 3/)
  })
  it('an index in data counts from the end where negative, and faults outside its extent', () => {
    const kernel = parseKernel('kernel g(n) {\n in x: float32[n]\n in i: int64[1]\n out y: float32[1]\n data-index k = i[0] within n\n y[0] = x[k]\n}')
    const y = new Float32Array(1), x = Float32Array.of(5, 6, 7)
    interpretKernel(kernel, { n: 3 }, { x, i: BigInt64Array.of(-1n), y })
    expect(y[0]).toBe(7)
    for (const bad of [3n, -4n]) expect(() => interpretKernel(kernel, { n: 3 }, { x, i: BigInt64Array.of(bad), y })).toThrow(expect.objectContaining({ code: 'index-out-of-range' }))
  })
  it('set-all reads all values before it writes any', () => {
    const y = new Float32Array(2)
    interpretKernel(parseKernel('kernel k() {\n out y: float32[2]\n var a: f32 = 1.0\n var b: f32 = 2.0\n set-all a = b, b = a\n y[0] = a\n y[1] = b\n}'), {}, { y })
    expect([...y]).toEqual([2, 1])
  })
})
