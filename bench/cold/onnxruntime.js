/** A whole process that loads a model with onnxruntime (`which`: web or node) and runs it. */
import { readFileSync } from 'node:fs'

const { which, model, feeds, runs } = JSON.parse(process.argv[2])
const module = await import(`onnxruntime-${which}`), ort = module.default ?? module
if (which === 'web') {
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
}
const options = which === 'web' ? { executionProviders: ['wasm'] } : { intraOpNumThreads: 1, interOpNumThreads: 1 }
const session = await ort.InferenceSession.create(readFileSync(model), options)
const fed = JSON.parse(readFileSync(feeds, 'utf8'))
const ARRAYS = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array, bool: Uint8Array }
const inputs = Object.fromEntries(Object.entries(fed).map(([name, { dtype, shape, base64 }]) => [name, new ort.Tensor(dtype, new ARRAYS[dtype](Uint8Array.from(Buffer.from(base64, 'base64')).buffer), shape)]))
await session.run(inputs)
process.stdout.write('first\n')
for (let i = 1; i < runs; i++) await session.run(inputs)
process.stdout.write(`${process.resourceUsage().maxRSS}\n`)
process.exit(0)
