/** onnxruntime-web (WebAssembly) and onnxruntime-node (native) as contestants. */
const toTensors = (ort, feeds) => Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, new ort.Tensor(t.dtype, t.data, t.shape)]))
const toHost = (outputs) => Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, { dtype: t.type, shape: t.dims, data: t.data }]))

async function contestant(ort, bytes, feeds, options) {
  const session = await ort.InferenceSession.create(bytes, options)
  const tensors = toTensors(ort, feeds)
  return {
    run: () => session.run(tensors),
    outputs: async () => toHost(await session.run(tensors)),
    end: () => session.release(),
  }
}

/** onnxruntime-web on so many threads; a process can have one number only. */
export async function webContestant(bytes, feeds, threads) {
  const ort = await import('onnxruntime-web')
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'error'
  return contestant(ort, bytes, feeds, { executionProviders: ['wasm'] })
}

/** onnxruntime-node on so many threads. */
export async function nativeContestant(bytes, feeds, threads) {
  const { default: ort } = await import('onnxruntime-node')
  return contestant(ort, bytes, feeds, { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 })
}
