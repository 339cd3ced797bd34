import { describe, expect, it } from 'vitest'
import { full, ones, tensor, zeros } from '../../../src/tracer/creation.js'
import * as inPlace from '../../../src/tracer/functions/in-place-pointwise.js'
import { Tensor } from '../../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from '../numeric-gradient.js'
import { all, doubles, expectNumbers, expectRefusal, ints, numbers, seeded } from './values.js'

const HERE = 'pointwise.test.ts'
type Method = (this: Tensor, ...args: unknown[]) => Tensor
const call = (x: Tensor, name: string, ...args: unknown[]): Tensor => ((x as unknown as Record<string, Method>)[name] as Method).call(x, ...args)

describe('functions of each element', () => {
  const reference: Readonly<Record<string, readonly [(x: number) => number, readonly [number, number]]>> = {
    neg: [(x) => -x, [-2, 2]], abs: [Math.abs, [-2, 2]], sign: [Math.sign, [-2, 2]], relu: [(x) => Math.max(0, x), [-2, 2]], floor: [Math.floor, [-5, 5]], ceil: [Math.ceil, [-5, 5]], trunc: [Math.trunc, [-5, 5]],
    frac: [(x) => x - Math.trunc(x), [-5, 5]], square: [(x) => x * x, [-2, 2]], exp: [Math.exp, [-2, 2]], exp2: [(x) => 2 ** x, [-2, 2]], expm1: [Math.expm1, [-2, 2]], log: [Math.log, [0.1, 5]],
    log1p: [Math.log1p, [-0.9, 5]], log2: [Math.log2, [0.1, 9]], log10: [Math.log10, [0.1, 9]], sqrt: [Math.sqrt, [0, 9]], rsqrt: [(x) => 1 / Math.sqrt(x), [0.1, 9]], reciprocal: [(x) => 1 / x, [0.5, 9]],
    sin: [Math.sin, [-9, 9]], cos: [Math.cos, [-9, 9]], tan: [Math.tan, [-1, 1]], asin: [Math.asin, [-1, 1]], acos: [Math.acos, [-1, 1]], atan: [Math.atan, [-9, 9]], sinh: [Math.sinh, [-2, 2]], cosh: [Math.cosh, [-2, 2]],
    tanh: [Math.tanh, [-2, 2]], asinh: [Math.asinh, [-9, 9]], acosh: [Math.acosh, [1, 9]], atanh: [Math.atanh, [-0.9, 0.9]], sigmoid: [(x) => 1 / (1 + Math.exp(-x)), [-5, 5]], logit: [(x) => Math.log(x / (1 - x)), [0.1, 0.9]],
    deg2rad: [(x) => (x * Math.PI) / 180, [-360, 360]], rad2deg: [(x) => (x * 180) / Math.PI, [-7, 7]],
  }
  it.each(Object.entries(reference))('%s is what Math says', (name, [f, range]) => {
    const x = seeded([3, 7], 5, range)
    expectNumbers(call(x, name), numbers(x).map(f))
  })

  it('erf and erfc add up to one, and have the values of tables', () => {
    expectNumbers(doubles([0, 0.5, 1]).erf(), [0, 0.5204998778130465, 0.8427007929497149], 1e-9)
    expectNumbers(doubles([0, 0.5, 1]).erfc(), [1, 0.4795001221869535, 0.1572992070502851], 1e-9)
  })

  it('expm1 and log1p keep what is small, and reach the ends', () => {
    expectNumbers(doubles([1e-15, -1e-15, -Infinity, Infinity, NaN]).expm1().slice(0, 0, 4), [1e-15, -1e-15, -1, Infinity], 1e-25)
    expectNumbers(doubles([1e-15, -1e-15, -1, Infinity, 1e300]).log1p(), [1e-15, -1e-15, -Infinity, Infinity, Math.log(1e300)], 1e-13)
    expect(numbers(tensor([NaN]).log1p())).toEqual([NaN])
  })

  it('round takes halves to the even neighbour', () => { expect(numbers(tensor([0.5, 1.5, 2.5, -0.5]).round())).toEqual([0, 2, 2, -0]) })

  it('of integers are floats where real numbers are meant, and whole where rounding has nothing to do', () => {
    const x = ints([1, 4])
    expect(all(x.sqrt())).toEqual(['float32', [2], [1, 2]])
    expect(all(x.floor())).toEqual(['int64', [2], [1, 4]])
    expect(x.floor().sharesStorage(x)).toBe(false)
    expect(all(tensor([-3, 3], { dtype: 'int8' }).abs())).toEqual(['int8', [2], [3, 3]])
    expect(tensor([1, 2], { dtype: 'float16' }).exp().dtype).toBe('float16')
  })

  it('clamp takes numbers, tensors or nothing for a bound', () => {
    const x = tensor([-3, 0, 3])
    expect(numbers(x.clamp(-1, 2))).toEqual([-1, 0, 2])
    expect(numbers(x.clamp(null, tensor([-4, 1, 1])))).toEqual([-4, 0, 1])
    expect(numbers(x.clamp(tensor([1, -5, 9])))).toEqual([1, 0, 9])
    expect(numbers(x.clamp(tensor([0, 0, 0]), 1))).toEqual([0, 0, 1])
    expect(numbers(x.clampMin(0))).toEqual([0, 0, 3])
    expect(numbers(x.clampMax(0))).toEqual([-3, 0, 0])
    expect(numbers(x.clamp(2, 1))).toEqual([1, 1, 1])
    expect(all(ints([1, 5]).clamp(2.5))).toEqual(['float32', [2], [2.5, 5]])
  })

  it('write to `out`, in its dtype, and refuse one of another shape or a lower kind', () => {
    const out = zeros([2])
    expect(tensor([1, 4], { dtype: 'float64' }).sqrt({ out })).toBe(out)
    expect(numbers(out)).toEqual([1, 2])
    expectRefusal(() => tensor([1, 4, 9]).sqrt({ out }), 'shape-mismatch', /shape \[3\]/, HERE)
    expectRefusal(() => tensor([1, 4]).sqrt({ out: ints([0, 0]) }), 'dtype-mismatch', /float32/, HERE)
  })

  it('conversions give the named dtypes', () => {
    const x = tensor([1.7, 0])
    expect([x.double(), x.float(), x.half(), x.bfloat16(), x.long(), x.int(), x.short(), x.char(), x.byte(), x.bool()].map((t) => t.dtype)).toEqual(['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'])
    expect([numbers(x.long()), numbers(x.bool())]).toEqual([[1, 0], [1, 0]])
    expect(x.float()).toBe(x)
    expect(x.typeAs(ones([1], { dtype: 'int8' })).dtype).toBe('int8')
  })

  it('refuse dtypes that they have no meaning for, with the caller’s line', () => {
    expectRefusal(() => tensor([true]).neg(), 'unsupported-dtype', /bool/, HERE)
    expectRefusal(() => tensor([true]).abs(), 'unsupported-dtype', /bool/, HERE)
  })
})

describe('in-place forms', () => {
  const argumentsOf: Readonly<Record<string, () => readonly unknown[]>> = {
    clamp_: () => [0.3, 0.6], clampMin_: () => [0.5], clampMax_: () => [0.5], lerp_: () => [seeded([3, 4], 9), 0.25], addcmul_: () => [seeded([3, 4], 8), seeded([4], 7), 2], addcdiv_: () => [seeded([3, 4], 8), seeded([4], 7, [1, 2]), 2],
    maskedFill_: () => [seeded([3, 4], 3).gt(0), 7], scatter_: () => [1, ints([[0, 2], [1, 3], [3, 0]]), 9], scatterAdd_: () => [1, ints([[0, 0], [1, 1], [3, 3]]), seeded([3, 2], 4)],
    indexAdd_: () => [0, ints([2, 2]), seeded([2, 4], 5)], indexCopy_: () => [1, ints([3, 0]), seeded([3, 2], 5)], indexFill_: () => [1, ints([1, -1]), 4], cumsum_: () => [1], tril_: () => [1], triu_: () => [-1],
    bitwiseAnd_: () => [6], bitwiseOr_: () => [6], bitwiseXor_: () => [6], bitwiseNot_: () => [],
    ...Object.fromEntries(['remainder', 'fmod', 'floorDivide', 'logicalAnd', 'logicalOr', 'logicalXor', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'].map((n) => [`${n}_`, () => [seeded([4], 2, [0.5, 1])]])),
  }
  it.each(Object.keys(inPlace))('%s leaves in its operand what the other form returns', (name) => {
    const x = name.startsWith('bitwise') ? ints([[1, 2, 3, 4], [5, 6, 7, 8], [0, -1, 9, 12]]) : seeded([3, 4], 6, name === 'acosh_' ? [1, 2] : [0.1, 0.9])
    const args = argumentsOf[name]?.() ?? [], expected = call(x, name.slice(0, -1), ...args).to(x.dtype), version = x.version
    expect(call(x, name, ...args)).toBe(x)
    expect(x.version).toBe(version + 1)
    expect(numbers(x)).toEqual(numbers(expected))
  })

  it('do not grow their operand, nor lower a kind of dtype', () => {
    expectRefusal(() => zeros([2]).add_(zeros([3, 2])), 'shape-mismatch', /stretched to the receiver/, HERE)
    expectRefusal(() => ints([1]).div_(2), 'dtype-mismatch', /float32 cannot be stored in a tensor of int64/, HERE)
    expect(numbers(full([2], 3).add_(tensor([1, 2], { dtype: 'float64' })))).toEqual([4, 5])
  })
})

describe('gradients of composed functions are what differences say', () => {
  const composed: Readonly<Record<string, readonly [number, number]>> = { trunc: [0.2, 0.8], square: [-1, 1], exp2: [-1, 1], expm1: [-1, 1], log1p: [-0.5, 3], log2: [0.5, 2], log10: [0.5, 2], erfc: [-1, 1], logit: [0.2, 0.8], rad2deg: [-1, 1] }
  it.each(Object.entries(composed))('%s', (name, range) => { expectGradients(([x]) => weightedSum([call(x as Tensor, name)]), [leaf([5], 3, range)], name, 1e-5) })

  it('clamp between tensors', () => {
    expectGradients(([x, low]) => weightedSum([(x as Tensor).clamp(low, 0.7)]), [leaf([6], 1), leaf([6], 2)], 'clamp')
  })
})
