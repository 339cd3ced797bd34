/** Counts what a run asks of WebGPU, by wrapping the methods of its prototypes while the run lasts. */
const READ = 1

const byteCount = (data, offset = 0, size) => (ArrayBuffer.isView(data) ? (size ?? data.length - offset) * data.BYTES_PER_ELEMENT : (size ?? data.byteLength - offset))

/** What a call adds to the counts, by class and method. `uploaded`, `copied` and `read` are bytes. */
const CALLS = {
  GPUComputePassEncoder: { dispatchWorkgroups: () => ({ dispatches: 1 }), dispatchWorkgroupsIndirect: () => ({ dispatches: 1 }) },
  GPUQueue: {
    submit: () => ({ submits: 1 }),
    writeBuffer: (_self, [, , data, offset, size]) => ({ uploaded: byteCount(data, offset, size) }),
  },
  GPUCommandEncoder: {
    copyBufferToBuffer: (_self, [source, second, ...rest]) => ({ copied: typeof second === 'object' ? rest[0] ?? source.size : rest[2] ?? source.size - second }),
  },
  GPUBuffer: { mapAsync: (self, [mode, offset = 0, size]) => (mode === READ ? { read: size ?? self.size - offset } : {}) },
  GPUDevice: {
    createBuffer: (_self, [{ size, mappedAtCreation }]) => ({ buffers: 1, uploaded: mappedAtCreation === true ? size : 0 }),
    createBindGroup: () => ({ bindGroups: 1 }),
    createComputePipeline: () => ({ pipelines: 1 }),
    createComputePipelineAsync: () => ({ pipelines: 1 }),
  },
}

/** The counts of one run, and what it gives. */
export async function countRun(run) {
  const counts = { dispatches: 0, submits: 0, buffers: 0, bindGroups: 0, pipelines: 0, uploaded: 0, copied: 0, read: 0 }, undo = []
  for (const [name, methods] of Object.entries(CALLS)) for (const [method, added] of Object.entries(methods)) {
    const { prototype } = globalThis[name], original = prototype[method]
    prototype[method] = function (...args) {
      for (const [key, value] of Object.entries(added(this, args))) counts[key] += value
      return original.apply(this, args)
    }
    undo.push(() => { prototype[method] = original })
  }
  try {
    return { counts, result: await run() }
  } finally {
    for (const restore of undo) restore()
  }
}
