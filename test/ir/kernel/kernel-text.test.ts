import { describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import { printKernel } from '../../../src/ir/kernel/print.js'

/** One statement of every kind and one expression of every kind. */
export const EVERYTHING = `kernel everything(batch, \`past seq\`) {
  in x0: float32[4*batch]
  in x1: int64[batch]
  temp t0: float16[16]
  out y0: float32[4*batch] apart
  parallel for io in [0, 4*floordiv(batch, 4)) step 4 {
    index p = 4*io
    data-index g = x1[io] within batch
    let a: f32 = x0[4*g]
    let big: i64 = i64(9223372036854775807)
    var acc: f32 = f32(-inf)
    var n: i32 = idx(io + 1)
    for k in [0, 4) {
      set acc = max(acc, (x0[k + p] * a) + -1.5e-7)
      set-all acc = acc / 3.0, n = n - i32(1)
    }
    if (acc < a) == (n != i32(0)) {
      t0[0] = select(isnan(acc), f32(nan), narrow_float16(exp(acc)))
    } else {
      t0[1] = to_f32(mod(big, i64(-3)))
    }
    y0[p] = t0[0]
  }
}
`

describe('kernel text', () => {
  it('says every statement and expression, and reads back as the same kernel', () => {
    const kernel: Kernel = parseKernel(EVERYTHING)
    expect(printKernel(kernel)).toBe(EVERYTHING)
    expect(parseKernel(printKernel(kernel))).toEqual(kernel)
    expect(kernel.params).toEqual(['batch', 'past seq'])
  })
  it('names line and column of what it cannot read', () => {
    const broken: readonly [string, RegExp][] = [
      ['kernel k() {\n  y0[0] = nothing\n}', /line 2, column 11/],
      ['kernel k() {\n  in x: float33[4]\n}', /line 2, column 9/],
      ['kernel k() {\n  let a: f16 = 1.0\n}', /line 2, column 10/],
      ['kernel k() {\n  y0[0] = quux(1.0)\n}', /line 2, column 11/],
      ['kernel k() {\n  for i in [0, 4) {\n', /line 3, column 1/],
      ['kernel k() { }\nmore', /line 2, column 1/],
    ]
    for (const [text, place] of broken) expect(() => parseKernel(text), text).toThrow(place)
  })
})
