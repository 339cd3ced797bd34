import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { shapeOf, type Value } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, numbersOf, random, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, model, node, port, type onnx } from './onnx-models.js'

const ints = (name: string, ...list: readonly number[]): onnx.ITensorProto => ({ name, dims: [list.length], dataType: DATA_TYPE.INT64, int64Data: [...list] })

describe('Col2Im', () => {
  const fold = (image: readonly number[], block: readonly number[], attributes: Parameters<typeof node>[3] = {}, shape: readonly (number | string)[] = ['n', 'columns', 'blocks']): Uint8Array =>
    model({ inputs: [port('x', shape)], initializers: [ints('image', ...image), ints('block', ...block)], nodes: [node('Col2Im', ['x', 'image', 'block'], ['y'], attributes)], opset: 18 })

  it('adds up blocks where they overlap', async () => {
    // Blocks of 2 × 2 at every place of an image of 3 × 3: ones add up to how many blocks reach a pixel.
    await expectEverywhere(fold([3, 3], [2, 2]), [{ x: hostTensor('float32', [1, 4, 4], new Array<number>(16).fill(1)) }], () => ({ y: [1, 2, 1, 2, 4, 2, 1, 2, 1] }))
    await expectEverywhere(fold([5], [3], { strides: [2] }), [{ x: hostTensor('float32', [1, 3, 2], [1, 10, 2, 20, 3, 30]) }], () => ({ y: [1, 2, 13, 20, 30] }))
  })

  it('is what gathering blocks, with pads, strides and dilations, is turned around: both give the same products', async () => {
    const h = 6, w = 5, kh = 3, kw = 2, strides = [2, 1], dilations = [1, 2], pads = [1, 0, 1, 2], rows = Math.floor((h + 2 - 3) / 2) + 1, columns = w + 2 - 3 + 1
    const image = Array.from(toNumbers(random(2, h, w)))
    // The columns of the image, as unfolding gives them.
    const unfolded: number[] = []
    for (let c = 0; c < 2; c++) for (let a = 0; a < kh; a++) for (let b = 0; b < kw; b++) for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
      const y = i * 2 + a - 1, x = j + 2 * b
      unfolded.push(y >= 0 && y < h && x >= 0 && x < w ? image[(c * h + y) * w + x] as number : 0)
    }
    const x = random(1, 2 * kh * kw, rows * columns), direct = numbersOf({ x }, 'x').reduce((sum, v, i) => sum + v * (unfolded[i] as number), 0)
    const bytes = model({
      inputs: [port('x', ['n', 'columns', 'blocks'])], opset: 18, initializers: [ints('image', h, w), ints('block', kh, kw), { name: 'v', dims: [1, 2, h, w], dataType: DATA_TYPE.FLOAT, floatData: [...image] }],
      nodes: [node('Col2Im', ['x', 'image', 'block'], ['f'], { strides, dilations, pads }), node('Mul', ['f', 'v'], ['p']), node('ReduceSum', ['p'], ['y'], { keepdims: 0 })],
    })
    await expectEverywhere(bytes, [{ x }], () => ({ y: [direct] }))
  })

  it('takes open batches, channels and images, and refuses numbers of blocks that do not fit', async () => {
    expect(shapeOf(importOnnxSync(fold([4, 4], [2, 2], {}, ['n', 12, 9])).outputs[0]?.value as Value)).toEqual(['n', 3, 4, 4])
    expect(await errorOf(() => importOnnxSync(fold([4, 4], [2, 2], {}, ['n', 12, 8])))).toMatchObject({ code: 'shape-mismatch' })
    expect(await errorOf(() => importOnnxSync(fold([4, 4], [2, 2], {}, ['n', 10, 9])))).toMatchObject({ code: 'shape-mismatch' })
  })
})

describe('MaxUnpool', () => {
  it('turns MaxPool around: what was greatest is back in its place, in an image whose extents are open', async () => {
    const bytes = model({
      inputs: [port('x', ['n', 'c', 'h', 'w'])], nodes: [node('MaxPool', ['x'], ['p', 'i'], { kernel_shape: [2, 3], strides: [2, 3] }), node('MaxUnpool', ['p', 'i'], ['y'], { kernel_shape: [2, 3], strides: [2, 3] })],
    })
    const kept = (f: Feeds): number[] => {
      const x = f.x as HostTensor, [, , h, w] = x.shape as [number, number, number, number], v = numbersOf(f, 'x')
      return v.map((value, at) => {
        const plane = Math.floor(at / (h * w)) * h * w, i = Math.floor((at % (h * w)) / w), j = at % w, window = [0, 1].flatMap((a) => [0, 1, 2].map((b) => v[plane + (i - (i % 2) + a) * w + j - (j % 3) + b] as number))
        return value === Math.max(...window) ? value : 0
      })
    }
    await expectEverywhere(bytes, [{ x: random(2, 3, 4, 6) }, { x: random(1, 1, 2, 3) }], (f) => ({ y: kept(f) }))
  })

  it('adds zeros up to the shape that is wished for', async () => {
    const bytes = model({
      inputs: [port('x', [1, 1, 2]), port('i', [1, 1, 2], DATA_TYPE.INT64)], initializers: [ints('shape', 1, 1, 6)],
      nodes: [node('MaxUnpool', ['x', 'i', 'shape'], ['y'], { kernel_shape: [2], strides: [2] })],
    })
    await expectEverywhere(bytes, [{ x: hostTensor('float32', [1, 1, 2], [5, 7]), i: hostTensor('int64', [1, 1, 2], [1n, 2n]) }], () => ({ y: [0, 5, 7, 0, 0, 0] }))
  })
})
