import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { shapeOf, type Value } from '../../../src/ir/graph.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, random, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, floatAttribute, model, node, port } from './onnx-models.js'

const run = (bytes: Uint8Array, feeds: Readonly<Record<string, HostTensor>>): number[] => Array.from(toNumbers(interpret(importOnnxSync(bytes), feeds).y as HostTensor))
/** A ramp: the element at row i and column j is 10·i + j, so that between pixels the value at (y, x) is 10·y + x. */
const ramp = (rows: number, columns: number): HostTensor => hostTensor('float32', [1, 1, rows, columns], Array.from({ length: rows * columns }, (_, i) => 10 * Math.floor(i / columns) + (i % columns)))

/** Bins of 3 × 2 with four samples each, straight from the words of the definition. */
function sampled({ x, rois, of }: Feeds, mode: string): number[] {
  const [, channels, h, w] = (x as HostTensor).shape as [number, number, number, number], values = toNumbers(x as HostTensor), r = toNumbers(rois as HostTensor), images = toNumbers(of as HostTensor), out: number[] = []
  for (let k = 0; k < images.length; k++) for (let c = 0; c < channels; c++) for (let p = 0; p < 3; p++) for (let s = 0; s < 2; s++) {
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => (r[4 * k + i] as number) - 0.5) as [number, number, number, number], parts: number[][] = []
    for (const dy of [0.25, 0.75]) for (const dx of [0.25, 0.75]) {
      const y = y1 + (p + dy) * (y2 - y1) / 3, xx = x1 + (s + dx) * (x2 - x1) / 2
      if (y < -1 || y > h || xx < -1 || xx > w) { parts.push([0]); continue }
      const cy = Math.min(Math.max(y, 0), h - 1), cx = Math.min(Math.max(xx, 0), w - 1), i = Math.floor(cy), j = Math.floor(cx)
      const at = (a: number, b: number): number => values[(((images[k] as number) * channels + c) * h + Math.min(a, h - 1)) * w + Math.min(b, w - 1)] as number
      parts.push([(i + 1 - cy) * (j + 1 - cx) * at(i, j), (i + 1 - cy) * (cx - j) * at(i, j + 1), (cy - i) * (j + 1 - cx) * at(i + 1, j), (cy - i) * (cx - j) * at(i + 1, j + 1)])
    }
    out.push(mode === 'max' ? Math.max(...parts.flat()) : parts.flat().reduce((a, b) => a + b) / 4)
  }
  return out
}

describe('RoiAlign', () => {
  const inputs = [port('x', ['n', 'c', 'h', 'w']), port('rois', ['r', 4]), port('of', ['r'], DATA_TYPE.INT64)]
  const roiAlign = (attributes: Parameters<typeof node>[3], opset = 22): Uint8Array => model({ inputs, opset, nodes: [node('RoiAlign', ['x', 'rois', 'of'], ['y'], attributes)] })
  const feeds = (...rois: number[]) => ({ x: ramp(5, 6), rois: hostTensor('float32', [rois.length / 4, 4], rois), of: hostTensor('int64', [rois.length / 4], rois.slice(0, rois.length / 4).map(() => 0n)) })

  it('gives the value at the centre of each bin of a ramp, half a pixel up and left from opset 16 on', () => {
    const attributes = { output_height: 2, output_width: 1, sampling_ratio: 3 }
    expect(run(roiAlign(attributes), feeds(1, 1, 3, 3))).toEqual([10, 20].map((y) => y + 1.5))
    expect(run(roiAlign(attributes, 10), feeds(1, 1, 3, 3))).toEqual([15, 25].map((y) => y + 2))
    expect(run(roiAlign({ ...attributes, coordinate_transformation_mode: 'output_half_pixel' }), feeds(1, 1, 3, 3))).toEqual([17, 27])
  })

  it('takes about one sample a pixel where no ratio is given: the mean of a region is that of its pixels', () => {
    expect(run(roiAlign({}), feeds(1, 1, 4, 3))).toEqual([(11 + 12 + 13 + 21 + 22 + 23) / 6])
    expect(run(roiAlign({ spatial_scale: floatAttribute(0.5) }), feeds(2, 2, 8, 6))).toEqual([17])
  })

  it('gives 0 outside of the image, and for regions without area', () => {
    expect(run(roiAlign({}), feeds(20, 20, 24, 24, -9, -9, -5, -5, 3, 3, 3, 3))).toEqual([0, 0, 0])
  })

  it('takes samples outside of the image as 0 in a mean, even of a region far larger than the image', () => {
    // Of 2^40 samples in the middle of pixels 42 count, the outer ones with the value at the border.
    const [mean] = run(roiAlign({ coordinate_transformation_mode: 'output_half_pixel' }), feeds(-(2 ** 19), -(2 ** 19), 2 ** 19, 2 ** 19))
    const rows = [0, 0.5, 1.5, 2.5, 3.5, 4], columns = [0, 0.5, 1.5, 2.5, 3.5, 4.5, 5]
    expect((mean as number) * 2 ** 40).toBe(rows.flatMap((y) => columns.map((x) => 10 * y + x)).reduce((a, b) => a + b))
  })

  it('keeps the number of regions, channels and batch open, also none', () => {
    const graph = importOnnxSync(roiAlign({ output_height: 3, output_width: 2 }))
    expect(shapeOf(graph.outputs[0]?.value as Value)).toEqual(['r', 'c', 3, 2])
    expect(run(roiAlign({ output_height: 3, output_width: 2 }), feeds())).toEqual([])
  })

  it('gives on every target what samples of an own loop give, at any number of regions, channels and pixels', async () => {
    const set = (regions: number, channels: number, h: number, w: number): Feeds => ({
      x: random(2, channels, h, w), rois: hostTensor('float32', [regions, 4], Array.from({ length: 4 * regions }, (_, i) => ((i * 7) % 11) - 2 + (i % 4 > 1 ? 4.3 : 0.2))),
      of: hostTensor('int64', [regions], Array.from({ length: regions }, (_, r) => BigInt(r % 2))),
    })
    for (const mode of ['avg', 'max']) {
      await expectEverywhere(roiAlign({ output_height: 3, output_width: 2, sampling_ratio: 2, mode }), [set(5, 6, 7, 9), set(1, 1, 2, 1), set(0, 3, 4, 4), set(3, 4, 1, 3)], (f) => ({ y: sampled(f, mode) }))
    }
  })

  it('refuses an image that is not there, and another mode', async () => {
    expect(await errorOf(() => run(roiAlign({}), { ...feeds(0, 0, 1, 1), of: hostTensor('int64', [1], [1n]) }))).toMatchObject({ code: 'index-out-of-range' })
    expect(await errorOf(() => importOnnxSync(roiAlign({ mode: 'min' })))).toMatchObject({ code: 'bad-attribute' })
  })
})

describe('MaxRoiPool', () => {
  it('rounds regions to pixels, both ends within, and takes the greatest element of each bin', () => {
    const bytes = model({ inputs: [port('x', ['n', 'c', 'h', 'w']), port('rois', ['r', 5])], opset: 1, nodes: [node('MaxRoiPool', ['x', 'rois'], ['y'], { pooled_shape: [2, 2], spatial_scale: floatAttribute(0.5) })] })
    // Pixels 1 to 3 by 1 to 3, in bins of one and a half; and a region of one pixel, which all bins share.
    const rois = hostTensor('float32', [3, 5], [0, 2, 2, 6.2, 5.8, 0, 4, 4, 4, 4, 0, 90, 90, 99, 99])
    expect(run(bytes, { x: ramp(5, 6), rois })).toEqual([22, 23, 32, 33, 22, 22, 22, 22, 0, 0, 0, 0])
  })
})
