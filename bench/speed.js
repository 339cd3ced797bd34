/**
 * How fast is Ingot beside onnxruntime? Runs every model of a folder on Ingot's targets, onnxruntime-web (WebAssembly) and
 * onnxruntime-node (native), one thread each, in turns in one process, and prints medians and ratios.
 *
 *   npm run build && cd bench && npm ci --ignore-scripts
 *   npm run speed -- ../../shared/models [--filter re] [--rounds 7] [--json]
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import ortNode from 'onnxruntime-node'
import * as ortWeb from 'onnxruntime-web'
import { compile, decodeTensorProto, load } from '../dist/src/index.js'

const args = process.argv.slice(2)
const option = (name, absent) => (args.includes(name) ? args[args.indexOf(name) + 1] : absent)
const folder = args[0]
if (folder === undefined || folder.startsWith('--')) {
  console.error('usage: npm run speed -- FOLDER [--filter re] [--rounds n] [--json]')
  process.exit(2)
}
const rounds = Number(option('--rounds', '7'))
const filter = new RegExp(option('--filter', ''))
ortWeb.env.wasm.numThreads = 1
ortWeb.env.logLevel = 'error'

const median = (xs) => xs.toSorted((a, b) => a - b)[xs.length >> 1]

function readModel(name) {
  const packed = join(folder, name, 'model.onnx.gz'), plain = join(folder, name, 'model.onnx')
  return existsSync(packed) ? gunzipSync(readFileSync(packed)) : readFileSync(plain)
}

/** Milliseconds a run takes: as many runs as fill `least` milliseconds, averaged. */
async function time(run, least = 50) {
  let n = 0
  const start = performance.now()
  do { await run(); n++ } while (performance.now() - start < least)
  return (performance.now() - start) / n
}

async function contestants(bytes, path, feeds) {
  const program = await compile(path, { target: 'wasm' })
  const session = await load(program.data)
  const web = await ortWeb.InferenceSession.create(bytes, { executionProviders: ['wasm'] })
  const native = await ortNode.InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  const ortFeeds = (ort) => Object.fromEntries(Object.entries(feeds).map(([k, t]) => [k, new ort.Tensor(t.dtype, t.data, t.shape)]))
  const webFeeds = ortFeeds(ortWeb), nativeFeeds = ortFeeds(ortNode)
  return {
    runs: { ingot: () => session.runSync(feeds), web: () => web.run(webFeeds), native: () => native.run(nativeFeeds) },
    async end() { session.dispose(); await web.release(); await native.release() },
  }
}

const scratch = mkdtempSync(join(tmpdir(), 'ingot-speed-'))
const results = []
console.error(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, one thread, ${rounds} rounds in turns`)
for (const name of readdirSync(folder).filter((n) => filter.test(n) && (existsSync(join(folder, n, 'model.onnx.gz')) || existsSync(join(folder, n, 'model.onnx'))))) {
  const bytes = readModel(name), path = join(scratch, `${name}.onnx`)
  writeFileSync(path, bytes)
  const data = join(folder, name, 'test_data_set_0')
  const graphInputs = (await compile(path, { target: 'js' })).header.inputs
  const feeds = Object.fromEntries(graphInputs.map((p, i) => [p.name, decodeTensorProto(readFileSync(join(data, `input_${i}.pb`)))]))
  const { runs, end } = await contestants(bytes, path, feeds)
  const times = { ingot: [], web: [], native: [] }
  // Engines compile WebAssembly twice, the second time well, once functions have been called often enough.
  for (const run of Object.values(runs)) await time(run, 1000)
  for (let r = 0; r < rounds; r++) for (const who of Object.keys(runs)) times[who].push(await time(runs[who]))
  await end()
  const ms = Object.fromEntries(Object.entries(times).map(([who, xs]) => [who, median(xs)]))
  results.push({ name, ...ms, overWeb: ms.web / ms.ingot, overNative: ms.native / ms.ingot })
  console.log(`${name.padEnd(22)} ingot ${ms.ingot.toFixed(3).padStart(9)} ms   onnxruntime-web ${ms.web.toFixed(3).padStart(9)} ms = ${(ms.web / ms.ingot).toFixed(2)}×   onnxruntime-node ${ms.native.toFixed(3).padStart(9)} ms = ${(ms.native / ms.ingot).toFixed(2)}×`)
}
rmSync(scratch, { recursive: true, force: true })
const mean = (key) => Math.exp(results.reduce((s, r) => s + Math.log(r[key]), 0) / results.length)
console.log(`geometric mean          ${mean('overWeb').toFixed(2)}× onnxruntime-web, ${mean('overNative').toFixed(2)}× onnxruntime-node`)
if (args.includes('--json')) writeFileSync('speed.json', `${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, rounds, results }, null, 2)}\n`)
