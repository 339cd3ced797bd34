import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, numbersOf, random, type Feeds } from './microsoft-models.js'
import { ATTRIBUTE_TYPE, errorOf, model, node, port, type onnx } from './onnx-models.js'

const SIZE = 4, WIDTH = 3

/** A graph of one node on its only input. */
const change = (opType: string): onnx.IAttributeProto => ({ type: ATTRIBUTE_TYPE.GRAPH, g: { name: opType, node: [node(opType, ['in'], ['out'])], input: [port('in', ['b', 'h', 'l', 's'])], output: [{ name: 'out' }] } })

function modelOf(heads: number, keyHeads: number, attributes: Parameters<typeof node>[3]): Uint8Array {
  return model({
    inputs: [port('q', ['n', heads, 'l', SIZE]), port('k', ['n', keyHeads, 's', SIZE]), port('v', ['n', keyHeads, 's', WIDTH])],
    nodes: [node('FlexAttention', ['q', 'k', 'v'], ['y'], attributes, { domain: 'ai.onnx.preview' })], more: { opsetImport: [{ domain: '', version: 24 }, { domain: 'ai.onnx.preview', version: 1 }] },
  })
}

/** Rows of chances of a query's scores, each changed on the way, times values. */
function attended(f: Feeds, score: (x: number) => number, chance: (x: number) => number): number[] {
  const [n, heads, l] = (f.q as HostTensor).shape as [number, number, number], [, keyHeads, s] = (f.k as HostTensor).shape as [number, number, number], [q, k, v] = ['q', 'k', 'v'].map((name) => numbersOf(f, name)) as [readonly number[], readonly number[], readonly number[]], out: number[] = []
  for (let b = 0; b < n; b++) for (let h = 0; h < heads; h++) for (let i = 0; i < l; i++) {
    const g = b * keyHeads + Math.floor(h / (heads / keyHeads)), row = Array.from({ length: s }, (_, j) => score(Array.from({ length: SIZE }, (__, d) => (q[((b * heads + h) * l + i) * SIZE + d] as number) * (k[(g * s + j) * SIZE + d] as number)).reduce((x, y) => x + y, 0) / Math.sqrt(SIZE)))
    const powers = row.map(Math.exp), sum = powers.reduce((x, y) => x + y, 0)
    for (let c = 0; c < WIDTH; c++) out.push(powers.reduce((total, p, j) => total + chance(p / sum) * (v[(g * s + j) * WIDTH + c] as number), 0))
  }
  return out
}

describe('FlexAttention', () => {
  it('changes scores and chances by the graphs it is given, with heads that share keys, at any lengths', async () => {
    const sets = [[2, 3, 5], [1, 1, 7], [3, 4, 1]].map(([n, l, s]) => ({ q: random(n as number, 4, l as number, SIZE), k: random(n as number, 2, s as number, SIZE), v: random(n as number, 2, s as number, WIDTH) }))
    await expectEverywhere(modelOf(4, 2, { score_mod: change('Tanh'), prob_mod: change('Sqrt') }), sets, (f) => ({ y: attended(f, Math.tanh, Math.sqrt) }))
    await expectEverywhere(modelOf(4, 2, {}), sets.slice(0, 1), (f) => ({ y: attended(f, (x) => x, (x) => x) }))
  })

  it('refuses heads that cannot share keys', async () => {
    expect(await errorOf(() => importOnnxSync(modelOf(3, 2, {})))).toMatchObject({ code: 'shape-mismatch' })
  })
})
