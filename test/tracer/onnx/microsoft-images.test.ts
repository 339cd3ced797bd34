import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { dtypeOf } from '../../../src/ir/graph.js'
import { hostTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, microsoft, modelOf, numbersOf, random, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, floatAttribute, port } from './onnx-models.js'

const GROUPS = 2, CHANNELS = 6

/** Group norm of rows of channels, image by image. */
function normalised(x: readonly number[], n: number, scale: readonly number[], bias: readonly number[], epsilon: number, activation: boolean): number[] {
  const image = x.length / n, each = CHANNELS / GROUPS, y = [...x]
  for (let b = 0; b < n; b++) for (let g = 0; g < GROUPS; g++) {
    const places = Array.from({ length: image }, (_, i) => b * image + i).filter((i) => Math.floor((i % CHANNELS) / each) === g)
    const mean = places.reduce((sum, i) => sum + (x[i] as number), 0) / places.length, variance = places.reduce((sum, i) => sum + ((x[i] as number) - mean) ** 2, 0) / places.length
    for (const i of places) {
      const v = ((x[i] as number) - mean) / Math.sqrt(variance + epsilon) * (scale[i % CHANNELS] as number) + (bias[i % CHANNELS] as number)
      y[i] = activation ? v / (1 + Math.exp(-v)) : v
    }
  }
  return y
}

describe('group norms of com.microsoft', () => {
  const scale = random(CHANNELS), bias = random(CHANNELS), added = random(CHANNELS), numbers = (t: HostTensor): readonly number[] => numbersOf({ t }, 't')
  const initializers = [initializer('scale', scale), initializer('bias', bias), initializer('added', added)]

  it('take images whose channels come last, with an activation, at any extents', async () => {
    const bytes = modelOf({ inputs: [port('x', ['n', 'h', 'w', CHANNELS])], initializers, nodes: [microsoft('GroupNorm', ['x', 'scale', 'bias'], ['y'], { groups: GROUPS, activation: 1, epsilon: floatAttribute(0.01) })] })
    await expectEverywhere(bytes, [{ x: random(2, 3, 5, CHANNELS) }, { x: random(1, 1, 1, CHANNELS) }], (f) => ({ y: normalised(numbersOf(f, 'x'), (f.x as HostTensor).shape[0] as number, numbers(scale), numbers(bias), Math.fround(0.01), true) }))
  })

  it('of float16 take scales of float32', () => {
    const graph = importOnnxSync(modelOf({ inputs: [port('x', ['n', CHANNELS, 'w'], DATA_TYPE.FLOAT16)], initializers, nodes: [microsoft('GroupNorm', ['x', 'scale', 'bias'], ['y'], { groups: GROUPS, activation: 0, channels_last: 0 })] }))
    expect(graph.outputs.map((o) => dtypeOf(o.value))).toEqual(['float16'])
  })

  it.each([['n', 'h', 'w', CHANNELS], ['n', 1, 1, CHANNELS], ['n', CHANNELS]])('add what is skipped of shape %s, %s, %s, %s, and a bias', async (...shape) => {
    const bytes = modelOf({
      inputs: [port('x', ['n', 'h', 'w', CHANNELS]), port('skip', shape.filter((d) => d !== undefined))], outputs: ['y', 's'], initializers,
      nodes: [microsoft('SkipGroupNorm', ['x', 'scale', 'bias', 'skip', 'added'], ['y', 's'], { groups: GROUPS, activation: 0 })],
    })
    const extents: Readonly<Record<string, number>> = { n: 2, h: 3, w: 4 }, set: Feeds = { x: random(2, 3, 4, CHANNELS), skip: random(...shape.map((d) => (typeof d === 'number' ? d : extents[d] as number))) }
    await expectEverywhere(bytes, [set], (f) => {
      const skip = numbersOf(f, 'skip'), whole = shape[1] === 'h', s = numbersOf(f, 'x').map((v, i) => v + (skip[whole ? i : Math.floor(i / (12 * CHANNELS)) * CHANNELS + (i % CHANNELS)] as number) + (numbers(added)[i % CHANNELS] as number))
      return { y: normalised(s, 2, numbers(scale), numbers(bias), Math.fround(1e-5), false), s }
    })
  })
})

describe('ops of com.microsoft that are like those of the default domain', () => {
  it('GridSample samples images, Trilu cuts triangles', async () => {
    const grid = modelOf({ inputs: [port('x', [1, 1, 2, 2]), port('g', [1, 1, 1, 2])], nodes: [microsoft('GridSample', ['x', 'g'], ['y'], { mode: 'bilinear', align_corners: 1 })] })
    await expectEverywhere(grid, [{ x: hostTensor('float32', [1, 1, 2, 2], [1, 2, 3, 4]), g: hostTensor('float32', [1, 1, 1, 2], [0, 0]) }], () => ({ y: [2.5] }))
    await expectEverywhere(modelOf({ inputs: [port('x', ['n', 2])], nodes: [microsoft('Trilu', ['x'], ['y'], { upper: 0 })] }), [{ x: hostTensor('float32', [2, 2], [1, 2, 3, 4]) }], () => ({ y: [1, 0, 3, 4] }))
  })

  it('Rfft and Irfft turn each other around, of an open batch', async () => {
    const bytes = modelOf({ inputs: [port('x', ['n', 8])], outputs: ['f', 'y'], nodes: [microsoft('Rfft', ['x'], ['f'], { signal_ndim: 1, normalized: 0, onesided: 1 }), microsoft('Irfft', ['f'], ['y'], { signal_ndim: 1, normalized: 0, onesided: 1 })] })
    await expectEverywhere(bytes, [{ x: random(3, 8) }], (feeds) => ({ y: numbersOf(feeds, 'x') }))
    expect((interpret(importOnnxSync(bytes), { x: random(3, 8) }).f as HostTensor).shape).toEqual([3, 5, 2])
    expect(await errorOf(() => importOnnxSync(modelOf({ inputs: [port('x', ['n', 8])], nodes: [microsoft('Rfft', ['x'], ['y'], { signal_ndim: 2 })] })))).toMatchObject({ code: 'unsupported-op' })
  })

  it('CausalConvWithState has taps that lie apart, and channels that come last in any number of axes', async () => {
    const weight = random(CHANNELS, 1, 3), w = numbersOf({ weight }, 'weight')
    const bytes = modelOf({
      inputs: [port('x', ['n', 't', 2, 3]), port('past', ['n', 4, 2, 3])], outputs: ['y', 'state'], initializers: [initializer('w', weight)],
      nodes: [microsoft('CausalConvWithState', ['x', 'w', '', 'past'], ['y', 'state'], { dilation: 2, channels_last: 1 })],
    })
    await expectEverywhere(bytes, [5, 1].map((t) => ({ x: random(2, t, 2, 3), past: random(2, 4, 2, 3) })), (f) => {
      const x = f.x as HostTensor, [n, t] = x.shape as [number, number], all = Array.from({ length: n }, (_, b) => [...numbersOf(f, 'past').slice(b * 24, (b + 1) * 24), ...numbersOf(f, 'x').slice(b * t * CHANNELS, (b + 1) * t * CHANNELS)])
      return { y: all.flatMap((rows) => Array.from({ length: t * CHANNELS }, (_, i) => [0, 1, 2].reduce((sum, k) => sum + (w[(i % CHANNELS) * 3 + k] as number) * (rows[i + 2 * k * CHANNELS] as number), 0))), state: all.flatMap((rows) => rows.slice(-24)) }
    })
  })
})
