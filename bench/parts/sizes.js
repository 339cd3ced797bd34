/** Bytes that a page downloads to run models, before there is a model: Ingot's runtime and onnxruntime-web's files. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { finishJob } from '../job.js'
import { bundleRuntime } from '../runtime-bundle.js'

const { files, entry } = await bundleRuntime()
const runtime = entry.map((name) => files.get(name))

const ort = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'))
const web = ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'].map((name) => readFileSync(join(ort, name)))

const sizesOf = (list) => ({
  bytes: list.reduce((sum, f) => sum + f.length, 0),
  gzipBytes: list.reduce((sum, f) => sum + gzipSync(f, { level: 9 }).length, 0),
})
finishJob({ runtime: sizesOf(runtime), web: sizesOf(web) })
