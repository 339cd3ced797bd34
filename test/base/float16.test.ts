import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../../src/base/float16.js'
import { decodeFloat8e8m0, decodeSmallFloat, encodeFloat8e8m0, encodeSmallFloat, SMALL_FLOATS } from '../../src/base/small-float.js'

describe('16-bit floats', () => {
  it('decode and encode again to the same bits, NaNs aside', () => {
    const all = Array.from({ length: 65536 }, (_, bits) => bits)
    const changed = (decode: (bits: number) => number, encode: (n: number) => number): number[] => all.filter((bits) => !Number.isNaN(decode(bits)) && encode(decode(bits)) !== bits)
    expect(changed(float16ToNumber, numberToFloat16)).toEqual([])
    expect(changed(bfloat16ToNumber, numberToBfloat16)).toEqual([])
    expect(all.filter((bits) => Number.isNaN(float16ToNumber(bits)))).toHaveLength(2 * 1023)
    expect(all.filter((bits) => Number.isNaN(bfloat16ToNumber(bits)))).toHaveLength(2 * 127)
  })

  it('have the values that IEEE 754 gives them', () => {
    const cases: [number, number][] = [[0x3c00, 1], [0xc000, -2], [0x7bff, 65504], [0x0400, 2 ** -14], [0x0001, 2 ** -24], [0x03ff, 1023 * 2 ** -24], [0x3555, 0.333251953125], [0x7c00, Infinity], [0xfc00, -Infinity]]
    for (const [bits, value] of cases) expect(float16ToNumber(bits)).toBe(value)
    expect(Object.is(float16ToNumber(0x8000), -0)).toBe(true)
    expect(float16ToNumber(0x7e00)).toBeNaN()
    expect(bfloat16ToNumber(0x3f80)).toBe(1)
    expect(bfloat16ToNumber(0x4049)).toBe(3.140625)
  })

  it('round to nearest, ties to even, in normals, subnormals and at the edge of infinity', () => {
    expect(numberToFloat16(1 + 2 ** -11)).toBe(0x3c00)
    expect(numberToFloat16(1 + 3 * 2 ** -11)).toBe(0x3c02)
    expect(numberToFloat16(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01)
    expect(numberToFloat16(2 ** -25)).toBe(0)
    expect(numberToFloat16(1.5 * 2 ** -24)).toBe(2)
    expect(numberToFloat16(65519.999)).toBe(0x7bff)
    expect(numberToFloat16(65520)).toBe(0x7c00)
    expect(numberToFloat16(-1e300)).toBe(0xfc00)
    expect(numberToFloat16(NaN)).toBe(0x7e00)
    expect(numberToFloat16(5e-324)).toBe(0)
  })

  it('bfloat16 is the upper half of float32 rounded to even', () => {
    fc.assert(fc.property(fc.float({ noNaN: true }), (x) => {
      const bits = new Uint32Array(new Float32Array([x]).buffer)[0] as number
      expect(numberToBfloat16(x)).toBe(((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff)
    }), { seed: 1 })
  })

  it('no float16 lies nearer to a number than the one it encodes to', () => {
    fc.assert(fc.property(fc.double({ min: -70000, max: 70000, noNaN: true }), (x) => {
      const bits = numberToFloat16(x)
      const near = float16ToNumber(bits)
      if (!Number.isFinite(near)) {
        expect(Math.abs(x)).toBeGreaterThanOrEqual(65520)
        return
      }
      for (const other of [bits - 1, bits + 1]) {
        const value = float16ToNumber(other & 0xffff)
        if (Number.isFinite(value)) expect(Math.abs(value - x)).toBeGreaterThanOrEqual(Math.abs(near - x))
      }
    }), { seed: 2 })
  })
})

describe('8-bit and 4-bit floats', () => {
  it('decode and encode again to the same bits, NaNs aside', () => {
    for (const format of Object.values(SMALL_FLOATS).filter((f) => f.sign <= 0x80)) {
      for (let bits = 0; bits < format.sign * 2; bits++) {
        const value = decodeSmallFloat(format, bits)
        if (!Number.isNaN(value)) expect(encodeSmallFloat(format, value)).toBe(bits)
      }
    }
    for (let bits = 0; bits < 255; bits++) expect(encodeFloat8e8m0(decodeFloat8e8m0(bits))).toBe(bits)
  })

  it('have the largest values and the special ones that the ONNX standard lists', () => {
    const largest = Object.entries(SMALL_FLOATS).map(([name, f]) => [name, decodeSmallFloat(f, f.largest)])
    expect(Object.fromEntries(largest)).toEqual({ float16: 65504, bfloat16: 3.3895313892515355e38, float8e4m3fn: 448, float8e4m3fnuz: 240, float8e5m2: 57344, float8e5m2fnuz: 57344, float4e2m1: 6 })
    expect(decodeSmallFloat(SMALL_FLOATS.float8e4m3fn, 0x7f)).toBeNaN()
    expect(decodeSmallFloat(SMALL_FLOATS.float8e5m2, 0xfc)).toBe(-Infinity)
    expect(decodeSmallFloat(SMALL_FLOATS.float8e5m2fnuz, 0x80)).toBeNaN()
    expect(encodeSmallFloat(SMALL_FLOATS.float8e4m3fnuz, -0)).toBe(0)
    expect(encodeSmallFloat(SMALL_FLOATS.float8e4m3fn, 1e9)).toBe(0x7e)
    expect(decodeFloat8e8m0(127)).toBe(1)
  })
})
