import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { shapeOf, type Value } from '../../../src/ir/graph.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { initializer, expectEverywhere, numbersOf, random, type Feeds } from './microsoft-models.js'
import { errorOf, model, node, port } from './onnx-models.js'

interface Case { readonly group: number; readonly groups: number; readonly kernel: readonly [number, number]; readonly strides: readonly [number, number]; readonly dilations: readonly [number, number]; readonly pads: readonly number[]; readonly masked: boolean }

const modelOf = (c: Case, weight: HostTensor, bias: HostTensor): Uint8Array => model({
  inputs: [port('x', ['n', 4, 'h', 'w']), port('offset', ['n', c.groups * c.kernel[0] * c.kernel[1] * 2, 'oh', 'ow']), ...(c.masked ? [port('mask', ['n', c.groups * c.kernel[0] * c.kernel[1], 'oh', 'ow'])] : [])],
  initializers: [initializer('weight', weight), initializer('bias', bias)], opset: 19,
  nodes: [node('DeformConv', ['x', 'weight', 'offset', 'bias', ...(c.masked ? ['mask'] : [])], ['y'], { group: c.group, offset_group: c.groups, strides: [...c.strides], dilations: [...c.dilations], pads: [...c.pads] })],
})

/** The sum of the definition, with samples between elements, and zeros around the image. */
function convolved(c: Case, f: Feeds, weight: HostTensor, bias: HostTensor): number[] {
  const x = f.x as HostTensor, offset = f.offset as HostTensor, [n, channels, h, w] = x.shape as [number, number, number, number], [, , oh, ow] = offset.shape as [number, number, number, number], [kh, kw] = c.kernel, taps = kh * kw
  const values = numbersOf(f, 'x'), moves = numbersOf(f, 'offset'), masks = c.masked ? numbersOf(f, 'mask') : undefined, weights = numbersOf({ weight }, 'weight'), biases = numbersOf({ bias }, 'bias')
  const outs = weight.shape[0] as number, each = channels / c.group, out: number[] = []
  const at = (b: number, ch: number, i: number, j: number): number => (i >= 0 && i < h && j >= 0 && j < w ? values[((b * channels + ch) * h + i) * w + j] as number : 0)
  const between = (b: number, ch: number, y: number, xx: number): number => {
    const i = Math.floor(y), j = Math.floor(xx), v = y - i, u = xx - j
    return (1 - v) * ((1 - u) * at(b, ch, i, j) + u * at(b, ch, i, j + 1)) + v * ((1 - u) * at(b, ch, i + 1, j) + u * at(b, ch, i + 1, j + 1))
  }
  for (let b = 0; b < n; b++) for (let m = 0; m < outs; m++) for (let i = 0; i < oh; i++) for (let j = 0; j < ow; j++) {
    let sum = biases[m] as number
    for (let k = 0; k < each; k++) for (let tap = 0; tap < taps; tap++) {
      const ch = Math.floor(m / (outs / c.group)) * each + k, g = Math.floor(ch / (channels / c.groups)), place = i * ow + j
      const move = (axis: number): number => moves[(((b * c.groups + g) * taps + tap) * 2 + axis) * oh * ow + place] as number
      const y = i * c.strides[0] - (c.pads[0] as number) + Math.floor(tap / kw) * c.dilations[0] + move(0), xx = j * c.strides[1] - (c.pads[1] as number) + (tap % kw) * c.dilations[1] + move(1)
      sum += (weights[(m * each + k) * taps + tap] as number) * between(b, ch, y, xx) * (masks === undefined ? 1 : masks[((b * c.groups + g) * taps + tap) * oh * ow + place] as number)
    }
    out.push(sum)
  }
  return out
}

const PLAIN: Case = { group: 1, groups: 1, kernel: [3, 2], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], masked: false }

describe('DeformConv', () => {
  it.each([PLAIN, { ...PLAIN, group: 2, groups: 2, masked: true, pads: [1, 0, 2, 1] }, { ...PLAIN, groups: 4, strides: [2, 3], dilations: [2, 1], pads: [2, 2, 2, 2] } satisfies Case] satisfies readonly Case[])('takes samples where the offsets move the taps, at any extents: %j', async (c) => {
    const weight = random(6, 4 / c.group, ...c.kernel), bias = random(6)
    const set = (n: number, h: number, w: number): Feeds => {
      const count = (extent: number, i: 0 | 1): number => Math.floor((extent + (c.pads[i] as number) + (c.pads[2 + i] as number) - (c.kernel[i] - 1) * c.dilations[i] - 1) / c.strides[i]) + 1, places = [count(h, 0), count(w, 1)], taps = c.kernel[0] * c.kernel[1]
      return { x: random(n, 4, h, w), offset: random(n, c.groups * taps * 2, ...places), ...(c.masked && { mask: random(n, c.groups * taps, ...places) }) }
    }
    await expectEverywhere(modelOf(c, weight, bias), [set(2, 7, 5), set(1, 5, 4), set(3, 6, 9)], (f) => ({ y: convolved(c, f, weight, bias) }))
  })

  it('keeps the batch and the extents open, and refuses offsets for other taps', async () => {
    expect(shapeOf(importOnnxSync(modelOf(PLAIN, random(6, 4, 3, 2), random(6))).outputs[0]?.value as Value)).toEqual(['n', 6, 'oh', 'ow'])
    expect(await errorOf(() => importOnnxSync(modelOf(PLAIN, random(6, 4, 3, 3), random(6))))).toMatchObject({ code: 'shape-mismatch' })
  })
})
