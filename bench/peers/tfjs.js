/** tfjs-wasm: it loads no ONNX, so a few operations are built by hand, on tensors that are there already; the result is read back. */
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'

let ready

async function start() {
  const require = createRequire(import.meta.url)
  const tf = require('@tensorflow/tfjs-core'), { setThreadsCount, setWasmPaths } = require('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  setThreadsCount(1)
  await tf.setBackend('wasm')
  return tf
}

const BUILD = {
  product(tf, { operands: [a, b] }) {
    const x = tf.randomUniform(a.shape, -1, 1), w = tf.randomUniform(b.shape, -1, 1)
    return () => tf.matMul(x, w)
  },
  convolution(tf, { extent, channels, out, kernel, stride, padding, activation }) {
    const x = tf.randomUniform([1, extent, extent, channels]), filter = tf.randomUniform([kernel, kernel, channels, out]), bias = tf.randomUniform([out])
    return () => tf.fused.conv2d({ x, filter, bias, strides: stride, pad: padding, activation })
  },
  depthwise(tf, { extent, channels, kernel, stride, padding, activation }) {
    const x = tf.randomUniform([1, extent, extent, channels]), filter = tf.randomUniform([kernel, kernel, channels, 1]), bias = tf.randomUniform([channels])
    return () => tf.fused.depthwiseConv2d({ x, filter, bias, strides: stride, pad: padding, activation })
  },
  softmax(tf, { shape }) {
    const x = tf.randomUniform(shape)
    return () => tf.softmax(x)
  },
  elementwise(tf, { name, inputs, shape }) {
    const xs = Array.from({ length: inputs }, () => tf.randomUniform(shape))
    return () => tf[name](...xs)
  },
}

/** A run of an operation; its time holds that of reading the result. */
export async function tfjsRun(spec) {
  const tf = await (ready ??= start())
  const apply = BUILD[spec.kind](tf, spec)
  return () => {
    const y = apply()
    const data = y.dataSync()
    y.dispose()
    return data
  }
}
