/**
 * A transformer block and a small convolutional network written with `nn`: do onnxruntime-node (through `toOnnx`) and every
 * compiled target give what the eager layers give? Compares at several sizes, within 1e-5 of the peak.
 *
 *   npm run build && cd bench && npm ci --ignore-scripts && npm run nn-agree
 */
import ort from 'onnxruntime-node'
import { compareTensors, compile, inferenceMode, load, manualSeed, nn, randn, TARGETS, toOnnx, trace } from '../dist/src/index.js'

const TOLERANCE = 1e-5

class Block extends nn.Module {
  attention = new nn.MultiheadAttention(32, 4, { batchFirst: true })
  norm1 = new nn.LayerNorm(32)
  norm2 = new nn.LayerNorm(32)
  feed = new nn.Sequential(new nn.Linear(32, 64), new nn.GELU(), new nn.Linear(64, 32))

  forward(x) {
    const y = x.add(this.attention.forward(this.norm1.forward(x))[0])
    return y.add(this.feed.forward(this.norm2.forward(y)))
  }
}

class SmallCnn extends nn.Module {
  features = new nn.Sequential(new nn.Conv2d(3, 8, 3, { padding: 1 }), new nn.BatchNorm2d(8), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Conv2d(8, 8, 3, { stride: 2, padding: 1, groups: 4 }), new nn.SiLU())
  head = new nn.Sequential(new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(8, 5))

  forward(x) { return this.head.forward(this.features.forward(x)).softmax(-1) }
}

manualSeed(1)
const cases = [
  { name: 'transformer block', model: new Block().eval(), spec: ['batch', 'positions', 32], shapes: [[1, 1, 32], [2, 7, 32], [3, 20, 32]] },
  { name: 'small cnn', model: new SmallCnn().eval(), spec: ['batch', 3, 16, 16], shapes: [[1, 3, 16, 16], [5, 3, 16, 16]] },
]
let passed = 0, failed = 0
const report = (name, on, shape, difference) => {
  const ok = difference.ofPeak <= TOLERANCE
  if (ok) passed++
  else failed++
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(18)} ${on.padEnd(12)} ${shape.join('×').padEnd(12)} ${difference.ofPeak.toExponential(1)} of the peak${ok ? '' : `  (${difference.what})`}`)
}
for (const { name, model, spec, shapes } of cases) {
  const graph = inferenceMode(() => trace((x) => model.forward(x), [{ shape: spec }], { names: ['x'] }))
  const session = await ort.InferenceSession.create(toOnnx(graph))
  const programs = await Promise.all(TARGETS.map(async (target) => ({ target, session: await load((await compile(graph, { target })).data) })))
  for (const [i, shape] of shapes.entries()) {
    const x = randn(shape, { seed: i + 1 })
    const expected = inferenceMode(() => model.forward(x))
    const feed = new ort.Tensor('float32', x.data, shape)
    const [y] = Object.values(await session.run({ x: feed }))
    report(name, 'onnxruntime', shape, compareTensors('y', expected, { dtype: y.type, shape: y.dims, data: y.data }))
    for (const p of programs) report(name, p.target, shape, compareTensors('y', expected, Object.values(await p.session.run({ x }))[0]))
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
