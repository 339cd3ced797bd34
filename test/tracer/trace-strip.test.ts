import { describe, expect, it } from 'vitest'
import { bookkeepingCounts, compile, IngotError, inferenceMode, interpret, ones, printGraph, runPasses, tensor, toNumbers, trace, type Graph, type Tensor } from '../../src/index.js'
import { verifyGraph } from '../../src/ir/verify.js'

/** The text without call sites, which change with every line above them. */
const textOf = (graph: Graph): string => printGraph({ ...graph, nodes: graph.nodes.map((n) => ({ ...n, origin: '' })) })

const STRIP = ['functionalize', 'strip-autograd', 'strip-version']

/** A change of a captured tensor through a view, a chain of views, and a tensor that is saved for a backward pass. */
function recorded(): Graph {
  const state = tensor([[1, 2], [3, 4]]), w = tensor([2, 3], { requiresGrad: true })
  return trace((x: Tensor) => {
    state.select(0, 1).add_(x)
    return state.view(4).narrow(0, 1, 2).mul(w)
  }, [{ shape: [2] }], { names: ['x'], name: 'recorded' })
}

describe('the marks of recording in a trace', () => {
  it('stand where autograd, versions and views would be kept, and go without a trace', () => {
    expect(textOf(recorded())).toBe(BEFORE)
    const stripped = runPasses(recorded(), STRIP, { verify: true })
    expect(textOf(stripped)).toBe(AFTER)
    verifyGraph(stripped, 'inference')
  })

  it('change no result', () => {
    const feeds = { x: tensor([10, 20]) }
    const before = interpret(recorded(), feeds), after = interpret(runPasses(recorded(), STRIP), feeds)
    expect([Array.from(toNumbers(before['output'] as Tensor)), Array.from(toNumbers(after['output'] as Tensor))]).toEqual([[4, 39], [4, 39]])
  })

  it('are counted by kind in the report of compile', async () => {
    const { report } = await compile(recorded(), { target: 'js' })
    expect(report.stripped).toEqual({ 'autograd.record': 1, 'autograd.save': 1, 'version.bump': 1, 'version.check': 1, 'view.track': 4 })
  })

  it('are not there in inference mode, where the trace keeps no books either', () => {
    const before = bookkeepingCounts()
    const graph = inferenceMode(() => {
      const w = ones([3, 3])
      return trace((x: Tensor) => { const y = x.matmul(w); y.select(0, 0).add_(1); return y.transpose(0, 1) }, [{ shape: ['n', 3] }])
    })
    expect(graph.nodes.filter((n) => /^(autograd|version|view)\./.test(n.op))).toEqual([])
    expect(bookkeepingCounts()).toEqual(before)
  })

  it('are version bumps alone where inference mode changes a normal tensor', () => {
    const state = ones([2])
    const graph = inferenceMode(() => trace((x: Tensor) => { state.mul_(x); return state.add(x) }, [{ shape: [2] }]))
    expect(graph.nodes.map((n) => n.op)).toEqual(['mul', 'version.bump', 'add'])
  })
})

describe('a check that would fail', () => {
  const thrown = (fn: () => unknown): IngotError => {
    try { fn() } catch (error) { if (error instanceof IngotError) return error; throw error }
    throw new Error('nothing was thrown')
  }
  const spoil = (x: Tensor): Tensor => {
    const y = x.exp()
    y.mul_(2)
    return y
  }

  it('is reported by the trace, at the line of the change, and not stripped away', () => {
    const error = thrown(() => trace(spoil, [{ shape: [2], requiresGrad: true }]))
    const line = spoil.toString().includes('mul_') ? error.where.origin : undefined
    expect([error.code, /^trace-strip\.test\.ts:\d+:\d+$/.test(line ?? '')]).toEqual(['saved-changed', true])
    const x = tensor([1, 2], { requiresGrad: true })
    expect(thrown(() => spoil(x).sum().backward()).code).toBe('saved-changed')
  })

  it('is reported for captured tensors that are changed after they were saved', () => {
    const w = tensor([1, 2], { requiresGrad: true }), state = tensor([3, 4])
    const f = (x: Tensor): Tensor => { const y = w.mul(state).add(x); state.add_(1); return y }
    expect(thrown(() => trace(f, [{ shape: [2] }])).code).toBe('saved-changed')
    expect(Array.from(state.data as Float32Array)).toEqual([3, 4])
  })

  it('is none where no backward pass can come to it: in inference mode, without gradients, or before the change', () => {
    expect(() => inferenceMode(() => trace(spoil, [{ shape: [2] }]))).not.toThrow()
    expect(() => trace(spoil, [{ shape: [2] }])).not.toThrow()
    const w = tensor([1, 2], { requiresGrad: true })
    expect(() => trace((x: Tensor) => { const y = x.mul(w).sum(); y.backward(); const g = w.grad?.clone() as Tensor; x.mul_(2); return [g, x] }, [{ shape: [2] }])).not.toThrow()
  })

  it('inside a traced backward pass is reported as eager code does', () => {
    expect(thrown(() => trace((x: Tensor) => { spoil(x).sum().backward(); return x.grad as Tensor }, [{ shape: [2], requiresGrad: true }])).code).toBe('saved-changed')
  })
})

const BEFORE = `graph @recorded stage=traced (x: float32[2]) -> (output: float32[2]) {
  const %captured: float32[2, 2] = [1, 2, 3, 4]
  const %captured_1: float32[2] = [2, 3]
  %slice: float32[1, 2] = slice(%captured) {axes = [0], starts = [1], steps = [1], sizes = [1]}
  %view.track: float32[1, 2] = view.track(%slice)
  %reshape: float32[2] = reshape(%view.track) {shape = [2]}
  %view.track_1: float32[2] = view.track(%reshape)
  %add: float32[2] = add(%view.track_1, %x)
  %reshape_1: float32[1, 2] = reshape(%add) {shape = [1, 2]}
  %slice_1: float32[1, 2] = slice(%captured) {axes = [0], starts = [0], steps = [1], sizes = [1]}
  %concat: float32[2, 2] = concat(%slice_1, %reshape_1) {axis = 0}
  %version.bump: float32[2, 2] = version.bump(%concat)
  %reshape_2: float32[4] = reshape(%version.bump) {shape = [4]}
  %view.track_2: float32[4] = view.track(%reshape_2)
  %slice_2: float32[2] = slice(%view.track_2) {axes = [0], starts = [1], steps = [1], sizes = [2]}
  %view.track_3: float32[2] = view.track(%slice_2)
  %mul: float32[2] = mul(%view.track_3, %captured_1)
  %autograd.save: float32[2] = autograd.save(%view.track_3)
  %autograd.record: float32[2] = autograd.record(%mul)
  %version.check: float32[2] = version.check(%autograd.save)
  return output = %autograd.record
}
`
const AFTER = `graph @recorded stage=inference (x: float32[2]) -> (output: float32[2]) {
  const %captured: float32[2, 2] = [1, 2, 3, 4]
  const %captured_1: float32[2] = [2, 3]
  %slice: float32[1, 2] = slice(%captured) {axes = [0], starts = [1], steps = [1], sizes = [1]}
  %reshape: float32[2] = reshape(%slice) {shape = [2]}
  %add: float32[2] = add(%reshape, %x)
  %reshape_1: float32[1, 2] = reshape(%add) {shape = [1, 2]}
  %slice_1: float32[1, 2] = slice(%captured) {axes = [0], starts = [0], steps = [1], sizes = [1]}
  %concat: float32[2, 2] = concat(%slice_1, %reshape_1) {axis = 0}
  %reshape_2: float32[4] = reshape(%concat) {shape = [4]}
  %slice_2: float32[2] = slice(%reshape_2) {axes = [0], starts = [1], steps = [1], sizes = [2]}
  %mul: float32[2] = mul(%slice_2, %captured_1)
  return output = %mul
}
`
