import { describe, expect, it } from 'vitest'
import { arange, compile, dims, full, functional, inferenceMode, interpret, IngotError, load, manualSeed, nn, noGrad, ones, optim, printGraph, rand, randn, tensor, toNumbers, trace, where, zeros, type Tensor } from '../../src/index.js'
import { expectClose, expectEveryWay } from './every-way.js'

/** What `fn` throws. */
function thrown(fn: () => unknown): IngotError {
  try {
    fn()
  } catch (error) {
    if (error instanceof IngotError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** The line of this file that calls it, a few lines on. */
const lineAfter = (offset: number): string => `trace.test.ts:${Number(/trace\.test\.ts:(\d+)/.exec((new Error().stack ?? '').split('\n')[2] ?? '')?.[1]) + offset}`

const values = (t: { readonly data: unknown; readonly shape: readonly number[] }): number[] => Array.from(toNumbers(t as Tensor))

describe('tracing', () => {
  it('gives the graph of a function, with symbols for extents and the names that are given', () => {
    const w = ones([3, 2])
    const graph = inferenceMode(() => trace((x: Tensor) => x.matmul(w).relu(), [{ shape: ['batch', 3], dtype: 'float32' }], { names: ['x'], name: 'layer' }))
    expect(printGraph({ ...graph, nodes: graph.nodes.map((n) => ({ ...n, origin: '' })) })).toBe(
`graph @layer stage=traced (x: float32[batch, 3]) -> (output: float32[batch, 2]) {
  symbol batch = extent(x, 0)
  const %captured: float32[3, 2] = [1, 1, 1, 1, 1, 1]
  %matmul: float32[batch, 2] = matmul(%x, %captured) {trans_a = false, trans_b = false}
  %relu: float32[batch, 2] = relu(%matmul)
  return output = %relu
}
`)
    expect(String(graph)).toBe(printGraph(graph))
    expect(graph.nodes[0]?.origin).toMatch(/^trace\.test\.ts:\d+:\d+$/)
  })

  it('names captured parameters as the module that holds them does', () => {
    const model = new nn.Sequential(new nn.Linear(3, 2), new nn.ReLU(), new nn.Linear(2, 1))
    const constants = (source: Parameters<typeof trace>[0]): string[] => {
      const graph = inferenceMode(() => trace(source, [{ shape: ['n', 3] }]))
      return [...new Set(graph.nodes.flatMap((n) => n.inputs).filter((v) => v?.data !== undefined).map((v) => v?.name ?? ''))].sort()
    }
    expect(constants(model)).toEqual(['0.bias', '0.weight', '2.bias', '2.weight'])
    expect(constants((x: Tensor) => model.forward(x))).toEqual(['0.bias', '0.weight', '2.bias', '2.weight'])
  })

  it('takes and gives nested arrays and objects of tensors', () => {
    const graph = inferenceMode(() => trace(
      ({ a, b }: { a: Tensor; b: [Tensor, Tensor] }) => ({ sum: a.add(b[0]), parts: [b[1].mul(2), b[0]] }),
      [{ a: { shape: [2] }, b: [{ shape: [2] }, ones([3])] }], { names: ['in'] },
    ))
    expect(graph.inputs.map((v) => v.name)).toEqual(['in.a', 'in.b.0', 'in.b.1'])
    const out = interpret(graph, { 'in.a': tensor([1, 2]), 'in.b.0': tensor([3, 4]), 'in.b.1': tensor([5, 6, 7]) })
    expect(Object.keys(out)).toEqual(['sum', 'parts.0', 'parts.1'])
    expect([values(out['sum'] as Tensor), values(out['parts.0'] as Tensor), values(out['parts.1'] as Tensor)]).toEqual([[4, 6], [10, 12, 14], [3, 4]])
  })

  it('runs at any extent that a symbol stands for, with extents computed by dims and -1', async () => {
    const fn = (x: Tensor): Tensor => x.reshape(dims.mul(x.shape[0] as number, 2), -1).transpose(0, 1).reshape(-1).mul(x.shape[0] as number).div(dims.add(x.shape[0] as number, 1))
    await expectEveryWay(fn, [{ shape: ['batch', 4, 3] }], [1, 2, 5].map((n) => [randn([n, 4, 3], { seed: n })]))
  })

  it('takes extents for numbers of functions: arange, full, scalars', async () => {
    const table = randn([16, 3], { seed: 1 })
    const fn = (x: Tensor): Tensor[] => {
      const n = x.shape[1] as number
      return [x.add(functional.embedding(arange(n), table)), full([n, 2], 3), arange(n, 0, -2), x.sum(1).div(n)]
    }
    await expectEveryWay(fn, [{ shape: ['batch', 'n', 3] }], [[1, 1], [2, 5], [1, 16]].map(([b, n]) => [randn([b as number, n as number, 3], { seed: 2 })]))
  })

  it('changes in place tensors whose extents are taken to be those of others', () => {
    const graph = inferenceMode(() => trace((x: Tensor) => { const y = x.mul(1); y.add_(ones([2, 3])); return y }, [{ shape: ['n', 3] }]))
    expect(values(interpret(graph, { x0: zeros([2, 3]) })['output'] as Tensor)).toEqual([1, 1, 1, 1, 1, 1])
    expect(() => interpret(graph, { x0: zeros([3, 3]) })).toThrow(/trace\.test\.ts:\d+/)
  })

  it('works in normal mode as in inference mode, and leaves the modes and the tensors that it used as they were', () => {
    const w = randn([3, 3], { seed: 1, requiresGrad: true })
    const fn = (x: Tensor): Tensor => x.matmul(w).tanh()
    const recorded = trace(fn, [{ shape: [2, 3] }]), plain = inferenceMode(() => trace(fn, [{ shape: [2, 3] }]))
    const x = randn([2, 3], { seed: 2 })
    expect(values(interpret(recorded, { x0: x })['output'] as Tensor)).toEqual(values(interpret(plain, { x0: x })['output'] as Tensor))
    expect([w.version, w.grad, w.isLeaf, w.requiresGrad]).toEqual([0, null, true, true])
  })

  it('traces gradients: backward inside the function becomes part of the graph', () => {
    const w = tensor([[1, -2], [3, 0.5]], { requiresGrad: true })
    const step = (x: Tensor): Tensor => {
      x.matmul(w).mul(x.matmul(w)).sum().backward()
      return w.grad?.clone() as Tensor
    }
    const x = randn([3, 2], { seed: 4 })
    const graph = trace(step, [{ shape: ['n', 2] }])
    expect(w.grad).toBeNull()
    const traced = values(interpret(graph, { x0: x })['output'] as Tensor)
    const eager = values(step(x))
    traced.forEach((v, i) => { expect(v).toBeCloseTo(eager[i] as number, 4) })
  })

  it('traces a whole step of training: gradients, and parameters that the optimiser changes', () => {
    const make = (): [nn.Linear, (x: Tensor, y: Tensor) => Record<string, Tensor>] => {
      manualSeed(3)
      const layer = new nn.Linear(2, 1), optimizer = new optim.Adam(layer.parameters(), { lr: 0.1 })
      return [layer, (x, y) => {
        optimizer.zeroGrad()
        const loss = functional.mseLoss(layer.forward(x), y)
        loss.backward()
        optimizer.step()
        return { loss, weight: layer.weight.detach(), bias: layer.bias?.detach() as Tensor }
      }]
    }
    const [layer, step] = make(), before = values(layer.weight), x = randn([5, 2], { seed: 1 }), y = randn([5, 1], { seed: 2 })
    const graph = trace(step, [{ shape: ['n', 2] }, { shape: ['n', 1] }])
    expect([values(layer.weight), layer.weight.grad, layer.weight.version]).toEqual([before, null, 0])
    const out = interpret(graph, { x0: x, x1: y }), eager = make()[1](x, y)
    expectClose([out['loss'], out['weight'], out['bias']], [eager['loss'] as Tensor, eager['weight'] as Tensor, eager['bias'] as Tensor], 'a step')
  })
})

describe('views and in-place changes in a trace', () => {
  it('write through chains of views to the base, and other views see it', async () => {
    const fn = (x: Tensor): Tensor[] => {
      const y = x.mul(1)
      const row = y.select(1, 1), column = y.transpose(0, 1).narrow(0, 1, 2)
      row.add_(10)
      column.mul_(2)
      y.view(-1, 2).select(0, 0).zero_()
      return [y, row, column]
    }
    await expectEveryWay(fn, [{ shape: ['n', 4] }], [2, 3].map((n) => [randn([n, 4], { seed: n })]))
  })

  it('keep copies apart: what reshape had to copy, and clones, do not see changes of the base', async () => {
    const fn = (x: Tensor): Tensor[] => {
      const y = x.mul(1)
      const copy = y.transpose(0, 1).reshape(-1), clone = y.clone(), view = y.reshape(-1)
      y.add_(1)
      copy.mul_(3)
      return [y, copy, clone, view]
    }
    await expectEveryWay(fn, [{ shape: [2, 3] }], [[randn([2, 3], { seed: 1 })]])
    await expectEveryWay(fn, [{ shape: ['n', 3] }], [[randn([2, 3], { seed: 1 })], [randn([4, 3], { seed: 1 })]])
  })

  it('change the shape of a tensor in place', async () => {
    await expectEveryWay((x) => { const y = x.mul(2); y.transpose_(0, 1).unsqueeze_(0); y.select(1, 0).add_(1); return y }, [{ shape: ['n', 3] }], [[randn([2, 3], { seed: 1 })]])
  })

  it('to a captured tensor hold for the trace, are reported, and leave the tensor alone', () => {
    const state = tensor([[1, 2], [3, 4]])
    const row = state.select(0, 1), seen: string[] = []
    const graph = trace((x: Tensor) => { row.add_(x); return state.mul(1) }, [{ shape: [2] }], { onCapturedWrite: ({ tensor: t, name }) => { seen.push(`${name} ${t === row}`) } })
    expect(seen).toEqual(['captured true'])
    expect([values(state), state.version, row.version]).toEqual([[1, 2, 3, 4], 0, 0])
    expect(graph.nodes.map((n) => n.op)).toContain('version.bump')
    for (let run = 0; run < 2; run++) expect(values(interpret(graph, { x0: tensor([10, 20]) })['output'] as Tensor)).toEqual([1, 2, 13, 24])
  })

  it('to captured memory that views see strided go to the right elements', () => {
    const memory = inferenceMode(() => tensor([0, 1, 2, 3, 4, 5]).view(2, 3))
    const column = memory.select(1, 2)
    const graph = inferenceMode(() => trace((x: Tensor) => { column.copy_(x); return [memory.mul(1), memory.transpose(0, 1).mul(1)] }, [{ shape: [2] }]))
    const out = interpret(graph, { x0: tensor([7, 8]) })
    expect([values(out['output0'] as Tensor), values(out['output1'] as Tensor)]).toEqual([[0, 1, 7, 3, 4, 8], [0, 3, 1, 4, 7, 8]])
    expect(values(memory)).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('to a captured tensor forbid reading it afterwards, which would show the old elements', () => {
    const state = zeros([1])
    expect(thrown(() => trace((x: Tensor) => { state.add_(x); return x.mul(Number(state.item())) }, [{ shape: [1] }])).code).toBe('traced-value-read')
  })
})

describe('what cannot be traced names the line', () => {
  it('reading elements: item, data, arithmetic and comparisons of JavaScript', () => {
    for (const read of [(x: Tensor) => x.item(), (x: Tensor) => x.valueOf(), (x: Tensor) => x.data, (x: Tensor) => Number(x), (x: Tensor) => (x as unknown as number) > 1, (x: Tensor) => `${x.item()}`]) {
      const error = thrown(() => trace((x: Tensor) => { read(x); return x }, [{ shape: [] }]))
      expect([error.code, /where\(.*cond\(.*whileLoop\(/.test(error.hint ?? '')]).toEqual(['traced-value-read', true])
      expect(error.where.origin).toMatch(/^trace\.test\.ts:\d+:\d+$/)
    }
    const line = lineAfter(1)
    expect(thrown(() => trace((x: Tensor) => x.mul(x.item() as number), [{ shape: [] }])).message).toContain(line)
  })

  it('a symbolic extent used as a number', () => {
    const line = lineAfter(1)
    const error = thrown(() => trace((x: Tensor) => x.reshape((x.shape[0] as number) * 2, -1), [{ shape: ['n', 2] }]))
    expect([error.code, error.message.includes('the extent n'), error.message.includes(line)]).toEqual(['traced-value-read', true, true])
  })

  it('shapes and dtypes that do not fit', () => {
    const w = ones([3, 2])
    const line = lineAfter(1)
    const error = thrown(() => trace((x: Tensor) => x.matmul(w), [{ shape: ['n', 4] }]))
    expect([error.code, error.message.includes(line), error.where.op]).toEqual(['shape-mismatch', true, 'matmul'])
    expect(thrown(() => trace((x: Tensor) => x.select(0, 5), [{ shape: [2] }])).message).toMatch(/trace\.test\.ts:\d+/)
    expect(thrown(() => trace((x: Tensor) => functional.conv2d(x, w), [{ shape: [2] }])).message).toMatch(/4|axes.*trace\.test\.ts:\d+/)
    expect(thrown(() => trace((x: Tensor) => x.relu(), [{ shape: [2], dtype: 'bool' }])).code).toMatch(/dtype/)
  })

  it('results that are no tensors, and functions that are async', () => {
    const line = lineAfter(1)
    const error = thrown(() => trace((x: Tensor) => [x, { n: 5 }], [{ shape: [2] }]))
    expect([error.code, error.message.includes('the number 5 at 1.n'), error.message.includes(line)]).toEqual(['trace-output', true, true])
    for (const f of [() => undefined, () => null, () => 'text', () => new Map(), async (x: Tensor) => x]) expect(thrown(() => trace(f as () => unknown, [{ shape: [2] }])).code).toBe('trace-output')
  })

  it('specs that are none', () => {
    for (const spec of [{ shape: [-1] }, { shape: [1.5] }, { shape: ['not a name'] }, { shape: [2], dtype: 'float31' }, 5, null]) {
      const error = thrown(() => trace((x: Tensor) => x, [spec as never]))
      expect([error.code, /trace\.test\.ts:\d+/.test(error.message)]).toEqual(['trace-spec', true])
    }
    expect(thrown(() => trace((x: Tensor, y: Tensor) => x.add(y), [{ shape: [1] }, { shape: [1] }], { names: ['a', 'a'] })).code).toBe('trace-spec')
    expect(thrown(() => trace((x: Tensor) => x, [{ shape: [1] }], { outputs: ['a', 'b'] })).code).toBe('trace-spec')
  })

  it('tensors of one trace in another, or in eager code', () => {
    let leaked: Tensor | undefined
    trace((x: Tensor) => (leaked = x.mul(2)), [{ shape: [2] }])
    const one = leaked as unknown as Tensor
    for (const use of [() => one.add(1), () => trace((x: Tensor) => x.add(one), [{ shape: [2] }]), () => one.data, () => one.view(2), () => ones([2]).add_(one)]) expect(thrown(use).code).toBe('trace-mixed')
  })

  it('random numbers that would be the same in every run', () => {
    expect(thrown(() => trace((x: Tensor) => x.add(rand([2])), [{ shape: [2] }])).code).toBe('unsupported-op')
    expect(() => trace((x: Tensor) => x.add(rand([2], { seed: 1 })), [{ shape: [2] }])).not.toThrow()
  })

  it('dropout that is still training', () => {
    expect(thrown(() => trace(new nn.Dropout(), [{ shape: [2] }])).hint).toContain('eval()')
  })
})

describe('symbols that must agree', () => {
  it('are checked when the program is fed', async () => {
    const graph = noGrad(() => trace((x: Tensor, y: Tensor) => where(x.gt(y), x, y), [{ shape: ['a'] }, { shape: ['b'] }], { names: ['x', 'y'] }))
    const session = await load(await compile(graph, { target: 'js' }))
    expect(values(session.runSync({ x: tensor([1, 5]), y: tensor([3, 2]) })['output'] as Tensor)).toEqual([3, 5])
    expect(() => session.runSync({ x: tensor([1, 5]), y: tensor([3, 2, 1]) })).toThrow(/trace\.test\.ts:\d+/)
  })

  it('a part of an extent that is too short is refused when the program is fed', () => {
    const graph = noGrad(() => trace((x: Tensor) => x.narrow(0, 1, 3), [{ shape: ['n'] }]))
    expect(values(interpret(graph, { x0: tensor([0, 1, 2, 3]) })['output'] as Tensor)).toEqual([1, 2, 3])
    expect(() => interpret(graph, { x0: tensor([0, 1, 2]) })).toThrow(/within the axis/)
  })
})
