/**
 * ONNX's backend node tests and whole models on WebGPU, where an adapter is there. CPU adapters take minutes for all of them, so
 * every eighth test runs here, and all with INGOT_CONFORMANCE=all. The list is written as those of the other targets are.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runCase } from '../../scripts/backend-case.js'
import { engineOf } from '../../scripts/backend-engines.js'
import { findDevice } from '../codegen/wgsl/device.js'
import { haveShared, SHARED } from './shared-data.js'

const FOLDER = 'onnx-backend/node'
const all = process.env['INGOT_CONFORMANCE'] === 'all'
const listed = readFileSync(new URL('node-wgsl.txt', import.meta.url), 'utf8').split('\n').filter((line, i) => line !== '' && (all || i % 8 === 0))
const MODELS = ['bilstm_tagger', 'mlp_tiny', 'unet_small', 'shufflenet_v2_x0_5', 'minilm_l6', ...(all ? ['gpt_mini_kv', 'mobilenet_v3_small', 'mobilenet_v2', 'efficientnet_b0', 'mnasnet0_5', 'squeezenet1_1', 'resnet18', 'vit_tiny6'] : [])]

const found = await findDevice() !== undefined
if (!found) console.warn('skipped: WebGPU finds no adapter; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives a software one')

describe.skipIf(!found)('ONNX node tests on wgsl', () => {
  test.skipIf(!haveShared(FOLDER)).each(listed)('%s', { timeout: 60_000 }, async (name) => {
    expect(await runCase(join(SHARED, FOLDER, name), name, engineOf('wgsl'))).toMatchObject({ verdict: 'pass', why: '' })
  })
})

describe.skipIf(!found)('models on wgsl', () => {
  test.skipIf(!haveShared('models')).each(MODELS)('%s', { timeout: 300_000 }, async (name) => {
    expect(await runCase(join(SHARED, 'models', name), name, engineOf('wgsl'), { peak: 1e-4 })).toMatchObject({ verdict: 'pass', why: '' })
  })
})
