import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { renderJsModule } from '../../../src/codegen/js/module.js'
import { load, type ProgramModule } from '../../../src/runtime/session.js'
import type { ProgramData } from '../../../src/runtime/format.js'
import { binary, load as loadElement } from '../../../src/ir/kernel/expr.js'
import { mapKernel } from '../sample-kernels.js'

const kernel = mapKernel('add_n', [['x0', 'float32'], ['x1', 'float32']], 'float32', binary('add', loadElement('x0', ['i']), loadElement('x1', ['i'])), 5)
// y = x + c + c by two calls of one kernel; the constants' bytes are 100 000 zeros after the five used, to pass a chunk of base64
const constants = new Uint8Array(100032)
new Float32Array(constants.buffer, 0, 5).set([1, 2, 3, 4, 0.5])
const buffer = (offset: number, first: number, last: number): ProgramData['header']['buffers'][number] => ({ dtype: 'float32', length: 5, place: 'arena', offset, first, last })
const program: ProgramData = {
  header: {
    name: 'sum*/\n', target: 'js', producer: '0', symbols: [], constraints: [],
    inputs: [{ name: 'x', dtype: 'float32', shape: [5], buffer: 0 }], outputs: [{ name: 'y', dtype: 'float32', shape: [5], buffer: 2 }],
    buffers: [buffer(0, 0, 0), buffer(64, 0, 1), buffer(0, 1, 1), { dtype: 'float32', length: 5, place: 'constant', offset: 0, first: 0, last: 1 }],
    steps: [{ kernel: 0, buffers: [0, 3, 1], params: [], origin: 'first' }, { kernel: 0, buffers: [1, 3, 2], params: [], origin: 'second' }],
    kernels: [{ name: 'add_n', code: kernel }],
    constants: [{ name: 'c', dtype: 'float32', shape: [5], offset: 0, bytes: 20, buffer: 3 }],
  },
  sections: { constants },
}

let folder = ''
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'ingot-module-')) })
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

test('an emitted module loads and runs without evaluating text, and gives what the program itself gives', async () => {
  const direct = await (await load(program)).run({ x: [10, 20, 30, 40, 50] })
  const file = join(folder, 'model.mjs')
  writeFileSync(file, renderJsModule(program))
  const module = await import(/* @vite-ignore */ pathToFileURL(file).href) as ProgramModule
  expect(module.data.sections.constants).toEqual(constants)
  vi.stubGlobal('Function', function forbidden() { throw new EvalError('no evaluation here') })
  try {
    const result = await (await load(module)).run({ x: [10, 20, 30, 40, 50] })
    expect(result['y']?.data).toEqual(Float32Array.of(12, 24, 36, 48, 51))
    expect(result['y']?.data).toEqual(direct['y']?.data)
  } finally { vi.unstubAllGlobals() }
})

test('the module names the origins of each kernel and is the same text every time', () => {
  expect(renderJsModule(program)).toContain('// add_n · first · second\nfunction add_n(x0, x1, y0) {')
  expect(renderJsModule(program)).toBe(renderJsModule(program))
})
