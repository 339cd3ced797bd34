import { describe, expect, it } from 'vitest'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'

const HEAD = '  in x0: float32[4*n]\n  in x1: int64[n]\n  out y0: float32[4*n]\n  out s: float32[12]\n'
const kernel = (body: string): Kernel => parseKernel(`kernel k(n) {\n${HEAD}${body}\n}`)
const faults: readonly [string, string, RegExp][] = [
  ['a name in an index that nothing defines', 'y0[i] = 1.0', /i, which is no integer name/],
  ['a loop variable outside its loop', 'for i in [0, n) { y0[i] = 1.0 }\ny0[i] = 1.0', /i, which is no integer name/],
  ['a store to an input', 'x0[0] = 1.0', /x0 is an input/],
  ['a buffer that does not exist', 'z[0] = 1.0', /no buffer z/],
  ['a value of another type than the buffer', 's[0] = i32(1)', /type i32 stands where f32/],
  ['operands of different types', 's[0] = 1.0 + f64(1)', /add of f32 and f64/],
  ['a float function of an integer', 'let a: i32 = exp(i32(1))', /exp of i32/],
  ['bits of a float', 's[0] = and(1.0, 2.0)', /and of f32/],
  ['a select on a number', 's[0] = select(1.0, 1.0, 2.0)', /select on f32/],
  ['an if on a number', 'if 1.0 { s[0] = 1.0 }', /type f32 stands where bool/],
  ['a let of another type', 'let a: f64 = 1.0', /type f32 stands where f64/],
  ['setting a let', 'let a: f32 = 1.0\nset a = 2.0', /a is a let/],
  ['setting what is not defined', 'set a = 2.0', /a is set before/],
  ['setting one register twice at once', 'var a: f32 = 1.0\nset-all a = 2.0, a = 3.0', /set twice/],
  ['a name defined twice', 'index n = 3', /n is defined already/],
  ['a loop inside a loop of the same variable', 'for i in [0, 2) { for i in [0, 2) { s[i] = 1.0 } }', /i is defined already/],
  ['an index read from floats', 'data-index g = x0[0] within n', /index is read from a f32/],
  ['a step of 0', 'for i in [0, 4) step 0 { s[i] = 1.0 }', /step 0/],
  ['a step that does not divide the extent', 'for i in [0, 5) step 2 { s[i] = 1.0 }', /does not divide/],
  ['a division of an index by 0', 's[floordiv(n, 0)] = 1.0', /divides by 0/],
  ['a constant that its type cannot hold', 'let a: i32 = i32(nan)', /no constant/],
  ['a store past the end', 'for i in [0, 13) { s[i] = 1.0 }', /reaches element 12 of 12/],
  ['a store past the end by way of an index local', 'for i in [0, 3) { index p = 4*i\n for j in [0, 5) { s[p + j] = 1.0 } }', /reaches element 12 of 12/],
  ['a load before the start', 'for i in [0, 12) { s[i] = s[i - 1] }', /reaches element -1/],
  ['a load past a symbolic end', 's[0] = x0[4*n]', /reaches element 4\*n of 4\*n/],
]

describe('the kernel verifier refuses', () => {
  for (const [what, body, message] of faults) {
    it(what, () => {
      const broken = kernel(body)
      expect(() => verifyKernel(broken)).toThrow(expect.objectContaining({ code: 'verify-kernel', message: expect.stringMatching(message) as string }))
    })
  }
  it('a load with two indices', () => {
    const broken: Kernel = { name: 'k', params: [], buffers: [{ name: 'y', dtype: 'float32', length: 4, role: 'out' }], body: [{ kind: 'store', buffer: 'y', index: 0, value: { kind: 'load', buffer: 'y', index: [0, 0] } }] }
    expect(() => verifyKernel(broken)).toThrow(/has 2 indices/)
  })
})


describe('the kernel verifier allows', () => {
  it('accesses that ranges prove, with extents that are symbols', () => {
    const facts = verifyKernel(kernel('for i in [0, n) { for j in [0, 4) { y0[4*i + j] = x0[4*i + 3 - j] } }'))
    expect(facts).toEqual({ accesses: 2, proven: 2 })
  })
  it('accesses that nothing proves and nothing disproves', () => {
    const facts = verifyKernel(kernel('for i in [0, n) { s[i] = x0[mod(i*i, 7)] }'))
    expect(facts).toEqual({ accesses: 2, proven: 0 })
  })
  it('accesses in loops that do not run and behind conditions', () => {
    verifyKernel(kernel('for i in [0, n) { s[99] = 1.0 }\nif x0[0] < 1.0 { s[99] = 1.0 }'))
  })
  it('the same loop variable in loops side by side', () => {
    verifyKernel(kernel('for i in [0, 2) { s[i] = 1.0 }\nfor i in [2, 4) { s[i] = 1.0 }'))
  })
})
