/**
 * Does onnxruntime-node agree that what Ingot exports is the model it read? Imports each model, runs all passes but the last,
 * exports the graph by `toOnnx`, and compares onnxruntime's outputs for the exported file with those for the original one.
 *
 *   npm run build && cd bench && npm ci --ignore-scripts && npm run export-agree -- --models ../../shared/models
 *   npm run export-agree -- --models ../../shared/models --opset 22
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import ort from 'onnxruntime-node'
import { compareTensors, decodeTensorProto, DEFAULT_PIPELINE, importOnnx, runPasses, toOnnx } from '../dist/src/index.js'

const TOLERANCE = 1e-5
const option = (name, absent) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : absent)
const folder = option('--models', '../../shared/models'), opset = Number(option('--opset', 21))
const passes = DEFAULT_PIPELINE.slice(0, DEFAULT_PIPELINE.indexOf('fuse'))

const toOrt = (t) => new ort.Tensor(t.dtype, t.data, t.shape)
const toHost = (t) => ({ dtype: t.type, shape: t.dims, data: t.data })

async function outputsOf(bytes, feeds) {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const outputs = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, toOrt(t)])))
  await session.release()
  return outputs
}

function feedsOf(name, graph) {
  const data = join(folder, name, 'test_data_set_0'), files = readdirSync(data).filter((f) => f.startsWith('input_'))
  return Object.fromEntries(files.map((_, i) => [graph.inputs[i].name, decodeTensorProto(readFileSync(join(data, `input_${i}.pb`)))]))
}

const models = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'model.onnx.gz')))
let failed = 0
for (const name of models) {
  const original = new Uint8Array(gunzipSync(readFileSync(join(folder, name, 'model.onnx.gz'))))
  try {
    const graph = runPasses(await importOnnx(original), passes)
    const exported = toOnnx(graph, { opset }), feeds = feedsOf(name, graph)
    const expected = await outputsOf(original, feeds), actual = await outputsOf(exported, feeds)
    const worst = Math.max(...Object.keys(expected).map((port) => compareTensors(port, toHost(expected[port]), toHost(actual[port])).ofPeak))
    const ok = worst <= TOLERANCE
    if (!ok) failed++
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(22)} ${String(graph.nodes.length).padStart(4)} nodes ${(exported.length / 2 ** 20).toFixed(1).padStart(6)} MiB ${worst.toExponential(1)} of the peak`)
  } catch (error) {
    failed++
    console.log(`FAIL ${name.padEnd(22)} ${error.message.split('\n')[0]}`)
  }
}
console.log(`${models.length - failed} agree, ${failed} do not (opset ${opset})`)
process.exitCode = failed === 0 ? 0 : 1
