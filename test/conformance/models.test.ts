/** Whole models: what they give lies within 1e-4 of the peak of what PyTorch recorded. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runCase } from '../../scripts/backend-case.js'
import { engineOf } from '../../scripts/backend-engines.js'
import { haveShared, SHARED } from './shared-data.js'

const SMALL = ['mlp_tiny', 'bilstm_tagger', 'gpt_mini_kv', 'unet_small', 'shufflenet_v2_x0_5', 'mobilenet_v3_small']
const ALL = [...SMALL, 'mobilenet_v2', 'efficientnet_b0', 'mnasnet0_5', 'squeezenet1_1', 'resnet18', 'vit_tiny6', 'minilm_l6']

describe('models on wasm with two threads', () => {
  test.skipIf(!haveShared('models')).each([...ALL])('%s', async (name) => {
    expect(await runCase(join(SHARED, 'models', name), name, engineOf('wasm', 2), { peak: 1e-4 })).toMatchObject({ verdict: 'pass', why: '' })
  })
})

describe.each([['interpret', SMALL], ['js', ALL], ['wasm', ALL]] as const)('models on %s', (target, names) => {
  test.skipIf(!haveShared('models')).each([...names])('%s', async (name) => {
    expect(await runCase(join(SHARED, 'models', name), name, engineOf(target), { peak: 1e-4 })).toMatchObject({ verdict: 'pass', why: '' })
  })
})
