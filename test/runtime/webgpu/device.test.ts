/** What devices come from. */
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { findGpu } from '../../../src/runtime/webgpu/device.js'

const installed = (() => { try { return createRequire(import.meta.url).resolve('webgpu') } catch { return undefined } })()
if (installed === undefined) console.warn('skipped: the package webgpu is not installed')

test.skipIf(installed === undefined)('one process has one GPU object, also where two ask at once', async () => {
  const [a, b] = await Promise.all([findGpu(), findGpu()])
  expect(a).toBe(b)
})
