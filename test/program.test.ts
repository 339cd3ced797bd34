import { describe, expect, it } from 'vitest'
import { compile } from '../src/compile.js'
import { importOnnxSync } from '../src/tracer/onnx/index.js'
import { errorOf, model, node, port } from './tracer/onnx/onnx-models.js'

describe('Program', () => {
  it('says what save wants where it is given no path', async () => {
    const program = await compile(importOnnxSync(model({ inputs: [port('x', [1])], nodes: [node('Relu', ['x'], ['y'])] })), { target: 'js' })
    const save = program.save.bind(program) as (path?: unknown) => Promise<void>
    for (const path of [undefined, '', 7]) expect(await errorOf(() => save(path))).toMatchObject({ code: 'bad-option', what: 'save takes the path of the file to write' })
  })
})
