import { expect, it } from 'vitest'
import { compile, InferenceMode, inferenceMode, IngotError, load, ones, Tensor } from '../../src/index.js'
import { Tensor as RuntimeTensor } from '../../src/runtime/index.js'
import { network } from '../compile/synthetic-graphs.js'

const X = Float32Array.of(1, 2, 3, 4, -1, 2, -3, 4)

async function output(): Promise<Tensor> {
  const session = await load(await compile(network()))
  const y = (await session.run({ x: new Tensor('float32', [2, 4], X) }))['y']
  if (y === undefined) throw new Error('no output y')
  return y
}

function codeOf(run: () => unknown): string {
  try { run() } catch (error) { return (error as IngotError).code }
  return 'nothing thrown'
}

it('what a session returns is an eager inference tensor and keeps all its rules', async () => {
  const y = await output()
  expect([y instanceof Tensor, y instanceof RuntimeTensor, y.isInference(), y.requiresGrad, y.isLeaf]).toEqual([true, true, true, false, true])
  expect(codeOf(() => y.version)).toBe('inference-version')
  expect(codeOf(() => y.add_(1))).toBe('inference-inplace')
  expect(codeOf(() => y.view(-1).zero_())).toBe('inference-inplace')
  expect(codeOf(() => y.detach().zero_())).toBe('inference-inplace')
  expect(codeOf(() => y.requiresGrad_())).toBe('inference-requires-grad')
  const w = ones(y.shape, { requiresGrad: true })
  expect(codeOf(() => w.mul(y))).toBe('inference-saved')
  expect(codeOf(() => w.add(y).sum().backward())).toBe('nothing thrown')
})

it('its elements cannot be reached for writing outside inference mode, and can inside', async () => {
  const y = await output()
  const before = Array.from(y.data as Float32Array)
  ;(y.data as Float32Array).fill(7)
  expect(Array.from(y.data as Float32Array)).toEqual(before)
  {
    using _mode = new InferenceMode()
    y.mul_(2)
  }
  expect(Array.from(y.data as Float32Array)).toEqual(before.map((v) => v * 2))
})

it('a clone outside is normal, inside it is not', async () => {
  const y = await output()
  const clone = y.clone()
  expect([clone.isInference(), clone.version, clone.requiresGrad_().requiresGrad]).toEqual([false, 0, true])
  expect(inferenceMode(() => y.clone()).isInference()).toBe(true)
})

it('results of one session are fed to the next, views as well', async () => {
  const session = await load(await compile(network()))
  const wide = new Tensor('float32', [4, 2], Float32Array.of(1, -1, 2, 2, 3, -3, 4, 4)).transpose(0, 1)
  const a = session.runSync({ x: wide })['y'], b = session.runSync({ x: new Tensor('float32', [2, 4], X) })['y']
  expect(a?.data).toEqual(b?.data)
})

it('each result has its own memory', async () => {
  const session = await load(await compile(network()))
  const run = (): Tensor => session.runSync({ x: new Tensor('float32', [2, 4], X) })['y'] as Tensor
  const first = run()
  const before = Array.from(first.data as Float32Array)
  inferenceMode(() => run().zero_())
  run()
  expect(Array.from(first.data as Float32Array)).toEqual(before)
})
