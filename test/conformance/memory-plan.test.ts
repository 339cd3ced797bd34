/** Memory plans of whole models, at all kinds of extents, against the most that is live in one step. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { compile, inspectProgram } from '../../src/index.js'
import { haveShared, SHARED } from './shared-data.js'

function readModel(name: string): Uint8Array {
  const path = join(SHARED, 'models', name, 'model.onnx')
  return existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`))
}

const grid = (...axes: readonly (readonly number[])[]): number[][] => axes.reduce<number[][]>((all, axis) => all.flatMap((shape) => axis.map((n) => [...shape, n])), [[]])

const BATCHES = [1, 2, 3, 5, 8], SEQUENCES = [1, 2, 7, 16, 63, 64, 100, 128, 256, 333, 512]

/** Inputs' extents of each model: one set of shapes after the other. */
const MODELS: Readonly<Record<string, readonly Readonly<Record<string, readonly number[]>>[]>> = {
  mobilenet_v2: BATCHES.map((n) => ({ input: [n, 3, 224, 224] })),
  minilm_l6: grid(BATCHES, SEQUENCES).map((input_ids) => ({ input_ids })),
  gpt_mini_kv: grid(BATCHES, SEQUENCES, [1, 16, 100]).map(([batch = 1, sequence = 1, past = 1]) => ({ input_ids: [batch, sequence], 'past.0.key': [batch, 8, past, 32] })),
  unet_small: grid([1, 3], [8, 40, 64], [8, 64, 120]).map(([n = 1, h = 1, w = 1]) => ({ image: [n, 3, h, w] })),
  shufflenet_v2_x0_5: [{}],
  efficientnet_b0: [{}],
}

describe('planned bytes are within 5 % of the lower bound', () => {
  test.skipIf(!haveShared('models')).each(Object.entries(MODELS))('%s', async (name, shapes) => {
    const { data } = await compile(readModel(name), { target: 'wasm' })
    for (const shape of shapes) {
      const { arenaBytes, lowerBoundBytes } = inspectProgram(data, shape).memory
      expect(arenaBytes / lowerBoundBytes, JSON.stringify(shape)).toBeLessThanOrEqual(1.05)
    }
  })
})
