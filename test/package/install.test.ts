import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bin, installInto, manifest, run } from './installed.js'

const folder = mkdtempSync(join(tmpdir(), 'ingot-pack-'))
let files: readonly string[] = []

beforeAll(async () => { files = await installInto(folder) }, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the package holds the built sources, the files for Node with the command and those for pages, and no tests, examples or scripts', () => {
  expect(files.filter((f) => !/^dist\/src\/.*\.(js|d\.ts)$|^dist\/(browser|node)\/[\w-]+\.js$/.test(f)).sort()).toEqual(['LICENSE', 'README.md', 'dist/browser/licenses.txt', 'dist/node/licenses.txt', 'package.json'])
  expect(files).toContain('dist/node/cli.js')
})

test('it depends on three packages and runs nothing when it is installed', () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual(['commander', 'picocolors', 'protobufjs'])
  expect(Object.keys(manifest.scripts).filter((s) => /^(pre|post)?(install|prepare)$/.test(s))).toEqual([])
})

test('the command runs and the entries can be imported', () => {
  const user = join(folder, 'user')
  expect(run(process.execPath, ['node_modules/ingot/dist/node/cli.js', '--version'], user).trim()).toBe(manifest.version)
  const script = "import { compile } from 'ingot'; import * as runtime from 'ingot/runtime'; import { importOnnx } from 'ingot/onnx'; import * as page from 'ingot/browser'; import * as pageRuntime from 'ingot/browser/runtime'; import * as whole from 'ingot'; console.log(typeof compile, Object.keys(runtime).sort().join(), typeof importOnnx, Object.keys(page).join() === Object.keys(whole).join(), Object.keys(pageRuntime).sort().join())"
  expect(run(process.execPath, ['--input-type=module', '-e', script], user)).toBe('function Tensor,load function true Tensor,load\n')
  const names = "import { Tensor, tensor, InferenceMode, IngotError, nn } from 'ingot'; import * as runtime from 'ingot/runtime'; console.log([Tensor, tensor(1).constructor, InferenceMode, IngotError, nn.Linear, runtime.Tensor].map((c) => c.name).join(), tensor(1) instanceof runtime.Tensor)"
  expect(run(process.execPath, ['--input-type=module', '-e', names], user)).toBe('Tensor,Tensor,InferenceMode,IngotError,Linear,Tensor true\n')
  expect(() => run(process.execPath, ['--input-type=module', '-e', "import 'ingot/dist/src/compile.js'"], user)).toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED/)
})

test.each([['nodenext', 'nodenext'], ['esnext', 'bundler']])('its types are found and hold together, without skipLibCheck and without types of Node (%s)', (module, resolution) => {
  const user = join(folder, 'user')
  writeFileSync(join(user, 'use.ts'), [
    "import { compile, load, IngotError, type Program } from 'ingot'", "import { load as loadProgram, Tensor } from 'ingot/runtime'", "import { importOnnx } from 'ingot/onnx'", "import type { Program as PageProgram } from 'ingot/browser'", "import type { Session as PageSession } from 'ingot/browser/runtime'",
    "const program: Program = await compile(await importOnnx('x.onnx'), { target: 'js' })", 'const session = await load(program.data)',
    "const shape: readonly number[] | undefined = (await session.run({ x: [1] }))['y']?.shape", 'const same: PageProgram = program, sameSession: PageSession = session', 'export { shape, loadProgram, Tensor, IngotError, same, sameSession }',
    "// @ts-expect-error: there is no such target", "void compile('x.onnx', { target: 'gpu' })",
  ].join('\n'))
  expect(() => run(bin('tsc'), ['--noEmit', '--strict', '--target', 'es2022', '--module', module, '--moduleResolution', resolution, '--types', '', 'use.ts'], user)).not.toThrow()
})
