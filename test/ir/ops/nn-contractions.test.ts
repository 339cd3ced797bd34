import { describe, expect, it } from 'vitest'
import { hostTensor, seededRandom } from '../../../src/ir/host-tensor.js'
import { counting, f32, f32Type, inferred, numbers, random, run } from './nn-run.js'

const PLAIN = { trans_a: false, trans_b: false }
const conv = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 }

describe('matmul', () => {
  it('multiplies two matrices', () => {
    expect(numbers(run('matmul', [f32([2, 3], [1, 2, 3, 4, 5, 6]), f32([3, 2], [7, 8, 9, 10, 11, 12])], PLAIN))).toEqual([58, 64, 139, 154])
  })

  it('drops the row of a rank 1 left operand and the column of a rank 1 right one', () => {
    const v = f32([2], [1, 10]), m = f32([2, 2], [1, 2, 3, 4])
    expect(run('matmul', [v, m], PLAIN)).toMatchObject({ shape: [2], data: new Float32Array([31, 42]) })
    expect(run('matmul', [m, v], PLAIN)).toMatchObject({ shape: [2], data: new Float32Array([21, 43]) })
    expect(run('matmul', [v, v], PLAIN)).toMatchObject({ shape: [], data: new Float32Array([101]) })
  })

  it('transposes the last two axes where a flag says so', () => {
    const a = random([2, 4, 3], 1), b = random([5, 4], 2)
    const y = numbers(run('matmul', [a, b], { trans_a: true, trans_b: true })), as = numbers(a), bs = numbers(b)
    for (let n = 0; n < 2; n++) for (let i = 0; i < 3; i++) for (let j = 0; j < 5; j++) {
      let sum = 0
      for (let k = 0; k < 4; k++) sum += (as[n * 12 + k * 3 + i] as number) * (bs[j * 4 + k] as number)
      expect(y[n * 15 + i * 5 + j]).toBeCloseTo(sum, 12)
    }
  })

  it('repeats batch axes of extent 1', () => {
    const y = run('matmul', [f32([2, 1, 1, 1], [2, 3]), f32([3, 1, 1], [5, 7, 11])], PLAIN)
    expect(y).toMatchObject({ shape: [2, 3, 1, 1], data: new Float32Array([10, 14, 22, 15, 21, 33]) })
  })

  it('wraps integers as their dtype does', () => {
    expect(run('matmul', [hostTensor('int32', [1, 2], [2 ** 30, 3]), hostTensor('int32', [2, 1], [4, 5])], PLAIN).data).toEqual(new Int32Array([15]))
    expect(run('matmul', [hostTensor('uint8', [1, 2], [200, 3]), hostTensor('uint8', [2, 1], [2, 5])], PLAIN).data).toEqual(new Uint8Array([415 - 256]))
    expect(run('matmul', [hostTensor('int64', [1, 1], [2n ** 40n]), hostTensor('int64', [1, 1], [2n ** 20n + 1n])], PLAIN).data).toEqual(new BigInt64Array([2n ** 60n + 2n ** 40n]))
  })

  it('takes symbolic extents that are summed over to be equal', () => {
    expect(inferred('matmul', [f32Type('b', 't', 'k'), f32Type('m', 5)], PLAIN)).toEqual({ types: ['float32[b, t, 5]'], assumed: ['k == m'] })
  })

  it('says which extents do not match', () => {
    expect(() => run('matmul', [counting([2, 3]), counting([2, 3])], PLAIN)).toThrow(/sums over 3 elements of the left operand float32\[2, 3\] but 2 of the right/)
    expect(() => run('matmul', [counting([]), counting([3])], PLAIN)).toThrow(/rank 1 or more/)
  })
})

/** A convolution by its definition, over two spatial axes, with nothing hoisted. */
function naiveConv(x: readonly number[], w: readonly number[], s: { n: number; c: number; h: number; w: number; m: number; kh: number; kw: number }, a: typeof conv, out: readonly number[]): number[] {
  const y: number[] = [], cg = s.c / a.group, mg = s.m / a.group
  const [sh, sw] = a.strides as [number, number], [dh, dw] = a.dilations as [number, number], [top, left] = a.pads as [number, number, number, number]
  for (let n = 0; n < s.n; n++) for (let m = 0; m < s.m; m++) for (let i = 0; i < (out[2] as number); i++) for (let j = 0; j < (out[3] as number); j++) {
    let sum = 0
    for (let c = 0; c < cg; c++) for (let p = 0; p < s.kh; p++) for (let q = 0; q < s.kw; q++) {
      const r = i * sh + p * dh - top, t = j * sw + q * dw - left, channel = Math.floor(m / mg) * cg + c
      if (r >= 0 && r < s.h && t >= 0 && t < s.w) sum += (x[((n * s.c + channel) * s.h + r) * s.w + t] as number) * (w[((m * cg + c) * s.kh + p) * s.kw + q] as number)
    }
    y.push(sum)
  }
  return y
}

describe('conv', () => {
  it('slides the kernel without turning it over, and adds the bias', () => {
    const y = run('conv', [counting([1, 1, 3, 3]), f32([1, 1, 2, 2], [1, 0, 0, -1]), f32([1], [100])], conv)
    expect(y).toMatchObject({ shape: [1, 1, 2, 2], data: new Float32Array([96, 96, 96, 96]) })
  })

  it('reads zeros in the padding', () => {
    expect(numbers(run('conv', [f32([1, 1, 3], [1, 2, 3]), f32([1, 1, 3], [1, 10, 100]), null], { strides: [1], dilations: [1], pads: [1, 2], group: 1 }))).toEqual([210, 321, 32, 3])
  })

  it('agrees with the definition for random groups, strides, dilations and pads', () => {
    const next = seededRandom(7), pick = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
    for (let round = 0; round < 60; round++) {
      const group = pick(1, 3), s = { n: pick(1, 2), c: group * pick(1, 2), h: pick(4, 8), w: pick(4, 8), m: group * pick(1, 2), kh: pick(1, 3), kw: pick(1, 3) }
      const a = { strides: [pick(1, 3), pick(1, 3)], dilations: [pick(1, 2), pick(1, 2)], pads: [pick(0, 2), pick(0, 2), pick(0, 2), pick(0, 2)], group }
      if (a.dilations.some((d, i) => d * ([s.kh, s.kw][i] as number - 1) + 1 > ([s.h, s.w][i] as number))) continue
      const x = random([s.n, s.c, s.h, s.w], round), w = random([s.m, s.c / group, s.kh, s.kw], round + 1000)
      const y = run('conv', [x, w, null], a), expected = naiveConv(numbers(x), numbers(w), s, a, y.shape)
      numbers(y).forEach((v, i) => { expect(v).toBeCloseTo(expected[i] as number, 10) })
    }
  })

  it('gives symbolic extents, and takes it that a window fits', () => {
    const a = { ...conv, strides: [2, 2], pads: [1, 1, 1, 1] }
    expect(inferred('conv', [f32Type('n', 3, 'h', 'w'), f32Type(8, 3, 3, 3), null], a)).toEqual({
      types: ['float32[n, 8, floordiv(h + 1, 2), floordiv(w + 1, 2)]'], assumed: ['3 <= h + 2', '3 <= w + 2'],
    })
  })

  it('names the channels that do not match', () => {
    expect(() => run('conv', [counting([1, 3, 4, 4]), counting([2, 2, 1, 1]), null], conv)).toThrow(/reads 2 channels in each of 1 groups, but the input float32\[1, 3, 4, 4\] has 3/)
  })
})

describe('conv_transpose', () => {
  it('spreads each input element over the kernel', () => {
    const y = run('conv_transpose', [f32([1, 1, 2], [1, 10]), f32([1, 1, 3], [1, 2, 3]), f32([1], [0.5])], { strides: [2], dilations: [1], pads: [0, 0], output_padding: [0], group: 1 })
    expect(numbers(y)).toEqual([1.5, 2.5, 13.5, 20.5, 30.5])
  })

  it('is the adjoint of conv: <conv(x), y> = <x, conv_transpose(y)>', () => {
    const next = seededRandom(11), pick = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
    for (let round = 0; round < 40; round++) {
      const group = pick(1, 2), strides = [pick(1, 3), pick(1, 3)], dilations = [pick(1, 3), pick(1, 3)], pads = [pick(0, 1), pick(0, 1), pick(0, 1), pick(0, 1)]
      const x = random([1, 2 * group, 9, 8], round), w = random([group, 2, 3, 2], round + 500)
      const cx = run('conv', [x, w, null], { strides, dilations, pads, group }), y = random(cx.shape, round + 900)
      const rest = [9, 8].map((extent, i) => (extent + (pads[i] as number) + (pads[2 + i] as number) - (dilations[i] as number) * ([3, 2][i] as number - 1) - 1) % (strides[i] as number))
      const ty = run('conv_transpose', [y, w, null], { strides, dilations, pads, output_padding: rest, group })
      expect(ty.shape).toEqual(x.shape)
      const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, v, i) => s + v * (b[i] as number), 0)
      expect(dot(numbers(cx), numbers(y))).toBeCloseTo(dot(numbers(x), numbers(ty)), 10)
    }
  })
})
