import * as ort from '../ort/ort.jspi.bundle.min.mjs'
import { contest } from './contest.js'

contest(async (feeds) => {
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  const session = await ort.InferenceSession.create('../model.onnx', { executionProviders: ['webgpu'] })
  const tensors = Object.fromEntries(Object.entries(feeds).map(([name, { dtype, shape, data }]) => [name, new ort.Tensor(dtype, data, shape)]))
  return () => session.run(tensors)
}, (results) => Object.fromEntries(Object.entries(results).map(([name, { type, dims, data }]) => [name, { dtype: type, shape: dims, data }])))
