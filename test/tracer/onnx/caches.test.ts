import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, numbersOf, random, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, floatAttribute, model, node, port } from './onnx-models.js'

describe('TensorScatter', () => {
  const scatter = (attributes: Parameters<typeof node>[3], indices = true): Uint8Array => model({
    inputs: [port('past', ['n', 'h', 'most', 'd']), port('update', ['n', 'h', 't', 'd']), ...(indices ? [port('at', ['n'], DATA_TYPE.INT64)] : [])], opset: 24,
    nodes: [node('TensorScatter', ['past', 'update', ...(indices ? ['at'] : [])], ['y'], attributes)],
  })
  const set = (steps: number, ...at: readonly number[]): Feeds => ({ past: random(at.length, 3, 5, 2), update: random(at.length, 3, steps, 2), at: hostTensor('int64', [at.length], at.map(BigInt)) })
  /** The loop of the definition. */
  const written = (f: Feeds, axis: number): number[] => {
    const [n, h, most, d] = (f.past as HostTensor).shape as [number, number, number, number], steps = (f.update as HostTensor).shape[axis] as number, y = [...numbersOf(f, 'past')], update = numbersOf(f, 'update'), at = f.at === undefined ? [] : numbersOf(f, 'at')
    for (let b = 0; b < n; b++) for (let i = 0; i < h; i++) for (let t = 0; t < steps; t++) for (let k = 0; k < d; k++) y[((b * h + i) * most + ((at[b] ?? 0) + t) % most) * d + k] = update[((b * h + i) * steps + t) * d + k] as number
    return y
  }

  it('writes the update from its index on, in open batches, around the end where it is circular', async () => {
    await expectEverywhere(scatter({}), [set(2, 0, 3, 1), set(5, 0), set(1, 4, 0)], (f) => ({ y: written(f, 2) }))
    await expectEverywhere(scatter({ mode: 'circular' }), [set(2, 4, 3, 1), set(5, 2), set(3, 9, 13)], (f) => ({ y: written(f, 2) }))
    const { past, update } = set(3, 0, 0)
    await expectEverywhere(scatter({ axis: 2 }, false), [{ past: past as HostTensor, update: update as HostTensor }], (f) => ({ y: written(f, 2) }))
  })

  it('refuses to write along the batch', async () => {
    expect(await errorOf(() => importOnnxSync(scatter({ axis: 0 })))).toMatchObject({ code: 'bad-attribute' })
  })
})

describe('CausalConvWithState', () => {
  it('gives step by step what it gives of the whole sequence', async () => {
    const weight = random(3, 1, 4), bias = random(3), x = random(2, 3, 7), channels = 3
    const make = (stateful: boolean, activation: string): Uint8Array => model({
      inputs: [port('x', ['n', channels, 'time']), ...(stateful ? [port('past', ['n', channels, 3])] : [])], outputs: ['y', 'state'], initializers: [initializer('w', weight), initializer('b', bias)], opset: 27,
      nodes: [node('CausalConvWithState', ['x', 'w', 'b', ...(stateful ? ['past'] : [])], ['y', 'state'], { activation })],
    })
    const silu = (v: number): number => v / (1 + Math.exp(-v)), w = numbersOf({ weight }, 'weight'), b = numbersOf({ bias }, 'bias')
    const expected = (past: (row: number, at: number) => number, v: readonly number[], length: number, activation: (v: number) => number) => {
      const at = (row: number, t: number): number => (t < 0 ? past(row, 3 + t) : v[row * length + t] as number)
      const y = v.map((_, i) => { const row = Math.floor(i / length), c = row % channels; return activation((b[c] as number) + [0, 1, 2, 3].reduce((sum, k) => sum + (w[c * 4 + k] as number) * at(row, (i % length) + k - 3), 0)) })
      return { y, state: Array.from({ length: v.length / length }, (_, row) => [-3, -2, -1].map((t) => at(row, length + t))).flat() }
    }
    await expectEverywhere(make(false, 'silu'), [{ x }, { x: random(1, 3, 1) }, { x: random(4, 3, 2) }], (f) => expected(() => 0, numbersOf(f, 'x'), (f.x as HostTensor).shape[2] as number, silu))
    await expectEverywhere(make(true, 'none'), [{ x, past: random(2, 3, 3) }, { x: random(1, 3, 1), past: random(1, 3, 3) }], (f) => { const past = numbersOf(f, 'past'); return expected((row, i) => past[row * 3 + i] as number, numbersOf(f, 'x'), (f.x as HostTensor).shape[2] as number, (v) => v) })
  })
})

describe('SwiGLU', () => {
  it('is the swish of the gate, times the other input', async () => {
    const bytes = model({ inputs: [port('a', ['n', 3]), port('b', ['n', 3])], opset: 28, nodes: [node('SwiGLU', ['a', 'b'], ['y'], { alpha: floatAttribute(1.5) })] })
    await expectEverywhere(bytes, [{ a: random(5, 3), b: random(5, 3) }], (f) => { const b = numbersOf(f, 'b'); return { y: numbersOf(f, 'a').map((a, i) => (a / (1 + Math.exp(-1.5 * a))) * (b[i] as number)) } })
  })
})
