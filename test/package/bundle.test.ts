import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type BuildResult } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../source-files.js'

/** Where the bundle is written. */
const folder = mkdtempSync(join(tmpdir(), 'ingot-bundle-'))
let result: BuildResult<{ metafile: true }>

beforeAll(async () => {
  result = await build({
    entryPoints: ['src/index.ts'], absWorkingDir: ROOT, bundle: true, format: 'esm', platform: 'browser', target: 'es2022',
    outfile: join(folder, 'ingot.mjs'), metafile: true, logLevel: 'silent',
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the whole of Ingot is bundled for browsers, without errors, warnings or modules of Node', () => {
  expect(result.errors).toEqual([])
  expect(result.warnings).toEqual([])
  const outside = Object.values(result.metafile.outputs).flatMap((o) => o.imports.filter((i) => i.external).map((i) => i.path))
  expect(outside).toEqual([])
})

test('the bundle compiles and runs a graph where there is no process', () => {
  writeFileSync(join(folder, 'page.mjs'), `
    const say = console.log.bind(console)
    delete globalThis.process
    const { compile, load, parseGraph } = await import('./ingot.mjs')
    const graph = parseGraph('graph @g stage=inference (x: float32[n]) -> (y: float32[n]) {\\n  symbol n = extent(x, 0)\\n  %y: float32[n] = neg(%x)\\n  return y = %y\\n}')
    for (const target of ['js', 'wasm']) {
      const session = await load((await compile(graph, { target })).encode())
      say(target, Array.from((await session.run({ x: Float32Array.of(1, -2) })).y.data).join())
    }
  `)
  expect(execFileSync(process.execPath, [join(folder, 'page.mjs')], { encoding: 'utf8' })).toBe('js -1,2\nwasm -1,2\n')
})
