/** Bytes that a page downloads to run models, before there is a model: Ingot's runtime and onnxruntime-web's files. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { finishJob } from '../job.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { build } = createRequire(join(root, 'package.json'))('esbuild')
const bundle = await build({ entryPoints: ['src/runtime/index.ts'], absWorkingDir: root, bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', outdir: 'out', write: false, splitting: true, metafile: true })

/** Output files that loading `path` loads at once. */
function loadedWith(path, seen = new Set()) {
  if (seen.has(path)) return seen
  seen.add(path)
  for (const { path: next, kind } of bundle.metafile.outputs[path].imports) if (kind === 'import-statement') loadedWith(next, seen)
  return seen
}
const entry = loadedWith('out/index.js')
const runtime = bundle.outputFiles.filter((file) => [...entry].some((path) => file.path.endsWith(path))).map((file) => file.contents)

const ort = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'))
const web = ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'].map((name) => readFileSync(join(ort, name)))

const sizesOf = (files) => ({
  bytes: files.reduce((sum, f) => sum + f.length, 0),
  gzipBytes: files.reduce((sum, f) => sum + gzipSync(f, { level: 9 }).length, 0),
})
finishJob({ runtime: sizesOf(runtime), web: sizesOf(web) })
