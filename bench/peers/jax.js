/** jax-js on its WebAssembly backend: a few operations built by hand, on arrays that are there already; the result is read back. */
let ready

async function start() {
  // It asks for WebGPU by a name that Node 20 does not have.
  globalThis.navigator ??= {}
  const jax = await import('@jax-js/jax')
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  return jax
}

const random = ({ numpy }, shape) => numpy.array(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.random() - 0.5)).reshape(shape)

const FUNCTIONS = {
  product: (jax, { operands }) => [(x, w) => jax.numpy.matmul(x, w), ...operands.map(({ shape }) => random(jax, shape))],
  convolution: (jax, { extent, channels, out, kernel, stride, padding, activation }) => {
    const pad = [[padding, padding], [padding, padding]]
    const clip = activation === 'relu6' ? (y) => jax.numpy.clip(y, 0, 6) : (y) => jax.nn.relu(y)
    return [(x, w) => clip(jax.lax.convGeneralDilated(x, w, [stride, stride], pad)), random(jax, [1, channels, extent, extent]), random(jax, [out, channels, kernel, kernel])]
  },
  softmax: (jax, { shape }) => [(x) => jax.nn.softmax(x, -1), random(jax, shape)],
  elementwise: (jax, { name, inputs, shape }) => {
    const { numpy, nn } = jax, f = { add: (x, y) => numpy.add(x, y), tanh: (x) => numpy.tanh(x), exp: (x) => numpy.exp(x), sigmoid: (x) => nn.sigmoid(x) }[name]
    return [f, ...Array.from({ length: inputs }, () => random(jax, shape))]
  },
}

/** A compiled run of an operation; its time holds that of reading the result. */
export async function jaxRun(spec) {
  // Where there are workers (tfjs defines them as browsers do) it takes as many as there are cores, and fails to start them in Node.
  globalThis.Worker = undefined
  const jax = await (ready ??= start())
  const [f, ...operands] = FUNCTIONS[spec.kind](jax, spec)
  const compiled = jax.jit(f)
  return async () => compiled(...operands.map((x) => x.ref)).data()
}
