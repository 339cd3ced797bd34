/** What a page downloads to run a program: the runtime's bundle, minified and compressed, and nothing of the compiler. */
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions, type BuildResult, type OutputFile } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { ROOT } from './source-files.js'

/** Gzipped bytes of what every page loads, of all in one file with the renderer, which only js artefacts import, and of what only wgsl artefacts (but for what few sessions do), several threads, paths and URLs, constants made at load, and programs in parts do. */
const ENTRY_BYTES = 11_960
const WEBGPU_BYTES = 7_250
const THREADS_BYTES = 3_650
const SOURCE_BYTES = 2_250
const PREPARE_BYTES = 1_450
const PARTS_BYTES = 1_700
const ONE_FILE_BYTES = 16_600

const OPTIONS = {
  entryPoints: ['src/runtime/index.ts'], absWorkingDir: ROOT, bundle: true, minify: true, format: 'esm',
  platform: 'browser', target: 'es2022', outdir: 'out', write: false, metafile: true, logLevel: 'silent',
} as const satisfies BuildOptions

let files: readonly OutputFile[] = []
let meta: NonNullable<BuildResult['metafile']>

beforeAll(async () => {
  const result = await build({ ...OPTIONS, entryPoints: [...OPTIONS.entryPoints], splitting: true })
  expect(result.warnings).toEqual([])
  files = result.outputFiles
  meta = result.metafile
})

const gzipped = (chosen: readonly OutputFile[]): number => chosen.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0)

/** Output paths that `path` loads at once. */
function loadedWith(path: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  for (const { path: next, kind } of meta.outputs[path]?.imports ?? []) if (kind === 'import-statement') loadedWith(next, seen)
  return seen
}

test('what every page loads is small, and so is all of it in one file', async () => {
  const entry = loadedWith('out/index.js')
  expect(gzipped(files.filter((file) => [...entry].some((path) => file.path.endsWith(path))))).toBeLessThanOrEqual(ENTRY_BYTES)
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [...OPTIONS.entryPoints], external: ['./webgpu/host.js', './threads.js', './source.js', '../prepare.js', './parts.js'] })
  expect(outputFiles).toHaveLength(1)
  expect(gzipped(outputFiles)).toBeLessThanOrEqual(ONE_FILE_BYTES)
})

test('what programs for WebGPU load in addition is small', () => {
  expect(gzipped(files.filter((file) => file.path.includes('/host-')))).toBeLessThanOrEqual(WEBGPU_BYTES)
})

test('what sessions with several threads load in addition is small', () => {
  expect(gzipped(files.filter((file) => file.path.includes('/threads-')))).toBeLessThanOrEqual(THREADS_BYTES)
})

test('what programs at a path or URL load in addition is small', () => {
  expect(gzipped(files.filter((file) => file.path.includes('/source-')))).toBeLessThanOrEqual(SOURCE_BYTES)
})

test('what programs that make constants at load need in addition is small', () => {
  const entry = loadedWith('out/index.js'), loaded = [...loadedWith(Object.keys(meta.outputs).find((path) => path.includes('/prepare-')) as string)].filter((path) => !entry.has(path))
  expect(gzipped(files.filter((file) => loaded.some((path) => file.path.endsWith(path))))).toBeLessThanOrEqual(PREPARE_BYTES)
})

test('what programs in parts load in addition is small', () => {
  expect(gzipped(files.filter((file) => file.path.includes('/parts-')))).toBeLessThanOrEqual(PARTS_BYTES)
})

test('the runtime contains nothing from outside its room and the base', () => {
  const inputs = Object.values(meta.outputs).flatMap((output) => Object.keys(output.inputs))
  expect(inputs.length).toBeGreaterThan(10)
  expect(inputs.filter((input) => !/^src\/(runtime|base)\//.test(input))).toEqual([])
})

test('only what renders kernels is loaded on demand, and nothing else can evaluate text', () => {
  const evaluating = files.filter((file) => /\bnew Function\b|\beval\(/.test(file.text)).map((file) => file.path.split('/').at(-1))
  expect(evaluating).toHaveLength(1)
  expect(evaluating[0]).toMatch(/^render-/)
})

test('an encoder is no part of the runtime', () => {
  expect(Object.keys(meta.inputs)).not.toContain('src/runtime/encode.ts')
})
