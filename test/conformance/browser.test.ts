/** A sample of ONNX's node tests and the models, compiled for WebGPU and run in a browser's page on a software adapter. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runCase } from '../../scripts/backend-case.js'
import { haveChromium } from '../browser/chromium.js'
import { browserEngine } from '../browser/wgsl-engine.js'
import { haveShared, SHARED } from './shared-data.js'

const FOLDER = 'onnx-backend/node'
/** Node tests that run, spread evenly over the list. */
const SAMPLE = 200
const listed = readFileSync(new URL('node-wgsl.txt', import.meta.url), 'utf8').split('\n').filter((line) => line !== '')
const sample = Array.from({ length: SAMPLE }, (_, i) => listed[Math.floor((i * listed.length) / SAMPLE)] as string)
const MODELS = ['bilstm_tagger', 'efficientnet_b0', 'gpt_mini_kv', 'minilm_l6', 'mlp_tiny', 'mnasnet0_5', 'mobilenet_v2', 'mobilenet_v3_small', 'resnet18', 'shufflenet_v2_x0_5', 'squeezenet1_1', 'unet_small', 'vit_tiny6']

const browser = haveChromium() ? await browserEngine() : undefined
if (browser?.adapter === false) console.warn('skipped: the browser has no adapter for WebGPU, not in software either')
afterAll(() => browser?.[Symbol.asyncDispose]())

describe.skipIf(browser?.adapter !== true)('wgsl in a browser', () => {
  const engine = browser?.engine ?? (() => Promise.reject(new Error('there is no browser')))

  test.skipIf(!haveShared(FOLDER)).each(sample)('%s', async (name) => {
    expect(await runCase(join(SHARED, FOLDER, name), name, engine)).toMatchObject({ verdict: 'pass', why: '' })
  })

  test.skipIf(!haveShared('models')).each(MODELS)('%s', async (name) => {
    expect(await runCase(join(SHARED, 'models', name), name, engine, { peak: 1e-4 })).toMatchObject({ verdict: 'pass', why: '' })
  }, 300_000)
})
