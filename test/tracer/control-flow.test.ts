import { describe, expect, it } from 'vitest'
import { compile, cond, DEFAULT_PIPELINE, IngotError, inferenceMode, interpret, load, ones, parseGraph, printGraph, randn, runPasses, tensor, toNumbers, trace, where, whileLoop, type HostTensor, type Tensor } from '../../src/index.js'
import { verifyGraph } from '../../src/ir/verify.js'
import { expectEveryWay } from './every-way.js'

const numbers = (t: HostTensor | undefined): number[] => Array.from(toNumbers(t as HostTensor))
const codeOf = (fn: () => unknown): string => { try { fn(); return 'none' } catch (e) { return e instanceof IngotError ? `${e.code} ${/control-flow\.test\.ts:\d+/.test(e.message)}` : String(e) } }

describe('where', () => {
  it('chooses element by element, eagerly and traced', async () => {
    await expectEveryWay((x, y) => where((x as Tensor).gt(0), x as Tensor, (y as Tensor).mul(2)), [{ shape: ['n', 3] }, { shape: [3] }], [[randn([2, 3], { seed: 1 }), randn([3], { seed: 2 })]])
  })
})

describe('cond', () => {
  const w = tensor([10, 20])
  const fn = (x: Tensor): { y: Tensor; z: Tensor } => cond(x.sum().gt(0), (a) => ({ y: a.mul(w), z: a.sum() }), (a) => { const b = a.mul(1); b.add_(1); return { y: b, z: w.sum() } }, [x])

  it('runs one branch eagerly, and the same one in the graph, with what both capture', () => {
    const graph = inferenceMode(() => trace(fn, [{ shape: ['n', 2] }]))
    verifyGraph(graph)
    for (const x of [tensor([[1, 2], [3, 4]]), tensor([[-1, -2]])]) {
      const out = interpret(graph, { x0: x }), eager = inferenceMode(() => fn(x))
      expect([numbers(out['y']), numbers(out['z'])]).toEqual([numbers(eager.y), numbers(eager.z)])
    }
  })

  it('survives text', () => {
    const graph = inferenceMode(() => trace(fn, [{ shape: ['n', 2] }]))
    const text = printGraph(graph, { weights: 'full' })
    expect(printGraph(parseGraph(text), { weights: 'full' })).toBe(text)
  })

  it('refuses branches that return different structures or types, changes of what is outside, and tensors that leave a branch', () => {
    const traced = (f: (x: Tensor) => unknown): string => codeOf(() => inferenceMode(() => trace(f, [{ shape: [2] }])))
    expect(traced((x) => cond(x.sum().gt(0), () => [x], () => [x, x]))).toBe('trace-output true')
    expect(traced((x) => cond(x.sum().gt(0), () => x, () => x.to('int64')))).toBe('dtype-mismatch true')
    expect(traced((x) => cond(x.sum().gt(0), () => x, () => x.sum()))).toBe('shape-mismatch true')
    expect(traced((x) => cond(x.gt(0), () => x, () => x))).toBe('shape-mismatch true')
    expect(traced((x) => { const y = x.mul(1); return cond(x.sum().gt(0), () => y.add_(1), () => y) })).toBe('trace-mixed true')
    expect(traced((x) => { let inner = x; cond(x.sum().gt(0), () => (inner = x.mul(2)), () => x); return inner.add(1) })).toBe('trace-mixed true')
    expect(traced((x) => cond(x.sum().gt(0), () => x.mul(x.item() as number), () => x))).toBe('traced-value-read true')
  })
})

describe('whileLoop', () => {
  const limit = tensor(100)
  const fn = (x: Tensor, n: Tensor): readonly [Tensor, { readonly count: Tensor }] => whileLoop<readonly [Tensor, { readonly count: Tensor }]>((y) => y.sum().lt(limit), (y, { count }) => [y.mul(2), { count: count.add(1) }], [x, { count: n }])

  it('repeats eagerly, and as often in the graph', () => {
    const graph = inferenceMode(() => trace(fn, [{ shape: ['n'] }, { shape: [], dtype: 'int64' }]))
    verifyGraph(graph)
    for (const [x, times] of [[tensor([1, 2]), 6n], [tensor([200]), 0n]] as const) {
      const eager = inferenceMode(() => fn(x, tensor(0n)))
      const out = Object.values(interpret(graph, { x0: x, x1: tensor(0n) }))
      expect([numbers(out[0]), numbers(out[1]), eager[1].count.item()]).toEqual([numbers(eager[0]), [Number(times)], times])
    }
  })

  it('refuses a body whose types change, and reading the condition', () => {
    const traced = (f: (x: Tensor) => unknown): string => codeOf(() => inferenceMode(() => trace(f, [{ shape: [2] }])))
    expect(traced((x) => whileLoop((y) => y.sum().lt(1), (y) => [y.sum()], [x]))).toBe('shape-mismatch true')
    expect(traced((x) => whileLoop((y) => y.lt(1), (y) => [y], [x]))).toBe('shape-mismatch true')
    expect(traced((x) => { let y = x; while ((y.sum().item() as number) < 1) y = y.add(1); return y })).toBe('traced-value-read true')
  })
})

describe('passes', () => {
  const w = tensor([1, 2], { requiresGrad: true })
  const fn = (x: Tensor): Tensor => {
    const y = cond(x.sum().gt(0), () => { const z = x.mul(w); z.select(0, 0).add_(w.select(0, 1)); return z.relu().mul(1) }, () => x.view(2).add(w.mul(2)))
    return whileLoop((z) => z.sum().lt(w.sum().mul(9)), (z) => [z.mul(2).add(w)], [y])[0]
  }

  it('reach into branches and bodies, and keep what they compute', () => {
    const graph = trace(fn, [{ shape: [2] }])
    const after = runPasses(graph, DEFAULT_PIPELINE, { verify: true })
    for (const x of [tensor([1, 2]), tensor([-1, -2])]) expect(numbers(interpret(after, { x0: x })['output'])).toEqual(numbers(fn(x)))
  })
})

describe('targets', () => {
  const fn = (x: Tensor): Tensor => cond(x.sum().gt(0), () => x.mul(w), () => cond(x.prod().gt(0), () => w.sub(x), () => w))
  const w = tensor([10, 20])

  it.each(['js', 'wasm'] as const)('%s computes both branches and picks one, and the report names the choice', async (target) => {
    const program = await compile(inferenceMode(() => trace(fn, [{ shape: [2] }])), { target })
    expect(program.report.branches).toHaveLength(2)
    const session = await load(program)
    for (const x of [tensor([1, 2]), tensor([-1, -2]), tensor([-3, 2])]) expect(numbers((await session.run({ x0: x }))['output'])).toEqual(numbers(inferenceMode(() => fn(x))))
    session.dispose()
  })

  it('say clearly that they cannot run loops, and choices whose branches look up what may not be there', async () => {
    const loop = inferenceMode(() => trace((x: Tensor) => whileLoop((y) => y.sum().lt(9), (y) => [y.mul(2)], [x]), [ones([2])]))
    const lookUp = inferenceMode(() => trace((x: Tensor, i: Tensor) => cond(x.sum().gt(0), () => x, () => w.indexSelect(0, i)), [ones([2]), { shape: [2], dtype: 'int64' }]))
    for (const target of ['js', 'wasm'] as const) {
      await expect(compile(loop, { target })).rejects.toMatchObject({ code: 'unsupported-op' })
      await expect(compile(lookUp, { target })).rejects.toMatchObject({ code: 'unsupported-op' })
    }
  })
})
