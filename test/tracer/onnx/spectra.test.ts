import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { shapeOf, type Value } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, random, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, model, node, port, type onnx } from './onnx-models.js'

type Complex = readonly [number, number]

/** The sum of the definition, for each k below `count`. */
function fourier(signal: readonly Complex[], length: number, count: number, inverse = false): Complex[] {
  return Array.from({ length: count }, (_, k) => {
    let re = 0, im = 0
    for (let j = 0; j < Math.min(length, signal.length); j++) {
      const [a, b] = signal[j] as Complex, angle = (inverse ? 2 : -2) * Math.PI * ((j * k) % length) / length
      re += a * Math.cos(angle) - b * Math.sin(angle)
      im += a * Math.sin(angle) + b * Math.cos(angle)
    }
    return inverse ? [re / length, im / length] : [re, im]
  })
}

/** Rows of a signal [rows, length, parts]. */
function rowsOf(x: HostTensor): Complex[][] {
  const [rows, length, parts] = x.shape as [number, number, number], v = toNumbers(x), at = (r: number, j: number, p: number): number => (p < parts ? v[(r * length + j) * parts + p] as number : 0)
  return Array.from({ length: rows }, (_, r) => Array.from({ length }, (__, j): Complex => [at(r, j, 0), at(r, j, 1)]))
}

const int64 = (name: string, ...list: readonly number[]): onnx.ITensorProto => ({ name, dims: list.length === 1 ? [] : [list.length], dataType: DATA_TYPE.INT64, int64Data: [...list] })
const x = (feeds: Feeds): HostTensor => feeds.x as HostTensor

interface Dft { readonly shape: readonly (number | string)[]; readonly length?: number; readonly axis?: number; readonly attributes?: Readonly<Record<string, number>>; readonly opset?: number }
function dft({ shape, length, axis, attributes = {}, opset = 20 }: Dft): Uint8Array {
  const initializers = [...(length === undefined ? [] : [int64('length', length)]), ...(axis === undefined ? [] : [int64('axis', axis)])]
  return model({ inputs: [port('x', shape)], initializers, opset, nodes: [node('DFT', ['x', length === undefined ? '' : 'length', ...(axis === undefined ? [] : ['axis'])], ['y'], attributes)] })
}

describe('DFT', () => {
  it.each([1, 2, 7, 16, 521, 600, 1024])('of %i elements, real or complex, forth and back, is the sum of its definition', async (length) => {
    for (const parts of [1, 2]) for (const inverse of [0, 1]) {
      await expectEverywhere(dft({ shape: ['n', length, parts], attributes: { inverse } }), [{ x: random(2, length, parts) }], (feeds) => ({ y: rowsOf(x(feeds)).flatMap((row) => fourier(row, length, length, inverse === 1)).flat() }))
    }
  })

  it.each([1, 5, 8, 521, 600, 1001])('of %i elements that are real gives the first half of the spectrum, and takes it', async (length) => {
    const half = Math.floor(length / 2) + 1
    await expectEverywhere(dft({ shape: [2, length, 1], attributes: { onesided: 1 } }), [{ x: random(2, length, 1) }], (feeds) => ({ y: rowsOf(x(feeds)).flatMap((row) => fourier(row, length, half)).flat() }))
    const back = dft({ shape: ['n', half, 2], length, attributes: { onesided: 1, inverse: 1 } }), signal = random(3, length, 1), spectrum = rowsOf(signal).flatMap((row) => fourier(row, length, half)).flat()
    await expectEverywhere(back, [{ x: hostTensor('float32', [3, half, 2], spectrum) }], () => ({ y: Array.from(toNumbers(signal)) }))
  })

  it('cuts or fills up the signal, along any axis', async () => {
    for (const length of [4, 9]) {
      // Axis 0 of [6, 3, 1]: the columns of a matrix.
      await expectEverywhere(dft({ shape: [6, 3, 1], length, axis: 0 }), [{ x: random(6, 3, 1) }], (feeds) => {
        const v = toNumbers(x(feeds)), columns = [0, 1, 2].map((c) => fourier(Array.from({ length: 6 }, (_, j): Complex => [v[3 * j + c] as number, 0]), length, length))
        return { y: Array.from({ length }, (_, k) => columns.flatMap((column) => column[k] as Complex)).flat() }
      })
    }
    expect(shapeOf(importOnnxSync(dft({ shape: ['n', 8, 5, 2], axis: -3, length: 6 })).outputs[0]?.value as Value)).toEqual(['n', 6, 5, 2])
    expect(shapeOf(importOnnxSync(dft({ shape: ['n', 8, 5, 1], attributes: { axis: 2 }, opset: 17 })).outputs[0]?.value as Value)).toEqual(['n', 8, 5, 2])
  })

  it('takes a length that is open', async () => {
    const feeds = [1, 4, 9, 30].map((n) => ({ x: random(2, n, 1) }))
    await expectEverywhere(dft({ shape: ['n', 'time', 1] }), feeds, (f) => ({ y: rowsOf(x(f)).flatMap((row) => fourier(row, row.length, row.length)).flat() }))
    await expectEverywhere(dft({ shape: ['n', 'time', 1], attributes: { onesided: 1 } }), feeds, (f) => ({ y: rowsOf(x(f)).flatMap((row) => fourier(row, row.length, Math.floor(row.length / 2) + 1)).flat() }))
    await expectEverywhere(dft({ shape: ['n', 'time', 1], length: 12 }), feeds, (f) => ({ y: rowsOf(x(f)).flatMap((row) => fourier(row, 12, 12)).flat() }))
    // The signal of half a spectrum has twice as many elements less two.
    const spectra = [2, 6].map((n) => ({ x: hostTensor('float32', [1, n, 2], Array.from({ length: 2 * n }, (_, i) => (i === 1 || i === 2 * n - 1 ? 0 : Math.sin(i + 1)))) }))
    await expectEverywhere(dft({ shape: ['n', 'time', 2], attributes: { onesided: 1, inverse: 1 } }), spectra, (f) => {
      const [half] = rowsOf(x(f)) as [Complex[]], whole = [...half, ...half.slice(1, -1).reverse().map(([a, b]): Complex => [a, -b])]
      return { y: fourier(whole, whole.length, whole.length, true).map(([a]) => a) }
    })
  })

  it('refuses the axis of parts, and half the spectrum of a complex signal', async () => {
    expect(await errorOf(() => importOnnxSync(dft({ shape: [2, 4, 1], axis: 2 })))).toMatchObject({ code: 'bad-attribute' })
    expect(await errorOf(() => importOnnxSync(dft({ shape: [2, 4, 2], attributes: { onesided: 1 } })))).toMatchObject({ code: 'shape-mismatch' })
    expect(await errorOf(() => importOnnxSync(dft({ shape: [2, 16_381, 2] })))).toMatchObject({ code: 'unsupported-op' })
  })
})

describe('STFT', () => {
  const stft = (parts: number, window: readonly number[] | undefined, length: number | undefined, attributes = {}): Uint8Array => model({
    inputs: [port('x', ['n', 'time', parts])], initializers: [int64('step', 3), ...(length === undefined ? [] : [int64('length', length)]), ...(window === undefined ? [] : [{ name: 'window', dims: [window.length], dataType: DATA_TYPE.FLOAT, floatData: [...window] }])],
    nodes: [node('STFT', ['x', 'step', window === undefined ? '' : 'window', ...(length === undefined ? [] : ['length'])], ['y'], attributes)],
  })
  const frames = (signal: readonly Complex[], window: readonly number[], length: number, count: number): number[] => {
    const out: number[] = []
    for (let start = 0; start + length <= signal.length; start += 3) out.push(...fourier(window.map((w, j): Complex => { const [a, b] = signal[start + j] as Complex; return [a * w, b * w] }), length, count).flat())
    return out
  }

  it('transforms each frame times the window, of as many frames as fit into an open signal', async () => {
    const window = [0.1, 0.5, 1, 0.9, 0.4], sets = [5, 6, 8, 23].map((n) => ({ x: random(2, n, 1) }))
    await expectEverywhere(stft(1, window, undefined), sets, (f) => ({ y: rowsOf(x(f)).flatMap((row) => frames(row, window, 5, 3)) }))
    await expectEverywhere(stft(1, undefined, 4, { onesided: 0 }), sets, (f) => ({ y: rowsOf(x(f)).flatMap((row) => frames(row, [1, 1, 1, 1], 4, 4)) }))
    await expectEverywhere(stft(2, window, 5, { onesided: 0 }), [{ x: random(1, 14, 2) }], (f) => ({ y: rowsOf(x(f)).flatMap((row) => frames(row, window, 5, 5)) }))
  })

  it('gives all of an open signal as one frame where it has neither length nor window', async () => {
    await expectEverywhere(stft(1, undefined, undefined), [{ x: random(1, 6, 1) }, { x: random(1, 11, 1) }], (f) => ({ y: rowsOf(x(f)).flatMap((row) => fourier(row, row.length, Math.floor(row.length / 2) + 1).flat()) }))
  })
})

describe('MelWeightMatrix', () => {
  const constants = (...names: readonly string[]) => (bands: number, length: number, rate: number, low: number, high: number): Uint8Array => {
    const values: Readonly<Record<string, number>> = { bands, length, rate, low, high }, edge = (name: string): onnx.ITensorProto => ({ name, dims: [], dataType: DATA_TYPE.FLOAT, floatData: [values[name] as number] })
    return model({ inputs: names.map((name) => port(name, [], DATA_TYPE.INT64)), initializers: [...['bands', 'length', 'rate'].filter((n) => !names.includes(n)).map((n) => int64(n, values[n] as number)), edge('low'), edge('high')], nodes: [node('MelWeightMatrix', ['bands', 'length', 'rate', 'low', 'high'], ['y'])] })
  }

  it('has a triangle for each band, from the edge of the band before to that of the one after', () => {
    // Three bands from 0 to 4000 Hz, on bins of 8000 / 17 Hz: the fifths of the mel scale end on bins 0, 0, 1, 3 and 5.
    const mel = (f: number): number => 2595 * Math.log10(1 + f / 700), edges = [0, 1, 2, 3, 4].map((i) => Math.floor(17 * 700 * (10 ** (i * mel(4000) / 5 / 2595) - 1) / 8000))
    expect(edges).toEqual([0, 0, 1, 3, 5])
    const matrix = Array.from(toNumbers(interpret(importOnnxSync(constants()(3, 16, 8000, 0, 4000)), {}).y as HostTensor))
    expect(matrix.slice(0, 18)).toEqual([1, 0, 0, 0, 1, 0, 0, Math.fround(0.5), Math.fround(0.5), 0, 0, 1, 0, 0, 0.5, 0, 0, 0])
  })

  it('is the same where the number of bands is only known while running', () => {
    const wanted = interpret(importOnnxSync(constants()(20, 200, 16000, 40, 7600)), {}).y as HostTensor
    const found = interpret(importOnnxSync(constants('bands', 'length', 'rate')(20, 200, 16000, 40, 7600)), { bands: hostTensor('int64', [], [20n]), length: hostTensor('int64', [], [200n]), rate: hostTensor('int64', [], [16000n]) }).y as HostTensor
    expect(found).toEqual(wanted)
  })
})
