import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it, vi } from 'vitest'
import { ROOT } from '../source-files.js'

// Modules of the tracer import each other in circles; whichever of them is imported first, tensors must work.
const FILES = ['src/tracer', 'src/tracer/functions'].flatMap((folder) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`))

beforeEach(() => { vi.resetModules() })

it.each(FILES)('%s can be imported first', async (file) => {
  await import(join(ROOT, file))
  const { ones } = await import('../../src/tracer/creation.js')
  const x = ones([2], { requiresGrad: true })
  x.mul(x).view(2).sum().backward()
  expect(Array.from(x.grad?.data as Float32Array)).toEqual([2, 2])
})
