/**
 * One model on WebGPU in a browser's pages, Ingot and onnxruntime-web: from the start of navigation to the first result with a
 * browser of its own each time, what a run asks of the device, and runs in turns.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { launchBrowser, serve } from '../browser.js'
import { finishJob, readJob } from '../job.js'
import { compareTensors, compile, storageOf } from '../../dist/src/index.js'
import { median } from '../measure.js'
import { readFeeds, readModel } from '../model-folder.js'
import { bundleRuntime } from '../runtime-bundle.js'

const NAMES = ['ingot', 'onnxruntime'], MODELS = ['program.ingot', 'model.onnx']
/** The longest that anything in a page may take. */
const PATIENCE_MS = 200_000
const { model, visits, seconds } = readJob()
const onnx = readModel(model), program = await compile(onnx, { target: 'wgsl' }), feeds = readFeeds(model, program.data.header.inputs)
const sent = Object.fromEntries(Object.entries(feeds).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, base64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') }]))
const files = await siteFiles(), server = await serve(files)

async function siteFiles() {
  const ort = dirname(createRequire(import.meta.url).resolve('onnxruntime-web')), read = (path) => readFileSync(new URL(`../page/${path}`, import.meta.url))
  const files = new Map([['program.ingot', program.encode()], ['model.onnx', onnx]])
  for (const [name, bytes] of (await bundleRuntime()).files) files.set(`ingot/${name}`, bytes)
  for (const name of ['ort.jspi.bundle.min.mjs', 'ort-wasm-simd-threaded.jspi.mjs', 'ort-wasm-simd-threaded.jspi.wasm']) files.set(`ort/${name}`, readFileSync(join(ort, name)))
  for (const name of ['contest.js', 'count-gpu.js', ...NAMES.map((n) => `${n}.js`)]) files.set(`page/${name}`, read(name))
  for (const name of NAMES) files.set(`${name}.html`, Buffer.from(`<!doctype html><link rel="icon" href="data:,"><script>globalThis.feeds = ${JSON.stringify(sent)}</script><script type="module" src="page/${name}.js"></script>`))
  return files
}

/** A page of the contestant's after its first result, in a browser of its own; milliseconds to that, and what was downloaded (page and feeds left out). */
async function visit(name) {
  const browser = await launchBrowser(), page = await browser.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  server.served.clear()
  await page.goto(`${server.url}${name}.html`)
  const firstMs = await page.evaluate('bench.opened')
  const served = [...server.served.keys()].filter((path) => !path.startsWith('page/') && !path.endsWith('.html'))
  return { browser, page, firstMs, code: served.filter((path) => !MODELS.includes(path)), model: served.filter((path) => MODELS.includes(path)) }
}

/** Bytes of files as they are and compressed. */
function sizesOf(paths) {
  const all = paths.map((path) => files.get(path))
  return { bytes: all.reduce((sum, f) => sum + f.length, 0), gzipBytes: all.reduce((sum, f) => sum + gzipSync(f).length, 0) }
}

/** Times to first results, over more visits where the first ones are short, and pages to go on with. */
async function openBoth() {
  const pages = {}, cold = {}
  for (let i = 0; i < visits && (i === 0 || NAMES.every((name) => cold[name].all[0] * visits < 1000 * seconds)); i++) for (const name of NAMES) {
    const { browser, page, firstMs, code, model } = await visit(name)
    cold[name] ??= { all: [], code: sizesOf(code), model: sizesOf(model) }
    cold[name].all.push(firstMs)
    if (i === 0) pages[name] = { browser, page }
    else await browser.close()
  }
  return { pages, cold }
}

/** What a run asks of the device once the shapes are known, its outputs, and times in turns: as many turns as fit in the time, two at least. */
async function runBoth(pages) {
  const counts = {}, outputs = {}, times = {}, each = {}
  for (const name of NAMES) {
    each[name] = Math.min(...await pages[name].page.evaluate('bench.time(1)'))
    const counted = await pages[name].page.evaluate('bench.count()')
    counts[name] = counted.counts
    outputs[name] = counted.outputs
    times[name] = []
  }
  const end = performance.now() + 1000 * seconds
  for (let turn = 0; turn < 30 && (turn < 2 || performance.now() < end); turn++) for (const name of NAMES) times[name].push(...await pages[name].page.evaluate(`bench.time(${Math.max(1, Math.min(20, Math.floor(100 / each[name])))})`))
  return { counts, times: Object.fromEntries(NAMES.map((name) => [name, { ms: median(times[name]), best: Math.min(...times[name]), runs: times[name].length }])), worst: farthest(outputs) }
}

/** The largest difference between the two, relative to the peak of each output. */
function farthest({ ingot, onnxruntime }) {
  const decode = ({ dtype, shape, base64 }) => ({ dtype, shape, data: storageOf(dtype, new Uint8Array(Buffer.from(base64, 'base64'))) })
  return Math.max(...Object.keys(onnxruntime).map((name) => compareTensors(name, decode(onnxruntime[name]), decode(ingot[name])).ofPeak))
}

const { pages, cold } = await openBoth(), warm = await runBoth(pages)
for (const { browser } of Object.values(pages)) await browser.close()
server.close()
for (const c of Object.values(cold)) c.firstMs = median(c.all)
finishJob({ name: model.name, cold, ...warm })
