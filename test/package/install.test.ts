import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../source-files.js'

const folder = mkdtempSync(join(tmpdir(), 'ingot-pack-'))
const bin = (name: string): string => join(ROOT, 'node_modules/.bin', name)
const run = (command: string, args: readonly string[], cwd: string): string => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string; readonly dependencies: Record<string, string>; readonly scripts: Record<string, string> }
let files: readonly string[] = []

/** Packs a fresh build and unpacks it where a package manager would, beside its dependencies; nothing is fetched. */
beforeAll(() => {
  const source = join(folder, 'source'), user = join(folder, 'user')
  mkdirSync(source)
  for (const file of ['package.json', 'README.md', 'LICENSE']) cpSync(join(ROOT, file), join(source, file))
  try { run(bin('tsc'), ['-p', 'tsconfig.build.json', '--outDir', join(source, 'dist')], ROOT) } catch (error) { if (!existsSync(join(source, 'dist/cli/main.js'))) throw error }
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--silent'], source)) as [{ filename: string; files: { path: string }[] }]
  files = packed.files.map((f) => f.path)
  mkdirSync(join(user, 'node_modules'), { recursive: true })
  writeFileSync(join(user, 'package.json'), '{ "type": "module" }')
  run('tar', ['xzf', join(source, packed.filename), '-C', join(user, 'node_modules')], folder)
  cpSync(join(user, 'node_modules/package'), join(user, 'node_modules/ingot'), { recursive: true })
  for (const dependency of [...Object.keys(manifest.dependencies), 'long']) symlinkSync(join(ROOT, 'node_modules', dependency), join(user, 'node_modules', dependency))
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the package holds the built sources and the command, and no tests, examples or scripts', () => {
  expect(files.filter((f) => !/^dist\/(src|cli)\/.*\.(js|d\.ts)$/.test(f)).sort()).toEqual(['LICENSE', 'README.md', 'package.json'])
  expect(files).toContain('dist/cli/main.js')
})

test('it depends on three packages and runs nothing when it is installed', () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual(['commander', 'picocolors', 'protobufjs'])
  expect(Object.keys(manifest.scripts).filter((s) => /^(pre|post)?(install|prepare)$/.test(s))).toEqual([])
})

test('the command runs and the three entries can be imported', () => {
  const user = join(folder, 'user')
  expect(run(process.execPath, ['node_modules/ingot/dist/cli/main.js', '--version'], user).trim()).toBe(manifest.version)
  const script = "import { compile } from 'ingot'; import * as runtime from 'ingot/runtime'; import { importOnnx } from 'ingot/onnx'; console.log(typeof compile, Object.keys(runtime).sort().join(), typeof importOnnx)"
  expect(run(process.execPath, ['--input-type=module', '-e', script], user)).toBe('function Tensor,load function\n')
  expect(() => run(process.execPath, ['--input-type=module', '-e', "import 'ingot/dist/src/compile.js'"], user)).toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED/)
})

test.each([['nodenext', 'nodenext'], ['esnext', 'bundler']])('its types are found and hold together, without skipLibCheck and without types of Node (%s)', (module, resolution) => {
  const user = join(folder, 'user')
  writeFileSync(join(user, 'use.ts'), [
    "import { compile, load, IngotError, type Program } from 'ingot'", "import { load as loadProgram, Tensor } from 'ingot/runtime'", "import { importOnnx } from 'ingot/onnx'",
    "const program: Program = await compile(await importOnnx('x.onnx'), { target: 'js' })", 'const session = await load(program.data)',
    "const shape: readonly number[] | undefined = (await session.run({ x: [1] }))['y']?.shape", 'export { shape, loadProgram, Tensor, IngotError }',
    "// @ts-expect-error: there is no such target", "void compile('x.onnx', { target: 'gpu' })",
  ].join('\n'))
  expect(() => run(bin('tsc'), ['--noEmit', '--strict', '--target', 'es2022', '--module', module, '--moduleResolution', resolution, '--types', '', 'use.ts'], user)).not.toThrow()
})
