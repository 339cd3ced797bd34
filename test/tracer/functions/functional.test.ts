import { describe, expect, it } from 'vitest'
import { ones, tensor, zeros } from '../../../src/tracer/creation.js'
import * as f from '../../../src/tracer/functions/functional.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from '../numeric-gradient.js'
import { all, doubles, expectNumbers, expectRefusal, ints, numbers, seeded } from './values.js'

const HERE = 'functional.test.ts'

describe('activations', () => {
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
  const formulas: Readonly<Record<string, readonly [(x: Tensor) => Tensor, (x: number) => number]>> = {
    celu: [(x) => f.celu(x, 2), (x) => Math.max(0, x) + Math.min(0, 2 * Math.expm1(x / 2))], threshold: [(x) => f.threshold(x, 0.5, -7), (x) => (x > 0.5 ? x : -7)], thresholdToZero: [(x) => f.threshold(x, 0.5, 0), (x) => (x > 0.5 ? x : 0)],
    hardshrink: [(x) => f.hardshrink(x), (x) => (Math.abs(x) > 0.5 ? x : 0)], softshrink: [(x) => f.softshrink(x, 0.3), (x) => Math.sign(x) * Math.max(0, Math.abs(x) - 0.3)], tanhshrink: [f.tanhshrink, (x) => x - Math.tanh(x)],
    logsigmoid: [f.logsigmoid, (x) => Math.log(sigmoid(x))], softplus: [(x) => f.softplus(x, 3), (x) => Math.log1p(Math.exp(3 * x)) / 3], silu: [f.silu, (x) => x * sigmoid(x)], relu6: [f.relu6, (x) => Math.min(6, Math.max(0, x))],
    hardtanh: [(x) => f.hardtanh(x, -0.5, 0.25), (x) => Math.min(0.25, Math.max(-0.5, x))], hardsigmoid: [f.hardsigmoid, (x) => Math.max(0, Math.min(1, x / 6 + 0.5))], hardswish: [f.hardswish, (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))],
    mish: [f.mish, (x) => x * Math.tanh(Math.log1p(Math.exp(x)))], softsign: [f.softsign, (x) => x / (1 + Math.abs(x))], elu: [(x) => f.elu(x, 1.5), (x) => (x < 0 ? 1.5 * Math.expm1(x) : x)], leakyRelu: [(x) => f.leakyRelu(x, 0.2), (x) => (x < 0 ? 0.2 * x : x)],
    selu: [f.selu, (x) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x)],
  }
  it.each(Object.entries(formulas))('%s is its formula', (_, [fn, formula]) => {
    const x = seeded([4, 5], 3, [-4, 8])
    expectNumbers(fn(x), numbers(x).map(formula), 1e-11)
  })

  it('logsigmoid does not overflow, and glu halves an axis', () => {
    expectNumbers(f.logsigmoid(doubles([-1000, 1000])), [-1000, 0])
    expect(numbers(f.glu(tensor([[2, 4, 0, 0]])))).toEqual([1, 2])
    expectRefusal(() => f.glu(zeros([3])), 'shape-mismatch', /halves/, HERE)
  })
})

describe('pools', () => {
  const image = (): Tensor => tensor(Array.from({ length: 16 }, (_, i) => i)).view(1, 1, 4, 4)

  it('take batches and single images, of one to three axes', () => {
    expect(all(f.maxPool2d(image(), 2))).toEqual(['float32', [1, 1, 2, 2], [5, 7, 13, 15]])
    expect(all(f.avgPool2d(image().squeeze(0), 2))).toEqual(['float32', [1, 2, 2], [2.5, 4.5, 10.5, 12.5]])
    expect(all(f.maxPool1d(tensor([[1, 3, 2, 9]]), 2, { stride: 1 }))).toEqual(['float32', [1, 3], [3, 3, 9]])
    expect(all(f.maxPool3d(ones([1, 2, 4, 4, 4]), 2))[1]).toEqual([1, 2, 2, 2, 2])
    expect(numbers(f.avgPool3d(ones([1, 1, 2, 2, 2]), 2))).toEqual([1])
    expectRefusal(() => f.maxPool2d(zeros([4]), 2), 'shape-mismatch', /maxPool2d takes \[batch, channels, …\]/, HERE)
  })

  it('count zeros of the padding in means unless told not to', () => {
    const x = ones([1, 1, 2])
    expect(numbers(f.avgPool1d(x, 2, { stride: 1, padding: 1 }))).toEqual([0.5, 1, 0.5])
    expect(numbers(f.avgPool1d(x, 2, { stride: 1, padding: 1, countIncludePad: false }))).toEqual([1, 1, 1])
  })

  it('adaptive ones cover the input, or say that they cannot', () => {
    expect(numbers(f.adaptiveAvgPool2d(image(), [2, 1]))).toEqual([3.5, 11.5])
    expect(numbers(f.adaptiveMaxPool2d(image(), 1))).toEqual([15])
    expect(numbers(f.adaptiveAvgPool1d(tensor([[[1, 3, 5, 7]]]), 2))).toEqual([2, 6])
    expectRefusal(() => f.adaptiveAvgPool2d(image(), 3), 'unsupported-op', /does not divide/, HERE)
  })
})

describe('normalisation', () => {
  it('instanceNorm and normalize: by hand', () => {
    expectNumbers(f.instanceNorm(doubles([[[1, 3], [5, 9]]]), null, null, 0), [-1, 1, -1, 1])
    expectNumbers(f.normalize(doubles([[3, 4], [0, 0]])), [0.6, 0.8, 0, 0])
  })

  it('localResponseNorm looks at torch’s channels for even sizes too', () => {
    const x = [1, 2, 3, 4], formula = (size: number): number[] => x.map((v, c) => {
      const squares = x.reduce((s, w, i) => s + (i >= c - Math.floor(size / 2) && i <= c + Math.floor((size - 1) / 2) ? w * w : 0), 0)
      return v / (2 + (0.5 / size) * squares) ** 0.75
    })
    for (const size of [1, 2, 3, 4]) expectNumbers(f.localResponseNorm(doubles([x.map((v) => [v])]), size, 0.5, 0.75, 2), formula(size))
  })
})

describe('losses', () => {
  const log = Math.log

  it('nllLoss weighs classes, ignores one, and averages over the weights', () => {
    const p = doubles([[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]]), target = ints([2, 0, 1])
    expectNumbers(f.nllLoss(p, target), [(3 + 4 + 8) / 3])
    expectNumbers(f.nllLoss(p, target, { reduction: 'none' }), [3, 4, 8])
    expectNumbers(f.nllLoss(p, target, { weight: doubles([1, 2, 5]) }), [(15 + 4 + 16) / 8])
    expectNumbers(f.nllLoss(p, target, { ignoreIndex: 1 }), [3.5])
    expectNumbers(f.nllLoss(p, ints([2, -100, 1]), { reduction: 'sum' }), [11])
    expectNumbers(f.nllLoss(p.select(0, 0), ints([2]).select(0, 0)), [3])
  })

  it('crossEntropy is nllLoss of logSoftmax, of images too, smoothed, or against probabilities', () => {
    const logits = seeded([2, 3], 1), rows = [0, 1].map((r) => { const row = numbers(logits).slice(3 * r, 3 * r + 3), s = log(row.reduce((a, v) => a + Math.exp(v), 0)); return row.map((v) => v - s) })
    const [a, b] = rows as [number[], number[]], target = ints([1, 2])
    expectNumbers(f.crossEntropy(logits, target), [-((a[1] as number) + (b[2] as number)) / 2])
    const spread = -(a.reduce((x, y) => x + y) + b.reduce((x, y) => x + y))
    expectNumbers(f.crossEntropy(logits, target, { labelSmoothing: 0.3, reduction: 'sum' }), [-0.7 * ((a[1] as number) + (b[2] as number)) + 0.1 * spread])
    expectNumbers(f.crossEntropy(logits, target, { labelSmoothing: 0.3 }), [(-0.7 * ((a[1] as number) + (b[2] as number)) + 0.1 * spread) / 2])
    expectNumbers(f.crossEntropy(logits, doubles([[0.5, 0.5, 0], [0, 0, 1]])), [-(0.5 * (a[0] as number) + 0.5 * (a[1] as number) + (b[2] as number)) / 2])
    const image = logits.view(2, 3, 1)
    expectNumbers(f.crossEntropy(image, target.view(2, 1), { reduction: 'none' }), [-(a[1] as number), -(b[2] as number)])
    expectNumbers(f.crossEntropy(logits, target, { weight: doubles([9, 1, 3]) }), [-((a[1] as number) + 3 * (b[2] as number)) / 4])
  })

  it('the others are their formulas', () => {
    const x = doubles([0, 1, 3]), y = doubles([1, 1, 0])
    expectNumbers(f.mseLoss(x, y), [10 / 3])
    expectNumbers(f.l1Loss(x, y, { reduction: 'sum' }), [4])
    expectNumbers(f.huberLoss(x, y, { delta: 2, reduction: 'none' }), [0.5, 0, 4])
    expectNumbers(f.smoothL1Loss(x, y, { beta: 2, reduction: 'none' }), [0.25, 0, 2])
    expectNumbers(f.smoothL1Loss(x, y, { beta: 0, reduction: 'none' }), [1, 0, 3])
    expectNumbers(f.binaryCrossEntropy(doubles([0.5, 0.25, 0]), doubles([1, 0, 1]), { reduction: 'none' }), [log(2), -log(0.75), 100])
    expectNumbers(f.binaryCrossEntropyWithLogits(doubles([0, 2, 1000]), doubles([1, 0, 1]), { reduction: 'none' }), [log(2), 2 + Math.log1p(Math.exp(-2)), 0])
    expectNumbers(f.binaryCrossEntropyWithLogits(doubles([0]), doubles([1]), { posWeight: doubles([3]) }), [3 * log(2)])
    expectNumbers(f.klDiv(doubles([log(0.5), log(0.5)]), doubles([1, 0]), { reduction: 'sum' }), [log(2)])
    expectNumbers(f.klDiv(doubles([[log(0.5)]]), doubles([[log(0.25)]]), { logTarget: true, reduction: 'batchmean' }), [0.25 * (log(0.25) - log(0.5))])
    expectNumbers(f.cosineSimilarity(doubles([[1, 0], [1, 1]]), doubles([[1, 1], [-1, -1]])), [Math.SQRT1_2, -1])
    expectRefusal(() => f.mseLoss(x, y, { reduction: 'max' as never }), 'bad-attribute', /not mean, sum or none/, HERE)
  })

  it('have the gradients of differences', () => {
    const target = ints([1, 2]), wanted = seeded([2, 3], 9, [0.1, 0.9]), losses: Readonly<Record<string, (x: Tensor) => Tensor>> = {
      nllLoss: (x) => f.nllLoss(x, target, { weight: doubles([1, 2, 3]) }), crossEntropy: (x) => f.crossEntropy(x, target, { labelSmoothing: 0.1 }), soft: (x) => f.crossEntropy(x, wanted), huber: (x) => f.huberLoss(x, wanted), bce: (x) => f.binaryCrossEntropy(x.sigmoid(), wanted),
      logits: (x) => f.binaryCrossEntropyWithLogits(x, wanted), klDiv: (x) => f.klDiv(x, wanted), cosine: (x) => f.cosineSimilarity(x, wanted), glu: (x) => f.glu(x.t()), normalize: (x) => f.normalize(x), softshrink: (x) => f.softshrink(x, 0.01), interpolate: (x) => f.interpolate(x.unsqueeze(0), { size: 5, mode: 'linear' }),
    }
    for (const [name, fn] of Object.entries(losses)) expectGradients(([x]) => weightedSum([fn(x as Tensor)]), [leaf([2, 3], 4)], name)
  })
})

describe('interpolate', () => {
  const row = (): Tensor => tensor([[[0, 1, 2, 3]]])

  it('nearest repeats, and linear weighs by torch’s two rules', () => {
    expect(numbers(f.interpolate(row(), { scaleFactor: 2 }))).toEqual([0, 0, 1, 1, 2, 2, 3, 3])
    expect(numbers(f.interpolate(row(), { size: 3 }))).toEqual([0, 1, 2])
    expect(numbers(f.interpolate(row(), { size: 3, mode: 'nearest-exact' }))).toEqual([0, 2, 3])
    expectNumbers(f.interpolate(row(), { size: 2, mode: 'linear' }), [0.5, 2.5], 1e-6)
    expectNumbers(f.interpolate(row(), { size: 7, mode: 'linear', alignCorners: true }), [0, 0.5, 1, 1.5, 2, 2.5, 3], 1e-6)
  })

  it('bilinear is of two axes, and a factor rounds extents down', () => {
    expect(f.interpolate(zeros([1, 2, 5, 5]), { scaleFactor: 1.5, mode: 'bilinear' }).shape).toEqual([1, 2, 7, 7])
    expectNumbers(f.interpolate(tensor([[[[0, 1], [2, 3]]]]), { size: [3, 3], mode: 'bilinear', alignCorners: true }), [0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3], 1e-6)
  })

  it('refuses what does not go together, with the caller’s line', () => {
    expectRefusal(() => f.interpolate(row(), { size: 2, mode: 'bilinear' }), 'bad-attribute', /not for an input of 3 axes/, HERE)
    expectRefusal(() => f.interpolate(row(), {}), 'bad-attribute', /either size or scaleFactor/, HERE)
    expectRefusal(() => f.interpolate(row(), { size: 2, alignCorners: true }), 'bad-attribute', /says nothing/, HERE)
    expectRefusal(() => f.interpolate(row(), { scaleFactor: -1 }), 'bad-attribute', /scale of -1/, HERE)
  })
})

it('wrong shapes given to layers’ functions are refused with the caller’s line', () => {
  expectRefusal(() => f.conv2d(zeros([1, 3, 4, 4]), zeros([2, 4, 3, 3])), 'shape-mismatch', /channels/, HERE)
  expectRefusal(() => f.conv1d(zeros([3]), zeros([2, 3, 1])), 'shape-mismatch', /conv1d takes/, HERE)
  expectRefusal(() => f.layerNorm(zeros([2, 3]), [2]), 'shape-mismatch', /last axes/, HERE)
  expectRefusal(() => f.embedding(ints([9]), zeros([4, 2])), 'index-out-of-range', /9/, HERE)
  expectRefusal(() => f.dropout(zeros([2]), 1.5), 'bad-attribute', /1.5/, HERE)
  expectRefusal(() => f.linear(zeros([2, 3]), zeros([4, 2])), 'shape-mismatch', /2|3/, HERE)
})
