import { describe, expect, it } from 'vitest'
import { functional, IngotError, inferenceMode, manualSeed, nn, optim, ones, randn, readSafetensors, tensor, toNumbers, writeSafetensors, zeros, type HostTensor, type Tensor } from '../../src/index.js'
import { expectClose, expectEveryWay } from './every-way.js'
import { attend, gruSteps, lstmSteps, type Cell, type Matrix } from './torch-by-hand.js'

const rows = (t: HostTensor): Matrix => {
  const flat = Array.from(toNumbers(t)), width = t.shape.at(-1) ?? 1
  return Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width))
}
const flat = (t: HostTensor): number[] => Array.from(toNumbers(t))

/** A transformer encoder's block, as users write one. */
class Block extends nn.Module {
  readonly attention = new nn.MultiheadAttention(8, 2, { batchFirst: true })
  readonly norm1 = new nn.LayerNorm(8)
  readonly norm2 = new nn.LayerNorm(8)
  readonly feed = new nn.Sequential(new nn.Linear(8, 16), new nn.GELU(), new nn.Dropout(0.1), new nn.Linear(16, 8))

  forward(x: Tensor): Tensor {
    const y = x.add(this.attention.forward(this.norm1.forward(x))[0])
    return y.add(this.feed.forward(this.norm2.forward(y)))
  }
}

/** A small network for pictures. */
class SmallCnn extends nn.Module {
  readonly features = new nn.Sequential(new nn.Conv2d(3, 8, 3, { padding: 1 }), new nn.BatchNorm2d(8), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Conv2d(8, 8, 3, { stride: 2, padding: 1, groups: 4 }), new nn.SiLU())
  readonly head = new nn.Sequential(new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(8, 5))

  forward(x: Tensor): Tensor { return this.head.forward(this.features.forward(x)).softmax(-1) }
}

describe('models written with nn', () => {
  it('a transformer block gives the same eagerly, traced on every target and through ONNX, at every size', async () => {
    manualSeed(1)
    const block = new Block().eval()
    await expectEveryWay((x) => block.forward(x as Tensor), [{ shape: ['batch', 'positions', 8] }], [[1, 1], [2, 3], [3, 7]].map(([b, p]) => [randn([b as number, p as number, 8], { seed: 3 })]))
  })

  it('a small network for pictures gives the same eagerly, traced on every target and through ONNX, at every size', async () => {
    manualSeed(2)
    const cnn = new SmallCnn()
    cnn.forward(randn([4, 3, 8, 8], { seed: 1 }))
    cnn.eval()
    await expectEveryWay((x) => cnn.forward(x as Tensor), [{ shape: ['batch', 3, 8, 8] }], [1, 2, 5].map((n) => [randn([n, 3, 8, 8], { seed: n })]))
  })

  it('every other layer gives the same eagerly and traced on every target', async () => {
    manualSeed(3)
    const layers: readonly (readonly [nn.Layer, readonly (number | string)[], readonly number[]])[] = [
      [new nn.Sequential(new nn.Conv1d(4, 6, 3, { padding: 'same', dilation: 2 }), new nn.BatchNorm1d(6), new nn.LeakyReLU(0.2)), ['n', 4, 9], [2, 4, 9]],
      [new nn.Sequential(new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1 }), new nn.GroupNorm(3, 6), new nn.Hardswish()), ['n', 4, 5, 3], [2, 4, 5, 3]],
      [new nn.Sequential(new nn.ConvTranspose1d(4, 2, 2, { stride: 2 }), new nn.Tanh(), new nn.MaxPool1d(2)), ['n', 4, 5], [2, 4, 5]],
      [new nn.Sequential(new nn.RMSNorm(6), new nn.ELU(), new nn.Softplus(), new nn.Mish(), new nn.Softsign(), new nn.SELU()), ['n', 6], [3, 6]],
      [new nn.Sequential(new nn.ReLU6(), new nn.Hardsigmoid(), new nn.Hardtanh(-0.5, 0.7), new nn.Sigmoid(), new nn.GELU('tanh'), new nn.Identity(), new nn.LogSoftmax(1)), ['n', 6], [3, 6]],
      [new nn.Sequential(new nn.AvgPool2d(2, { stride: 1, padding: 1 }), new nn.Softmax(1)), ['n', 3, 4, 4], [2, 3, 4, 4]],
    ]
    for (const [layer, spec, shape] of layers) {
      layer.eval()
      await expectEveryWay((x) => layer.forward(x as Tensor), [{ shape: spec }], [[randn(shape, { seed: 5 })]], { onnx: false })
    }
  })
})

describe('layers with PyTorch\'s parameters compute what PyTorch documents', () => {
  const cellOf = (m: nn.Module, suffix: string): Cell => {
    const state = m.stateDict(), of = (name: string): Tensor => state[`${name}${suffix}`] as Tensor
    return { wih: rows(of('weight_ih')), whh: rows(of('weight_hh')), bih: flat(of('bias_ih')), bhh: flat(of('bias_hh')) }
  }

  it('LSTM: two layers, with first states', async () => {
    manualSeed(4)
    const lstm = new nn.LSTM(3, 4, { numLayers: 2 })
    const x = randn([5, 1, 3], { seed: 1 }), h0 = randn([2, 1, 4], { seed: 2 }), c0 = randn([2, 1, 4], { seed: 3 })
    const [y, [h, c]] = inferenceMode(() => lstm.forward(x, [h0, c0]))
    const first = lstmSteps(cellOf(lstm, '_l0'), rows(x), rows(h0)[0] ?? [], rows(c0)[0] ?? [])
    const second = lstmSteps(cellOf(lstm, '_l1'), first.map((s) => s.h), rows(h0)[1] ?? [], rows(c0)[1] ?? [])
    expectClose([y, h, c], [
      tensor(second.map((s) => [s.h])), tensor([[first.at(-1)?.h ?? []], [second.at(-1)?.h ?? []]]), tensor([[first.at(-1)?.c ?? []], [second.at(-1)?.c ?? []]]),
    ], 'LSTM')
    await expectEveryWay((a) => lstm.forward(a as Tensor), [{ shape: ['time', 'batch', 3] }], [[randn([4, 2, 3], { seed: 1 })], [randn([1, 3, 3], { seed: 1 })]])
  })

  it('GRU: both directions, batch first', async () => {
    manualSeed(5)
    const gru = new nn.GRU(3, 4, { bidirectional: true, batchFirst: true })
    const x = randn([1, 5, 3], { seed: 1 }), zero = [0, 0, 0, 0]
    const [y, h] = inferenceMode(() => gru.forward(x))
    const forth = gruSteps(cellOf(gru, '_l0'), rows(x), zero), back = gruSteps(cellOf(gru, '_l0_reverse'), [...rows(x)].reverse(), zero)
    expectClose([y, h], [tensor([forth.map((f, t) => [...f, ...(back[4 - t] ?? [])])]), tensor([[forth[4] ?? []], [back[4] ?? []]])], 'GRU')
    await expectEveryWay((a) => gru.forward(a as Tensor), [{ shape: ['batch', 'time', 3] }], [[randn([2, 4, 3], { seed: 1 })]])
  })

  it('MultiheadAttention: with causal and padding masks, positions first or batch first', () => {
    manualSeed(6)
    const attention = new nn.MultiheadAttention(6, 3).eval(), first = new nn.MultiheadAttention(6, 3, { batchFirst: true }).eval()
    first.loadStateDict(attention.stateDict())
    const state = attention.stateDict(), x = randn([4, 1, 6], { seed: 1 })
    const wanted = (hidden: (i: number, j: number) => boolean): Tensor => tensor(attend(rows(x), rows(state['in_proj_weight'] as Tensor), flat(state['in_proj_bias'] as Tensor), rows(state['out_proj.weight'] as Tensor), flat(state['out_proj.bias'] as Tensor), 3, hidden).map((r) => [r]))
    const causal = tensor([[false, true, true, true], [false, false, true, true], [false, false, false, true], [false, false, false, false]])
    const padding = tensor([[false, false, true, false]])
    inferenceMode(() => {
      expectClose([attention.forward(x)[0]], [wanted(() => false)], 'plain')
      expectClose([attention.forward(x, x, x, { isCausal: true })[0], attention.forward(x, x, x, { attnMask: causal })[0]], [wanted((i, j) => j > i), wanted((i, j) => j > i)], 'causal')
      expectClose([attention.forward(x, x, x, { isCausal: true, keyPaddingMask: padding })[0]], [wanted((i, j) => j > i || j === 2)], 'causal and padded')
      const [y, weights] = first.forward(x.transpose(0, 1), x.transpose(0, 1).clone(), x.transpose(0, 1), { needWeights: true })
      expectClose([y.transpose(0, 1)], [wanted(() => false)], 'batch first')
      expect(flat((weights as Tensor).sum(-1))).toEqual([1, 1, 1, 1].map((one) => expect.closeTo(one, 5) as number))
    })
  })

  it('BatchNorm: statistics of the batch in training, which move the running ones; those in evaluation', () => {
    const norm = new nn.BatchNorm1d(2, { momentum: 0.5 })
    const x = tensor([[1, 10], [3, 30], [5, 80]])
    const y = norm.forward(x)
    // Channel 0: mean 3, variance 8/3; the running variance takes the unbiased 4.
    expect(flat(y).filter((_, i) => i % 2 === 0)).toEqual([-2, 0, 2].map((d) => expect.closeTo(d / Math.sqrt(8 / 3 + 1e-5), 5) as number))
    expect([flat(norm.running_mean as Tensor), flat(norm.running_var as Tensor)]).toEqual([[1.5, 20], [2.5, expect.closeTo(0.5 + 0.5 * 1300, 2)]])
    expect(norm.num_batches_tracked?.item()).toBe(1n)
    norm.eval()
    expect(flat(norm.forward(tensor([[1.5, 20]])))).toEqual([expect.closeTo(0, 6), expect.closeTo(0, 6)])
    expect(() => norm.forward(ones([2]))).toThrow(/takes tensors of 2 or 3 axes/)
  })

  it('Embedding: rows by number; the row of padding starts at zero and gets no gradient', () => {
    const table = new nn.Embedding(4, 2, { paddingIdx: 1 })
    table.forward(tensor([0, 1, 0], { dtype: 'int64' })).sum().backward()
    expect([flat(table.weight).slice(2, 4), flat(table.weight.grad as Tensor)]).toEqual([[0, 0], [2, 2, 0, 0, 0, 0, 0, 0]])
  })

  it('Dropout: scales what it keeps while training and does nothing else', () => {
    const dropout = new nn.Dropout(0.25), x = ones([1000])
    const kept = flat(dropout.forward(x))
    expect(new Set(kept.map((v) => Math.round(v * 1e5)))).toEqual(new Set([0, 133333]))
    expect(Math.abs(kept.filter((v) => v === 0).length - 250)).toBeLessThan(50)
    expect(dropout.eval().forward(x)).toBe(x)
  })

  it('crossEntropy: by hand', () => {
    const loss = functional.crossEntropy(tensor([[0, Math.log(3)], [0, 0]]), tensor([1, 0], { dtype: 'int64' }))
    expect(loss.item()).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 6)
  })
})

describe('the state of modules', () => {
  it('has PyTorch\'s names', () => {
    expect(Object.keys(new Block().stateDict()).sort()).toEqual([
      'attention.in_proj_bias', 'attention.in_proj_weight', 'attention.out_proj.bias', 'attention.out_proj.weight',
      'feed.0.bias', 'feed.0.weight', 'feed.3.bias', 'feed.3.weight', 'norm1.bias', 'norm1.weight', 'norm2.bias', 'norm2.weight',
    ])
    expect(Object.keys(new nn.BatchNorm2d(3).stateDict())).toEqual(['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'])
    expect(Object.keys(new nn.LSTM(2, 3, { bidirectional: true, bias: false }).stateDict())).toEqual(['weight_ih_l0', 'weight_hh_l0', 'weight_ih_l0_reverse', 'weight_hh_l0_reverse'])
    expect(new nn.GRU(2, 3).namedParameters().map(([name, t]) => `${name} ${t.shape.join('x')}`)).toEqual(['weight_ih_l0 9x2', 'weight_hh_l0 9x3', 'bias_ih_l0 9', 'bias_hh_l0 9'])
    expect(new nn.ConvTranspose2d(4, 6, 3, { groups: 2 }).weight.shape).toEqual([4, 3, 3, 3])
  })

  it('goes to another module by a state dict, also by way of a safetensors file', () => {
    manualSeed(7)
    const one = new SmallCnn(), two = new SmallCnn()
    one.forward(randn([4, 3, 8, 8], { seed: 1 }))
    two.loadStateDict(one.stateDict())
    const file = readSafetensors(writeSafetensors(Object.entries(one.stateDict())))
    const three = new SmallCnn()
    three.loadStateDict(file.tensors)
    const x = randn([2, 3, 8, 8], { seed: 2 })
    const [a, b, c] = [one, two, three].map((m) => flat(m.eval().forward(x)))
    expect([b, c]).toEqual([a, a])
  })

  it('is refused, and left as it is, where names or shapes differ', () => {
    const layer = new nn.Linear(2, 2), before = flat(layer.weight)
    const code = (fn: () => unknown): string => { try { fn(); return 'none' } catch (e) { return (e as IngotError).code } }
    expect(code(() => layer.loadStateDict({ weight: zeros([2, 2]) }))).toBe('state-dict-mismatch')
    expect(code(() => layer.loadStateDict({ weight: zeros([2, 2]), bias: zeros([2]), more: zeros([1]) }))).toBe('state-dict-mismatch')
    expect(code(() => layer.loadStateDict({ weight: zeros([2, 2]), bias: zeros([3]) }))).toBe('state-dict-mismatch')
    expect(flat(layer.weight)).toEqual(before)
    expect(layer.loadStateDict({ bias: zeros([2]), more: zeros([1]) }, { strict: false })).toEqual({ missing: ['weight'], unexpected: ['more'] })
    expect(flat(layer.bias as Tensor)).toEqual([0, 0])
  })

  it('starts as PyTorch starts it, the same for the same seed', () => {
    manualSeed(8)
    const layer = new nn.Linear(16, 200)
    manualSeed(8)
    expect(flat(new nn.Linear(16, 200).weight)).toEqual(flat(layer.weight))
    const spread = flat(layer.weight)
    expect([Math.min(...spread) >= -0.25, Math.max(...spread) < 0.25, Math.max(...spread) > 0.24]).toEqual([true, true, true])
    expect(flat(new nn.MultiheadAttention(4, 2).in_proj_bias as Tensor).concat(flat(new nn.BatchNorm2d(2).running_var as Tensor))).toEqual([...new Array<number>(12).fill(0), 1, 1])
  })

  it('turns to evaluation and back with all modules within', () => {
    const block = new Block()
    expect([block.eval().feed.layers.every((l) => !l.training), block.train().attention.training]).toEqual([true, true])
  })
})

describe('optimisers', () => {
  it('SGD with momentum and Adam take the steps that their definitions give', () => {
    const at = (make: (p: Tensor[]) => { step(): void; zeroGrad(): void }): number[] => {
      const p = tensor([1], { requiresGrad: true }), optimizer = make([p]), seen: number[] = []
      for (let i = 0; i < 2; i++) {
        optimizer.zeroGrad()
        p.mul(p).sum().backward()
        optimizer.step()
        seen.push(p.item() as number)
      }
      return seen
    }
    // Gradient 2p. SGD: v = 2, p = 0.8; v = 0.9 * 2 + 1.6 = 3.4, p = 0.46.
    expect(at((p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }))).toEqual([expect.closeTo(0.8, 6), expect.closeTo(0.46, 6)])
    // Adam's first step is lr; the second lr * (0.1 * 1.8 + 0.09 * 2) / 0.19 / sqrt((0.001 * 3.24 + 0.000999 * 4) / 0.001999).
    const second = 0.9 - (0.1 * ((0.1 * 1.8 + 0.09 * 2) / 0.19)) / Math.sqrt((0.001 * 3.24 + 0.000999 * 4) / 0.001999)
    expect(at((p) => new optim.Adam(p, { lr: 0.1 }))).toEqual([expect.closeTo(0.9, 5), expect.closeTo(second, 5)])
  })

  it('train a model whose every parameter gets a gradient', () => {
    manualSeed(9)
    const model = new SmallCnn(), x = randn([6, 3, 8, 8], { seed: 1 }), y = tensor([0, 1, 2, 3, 4, 0], { dtype: 'int64' })
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 })
    const losses = Array.from({ length: 4 }, () => {
      optimizer.zeroGrad()
      const loss = functional.crossEntropy(model.head.forward(model.features.forward(x)), y)
      loss.backward()
      optimizer.step()
      return loss.item() as number
    })
    expect(model.namedParameters().filter(([, t]) => t.grad === null)).toEqual([])
    expect(losses[3]).toBeLessThan(losses[0] as number)
  })
})
