import { describe, expect, it } from 'vitest'
import { importsOf, layeringViolations } from './layering.js'
import { sourceFiles } from './source-files.js'

describe('layering', () => {
  it('no file imports a room that its own may not see', () => {
    expect(layeringViolations(sourceFiles('src', 'cli').map(importsOf))).toEqual([])
  })

  it('the project has files in every room that the table names', () => {
    const files = sourceFiles('src').map((f) => f.file)
    for (const room of ['base', 'ir', 'passes', 'codegen', 'runtime', 'tracer']) expect(files.some((f) => f.startsWith(`src/${room}/`)), room).toBe(true)
  })

  const violations = (file: string, ...imports: string[]): string[] => layeringViolations([{ file, imports }])

  it('refuses a runtime that imports the compiler', () => {
    expect(violations('src/runtime/session.ts', '../ir/graph.js', '../base/error.js', './tensor.js')).toEqual(['src/runtime/session.ts must not import ../ir/graph.js'])
  })

  it('refuses passes that import codegen, an ir that imports passes, and a base that imports anything', () => {
    expect(violations('src/passes/fuse.ts', '../codegen/lower.js')).toHaveLength(1)
    expect(violations('src/ir/ops/conv.ts', '../../passes/index.js', '../op.js', '../../base/dtype.js')).toHaveLength(1)
    expect(violations('src/base/error.ts', '../ir/dims.js')).toHaveLength(1)
  })

  it('lets codegen see only the format, the plan and the renderer of the runtime', () => {
    expect(violations('src/codegen/js/module.ts', '../../runtime/js/render.js', '../../runtime/format.js', '../../runtime/session.js')).toEqual(['src/codegen/js/module.ts must not import ../../runtime/session.js'])
  })

  it('lets the command line see only the public entry and its own packages', () => {
    expect(violations('cli/run.ts', '../src/index.js', 'commander', 'node:fs', './progress.js')).toEqual([])
    expect(violations('cli/run.ts', '../src/compile.js', 'protobufjs')).toHaveLength(2)
  })

  it('refuses packages in rooms that stand alone', () => {
    expect(violations('src/runtime/decode.ts', 'protobufjs')).toHaveLength(1)
    expect(violations('src/ir/graph.ts', 'node:fs')).toHaveLength(1)
    expect(violations('src/tracer/onnx/decode.ts', 'protobufjs/light', 'node:fs')).toEqual([])
  })

  it('refuses a file that is in no room', () => {
    expect(violations('src/helpers/strings.ts')).toEqual(['src/helpers/strings.ts is in no room'])
  })

  it('sees imports of every form and none in comments', () => {
    const text = [
      "import { a } from './a.js'", "import type {\n  B,\n} from './b.js'", "export * from './c.js'", "export { d } from './d.js'", "import './e.js'",
      "const f = await import('./f.js')", "// import { x } from './x.js'", "if (name === 'import' && f('./z.js')) g()", "/* import './y.js' */",
    ].join('\n')
    expect(importsOf({ file: 'src/ir/t.ts', text }).imports).toEqual(['./a.js', './b.js', './c.js', './d.js', './e.js', './f.js'])
  })
})
