import { describe, expect, it } from 'vitest'
import { legalize } from '../../../src/codegen/legalize.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import { printKernel } from '../../../src/ir/kernel/print.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { instantiate } from '../../codegen/wasm/run-wasm.js'

/** Every expression that vectors have. */
const VECTORS = `kernel everything(n) {
  in x0: float32[4*n]
  in x1: int32[4]
  in x2: bool[4]
  out y0: float32[4*n]
  out y1: int32[20]
  let s: f32x4 = splat(x0[1])
  let g: f32x4 = vector(x0[3], 1.5, x0[0], x0[2])
  let m: b32x4 = vector(x2[0], x2[1], x2[2], x2[3])
  let c: i32x4 = vector(i32(1), i32(-2), i32(3), i32(4))
  var acc: f32x4 = splat(0.0)
  var last: f32x4 = g
  for i in [0, n) {
    let v: f32x4 = x0[4*i]:4
    set acc = madd(v, s, acc)
    set-all acc = select(m, acc, neg(g)), last = acc
    y0[4*i] = (max(min(v, s), splat(-2.0)) / sqrt(abs(g))) + floor(v)
  }
  y1[0] = to_i32x4(acc) + (x1[0]:4 * c)
  y1[4] = bits_i32x4(to_f32x4(shl(c, i32(3))))
  y1[8] = max(min(xor(c, x1[0]:4), splat(i32(9))), neg(c))
  y1[12] = select(not(and(m, g < s)), abs(c), bitnot(shr(c, i32(1))))
  y1[16] = to_i32x4(or(isnan(recip(s - s)), isinf(g)))
  y1[19] = lane2(c) + to_i32(lane1(m))
}
`

const feeds = () => ({
  x0: Float32Array.of(1, -2, 3.5, 9, 0.25, 7, -8, 1e9, NaN, 2, Infinity, -0), x1: Int32Array.of(5, -6, 2147483647, 8), x2: Uint8Array.of(1, 0, 1, 0), y0: new Float32Array(12), y1: new Int32Array(20),
})

describe('vectors', () => {
  const kernel = parseKernel(VECTORS)
  it('are printed, read back and verified', () => {
    expect(printKernel(kernel)).toBe(VECTORS)
    expect(parseKernel(printKernel(kernel))).toEqual(kernel)
    expect(verifyKernel(kernel).accesses).toBeGreaterThan(12)
  })
  it('mean on WebAssembly, and written in scalars, what the interpreter says', () => {
    const want = feeds(), scalars = feeds(), got = feeds()
    interpretKernel(kernel, { n: 3 }, want)
    const js = legalize(kernel, 'js')
    verifyKernel(js)
    expect(printKernel(js)).not.toMatch(/x4|vector|madd/)
    interpretKernel(js, { n: 3 }, scalars)
    expect(scalars).toEqual(want)
    instantiate([kernel]).run(Object.values(got), [3])
    expect(got).toEqual(want)
    expect(Array.from(want.y1.subarray(8, 12))).toEqual([4, 4, 9, 9].map((x, k) => Math.max(x, [-1, 2, -3, -4][k] as number)))
  })
  it('are refused where types do not fit or an access leaves its buffer', () => {
    const refused: readonly [string, RegExp][] = [
      ['let a: f32x4 = x[0]', /f32x4|f32/], ['let a: f32x4 = x[1]:4', /reaches element 4/], ['let a: f64x4 = 1.0', /one of/], ['let a: f32x4 = splat(1.0) + 1.0', /f32x4 and f32/],
      ['let a: i32x4 = shl(splat(i32(1)), vector(i32(1), i32(2), i32(3), i32(4)))', /one i32/], ['let a: f32 = lane4(splat(1.0))', /lane 4/], ['let a: f32x4 = select(bool(1), splat(1.0), splat(2.0))', /select/],
      ['let a: f32x4 = vector(1.0, 2.0, 3.0, i32(4))', /vector of/], ['let a: i32x4 = h[0]:4', /float16/], ['x[0] = splat(i32(1))', /i32x4/], ['let a: f32 = madd(i32(1), i32(1), i32(1))', /madd/], ['let a: i32 = bits_i32(f64(1))', /bits/],
    ]
    for (const [line, what] of refused) expect(() => verifyKernel(parseKernel(`kernel k() {\n temp x: float32[4]\n in h: float16[4]\n ${line}\n}`)), line).toThrow(what)
  })
})
