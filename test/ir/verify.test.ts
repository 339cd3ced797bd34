import { describe, expect, it } from 'vitest'
import type { Attr, Graph, GraphStage, Node, Value } from '../../src/ir/graph.js'
import { hostTensor } from '../../src/ir/host-tensor.js'
import { parseGraph } from '../../src/ir/parse.js'
import { tensorType } from '../../src/ir/types.js'
import { verifyGraph } from '../../src/ir/verify.js'
import { MAX_FUSED_NODES } from '../../src/ir/verify-stage.js'
import type { Rule } from '../../src/ir/verify-context.js'
import './probe-op.js'

const SOUND = parseGraph(`graph @g stage=inference (x: float32[n, 4], s: int64[2]) -> (y: float32[n, 3]) {
  symbol n = extent(x, 0)
  symbol k = element(s, 1)
  assume n <= 8 "a test"
  const %w: float32[4, 3] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
  %h: float32[n, 3] = matmul(%x, %w) {trans_a = false, trans_b = false} @ "first"
  %y: float32[n, 3] = relu(%h) @ "second"
  return y = %y
}`)
const [X, S] = SOUND.inputs as [Value, Value]
const [MATMUL, RELU] = SOUND.nodes as [Node, Node]
const [H] = MATMUL.outputs as [Value]
const [Y] = RELU.outputs as [Value]
const W = MATMUL.inputs[1] as Value

/** `verifyGraph` refuses `graph` by `rule`, naming the node of that origin. */
function expectBroken(graph: Graph, rule: Rule, origin?: string, stage?: GraphStage): void {
  let error: unknown
  try { verifyGraph(graph, stage) } catch (e) { error = e }
  expect(error).toMatchObject({ code: 'verify-graph', message: expect.stringContaining(`breaks the rule ${rule}:`) as string, where: origin === undefined ? {} : { origin } })
}

const withNodes = (...nodes: Node[]): Graph => ({ ...SOUND, nodes })
const withMatmul = (change: Partial<Node>): Graph => withNodes({ ...MATMUL, ...change }, RELU)
const withRelu = (change: Partial<Node>): Graph => withNodes(MATMUL, { ...RELU, ...change })
const without = (attrs: Node['attrs'], name: string): Node['attrs'] => Object.fromEntries(Object.entries(attrs).filter(([k]) => k !== name))
const constant = (name: string, data = hostTensor('float32', [1], [1])): Value => ({ name, type: tensorType(data.dtype, data.shape), data })

describe('the verifier', () => {
  it('takes a sound graph, at its stage and every earlier one', () => {
    verifyGraph(SOUND)
    verifyGraph(SOUND, 'traced')
  })

  it('defined-before-use: refuses a use before the definition, in nodes and outputs', () => {
    expectBroken(withNodes(RELU, MATMUL), 'defined-before-use', 'second')
    expectBroken(withNodes(RELU), 'defined-before-use', 'second')
    expectBroken({ ...SOUND, outputs: [{ name: 'y', value: { ...Y } }] }, 'defined-before-use')
  })

  it('defined-before-use: refuses a node that uses its own result', () => {
    expectBroken(withRelu({ inputs: [Y] }), 'defined-before-use', 'second')
  })

  it('single-definition: refuses a value that two nodes define', () => {
    expectBroken(withNodes(MATMUL, { ...MATMUL, origin: 'again' }, RELU), 'single-definition', 'again')
    expectBroken({ ...SOUND, inputs: [X, S, H] }, 'single-definition', 'first')
  })

  it('unique-name: refuses two values of one name, constants included', () => {
    expectBroken(withRelu({ outputs: [{ ...Y, name: 'h' }] }), 'unique-name', 'second')
    expectBroken(withMatmul({ inputs: [X, { ...W, name: 'x' }] }), 'unique-name', 'first')
  })

  it('constant: refuses data that is not of its type, and data of results and inputs', () => {
    expectBroken(withMatmul({ inputs: [X, { ...W, data: hostTensor('float32', [3, 4], new Float32Array(12)) }] }), 'constant', 'first')
    expectBroken(withMatmul({ inputs: [X, { ...W, data: hostTensor('float64', [4, 3], new Float64Array(12)) }] }), 'constant', 'first')
    expectBroken(withMatmul({ inputs: [X, { ...W, data: { dtype: 'float32', shape: [4, 3], data: new Float32Array(11) } }] }), 'constant', 'first')
    const data = hostTensor('float32', [2, 3], new Float32Array(6))
    const y: Value = { ...Y, data }
    expectBroken({ ...withRelu({ outputs: [y] }), outputs: [{ name: 'y', value: y }] }, 'constant', 'second')
    expectBroken({ ...SOUND, inputs: [X, { ...S, data: hostTensor('int64', [2], [1, 2]) }] }, 'constant')
  })

  it('port-name: refuses two outputs of one name', () => {
    expectBroken({ ...SOUND, outputs: [...SOUND.outputs, { name: 'y', value: H }] }, 'port-name')
  })

  it('symbol-declared: refuses symbols in types and assumptions that nothing declares, and declaring one twice', () => {
    expectBroken({ ...SOUND, symbols: SOUND.symbols.slice(1) }, 'symbol-declared')
    expectBroken({ ...SOUND, constraints: [{ kind: 'eq', a: 'q', b: 1, why: '' }] }, 'symbol-declared')
    expectBroken({ ...SOUND, symbols: [...SOUND.symbols, ...SOUND.symbols] }, 'symbol-declared')
    expectBroken(withRelu({ outputs: [{ ...Y, type: tensorType('float32', ['q', 3]) }] }), 'result-type', 'second')
  })

  it('symbol-source: refuses places that the inputs do not have', () => {
    for (const source of [
      { kind: 'extent', input: 5, axis: 0 }, { kind: 'extent', input: 0, axis: 2 }, { kind: 'extent', input: 0, axis: -1 },
      { kind: 'element', input: 0, index: 0 }, { kind: 'element', input: 1, index: 2 },
    ] as const) expectBroken({ ...SOUND, symbols: [{ name: 'n', source }] }, 'symbol-source')
  })

  it('elements: refuses a wrong number of known elements and those of floats', () => {
    expectBroken({ ...SOUND, inputs: [X, { ...S, dims: ['k'] }] }, 'elements')
    expectBroken(withMatmul({ inputs: [X, { ...W, dims: Array.from({ length: 12 }, () => 1) }] }), 'elements', 'first')
    verifyGraph({ ...SOUND, inputs: [X, { ...S, dims: [2, 'k'] }] })
  })

  it('known-op: refuses an op without a record', () => {
    expectBroken(withRelu({ op: 'rely' }), 'known-op', 'second')
  })

  it('attribute: refuses missing and unknown attributes', () => {
    expectBroken(withMatmul({ attrs: without(MATMUL.attrs, 'trans_b') }), 'attribute', 'first')
    expectBroken(withMatmul({ attrs: { ...MATMUL.attrs, alpha: 1 } }), 'attribute', 'first')
  })

  it('attribute: refuses values that are not of the kind in the schema', () => {
    const sound: Record<string, Attr> = {
      int: 1, ints: [1], float: 0.5, floats: [Infinity], string: 's', strings: ['s'], bool: true, bools: [], dtype: 'int4', dim: ['+', 'n', 1], dims: ['n', 2],
      tensor: hostTensor('int8', [1], [1]), graph: { name: 'e', stage: 'inference', symbols: [], constraints: [], inputs: [], nodes: [], outputs: [] },
    }
    const wrong: Record<string, Attr[]> = {
      int: [1.5, 'a', true], ints: [1, [0.5], ['a']], float: ['1', true], floats: [['a'], 1], string: [1], strings: ['s', [1]], bool: [1, 'true'], bools: [[1], true], dtype: ['float', 32], dim: [1.5, true], dims: ['n', [0.5]],
      tensor: [1, [1]], graph: ['g', hostTensor('int8', [1], [1])],
    }
    const probe = (attrs: Record<string, Attr>): Graph => withNodes(MATMUL, { ...RELU, op: 'probe', attrs })
    verifyGraph(probe(sound))
    for (const [name, values] of Object.entries(wrong)) for (const v of values) expectBroken(probe({ ...sound, [name]: v }), 'attribute', 'second')
  })

  it('result-type: refuses types, ranks and counts that infer does not say, and nodes that infer refuses', () => {
    expectBroken(withRelu({ outputs: [{ ...Y, type: tensorType('float64', ['n', 3]) }] }), 'result-type', 'second')
    expectBroken(withRelu({ outputs: [{ ...Y, type: tensorType('float32', ['n', 4]) }] }), 'result-type', 'second')
    expectBroken(withRelu({ outputs: [{ ...Y, type: tensorType('float32', ['n']) }] }), 'result-type', 'second')
    expectBroken(withRelu({ outputs: [Y, { ...Y, name: 'z' }] }), 'result-type', 'second')
    expectBroken(withMatmul({ inputs: [W, X] }), 'result-type', 'first')
  })

  it('result-type: takes extents that the graph assumes to be equal', () => {
    const other: Graph = { ...withRelu({ outputs: [{ ...Y, type: tensorType('float32', ['k', 3]) }] }) }
    const y = other.nodes[1]?.outputs[0] as Value
    const graph: Graph = { ...other, outputs: [{ name: 'y', value: y }], constraints: [{ kind: 'eq', a: 'k', b: 'n', why: 'fed so' }] }
    verifyGraph(graph)
    expectBroken({ ...graph, constraints: [] }, 'result-type', 'second')
  })

  it('stage-order: refuses to see a later stage in an earlier one', () => {
    expectBroken(SOUND, 'stage-order', undefined, 'fused')
  })
})

describe('the verifier on nested graphs', () => {
  const nest = (body: Partial<Graph>): Graph => {
    const graph: Graph = { name: 'body', stage: 'inference', symbols: [], constraints: [], inputs: [], nodes: [], outputs: [], ...body }
    const attrs: Record<string, Attr> = { int: 1, ints: [], float: 0, floats: [], string: '', strings: [], bool: false, bools: [], dtype: 'int8', dim: 1, dims: [], tensor: hostTensor('int8', [0], []), graph }
    return withNodes(MATMUL, { ...RELU, op: 'probe', attrs })
  }

  it('lets them use values and symbols of the graph around', () => {
    const t: Value = { name: 't', type: H.type }
    verifyGraph(nest({ nodes: [{ ...RELU, inputs: [H], outputs: [t], origin: 'in' }], outputs: [{ name: 'o', value: t }] }))
  })

  it('refuses uses of values that come later, and uses from outside', () => {
    expectBroken(nest({ outputs: [{ name: 'o', value: Y }] }), 'defined-before-use')
    const t: Value = { name: 't', type: H.type }
    const graph = nest({ nodes: [{ ...RELU, inputs: [H], outputs: [t], origin: 'in' }] })
    expectBroken({ ...graph, outputs: [{ name: 'y', value: t }] }, 'defined-before-use')
  })

  it('refuses names that the graph around has, and symbols of their own', () => {
    expectBroken(nest({ inputs: [{ name: 'x', type: H.type }] }), 'unique-name')
    expectBroken(nest({ symbols: SOUND.symbols }), 'symbol-declared', 'second')
  })
})

describe('the verifier by stage', () => {
  it('inference-op: refuses in-place ops and bookkeeping from stage inference on', async () => {
    const { OPS } = await import('../../src/ir/ops/index.js')
    const relu = OPS.get('relu')
    for (const name of ['autograd.probe', 'version.probe', 'view.probe', 'probe_']) {
      ;(OPS as Map<string, typeof relu>).set(name, relu)
      expectBroken(withRelu({ op: name }), 'inference-op', 'second')
      verifyGraph({ ...withRelu({ op: name }), stage: 'traced' })
      ;(OPS as Map<string, typeof relu>).delete(name)
    }
  })

  it('declared-dims: refuses undeclared symbols in attributes and elements from stage canonical on', () => {
    const reshape = (shape: readonly ('n' | 'q' | number)[]): Graph => withNodes(MATMUL, { op: 'probe', inputs: [H], attrs: { int: 1, ints: [], float: 0, floats: [], string: '', strings: [], bool: false, bools: [], dtype: 'int8', dim: 1, dims: shape, tensor: hostTensor('int8', [0], []), graph: { ...SOUND, symbols: [], constraints: [], inputs: [], nodes: [], outputs: [] } }, outputs: [Y], origin: 'second' })
    verifyGraph({ ...reshape(['n', 3]), stage: 'canonical' })
    verifyGraph(reshape(['q', 3]))
    expectBroken({ ...reshape(['q', 3]), stage: 'canonical' }, 'declared-dims', 'second')
  })
})

describe('the verifier on fused bodies', () => {
  const A: Value = { name: 'a', type: X.type }, B: Value = { name: 'b', type: tensorType('float32', [4, 3]) }
  const step = (op: string, inputs: Value[], name: string, shape: readonly (string | number)[] = ['n', 3]): Node => ({ op, inputs, attrs: op === 'matmul' ? MATMUL.attrs : {}, outputs: [{ name, type: tensorType('float32', shape) }], origin: name })
  const result = (node: Node): Value => node.outputs[0] as Value

  function fused(nodes: Node[], change: { readonly inputs?: Value[]; readonly body?: Partial<Graph>; readonly stage?: GraphStage } = {}): Graph {
    const last = result(nodes[nodes.length - 1] ?? step('relu', [A], 'none'))
    const body: Graph = { name: 'body', stage: 'fused', symbols: [], constraints: [], inputs: [A, B], nodes, outputs: [{ name: 'o', value: last }], ...change.body }
    const out: Value = { name: 'out', type: last.type }
    return { ...SOUND, stage: change.stage ?? 'fused', nodes: [{ op: 'fused', inputs: change.inputs ?? [X, W], attrs: { body }, outputs: [out], origin: 'f' }], outputs: [{ name: 'y', value: out }] }
  }
  const product = step('matmul', [A, B], 'p')
  const tail = step('relu', [result(product)], 'r')

  it('take an anchor with elementwise work after it', () => {
    verifyGraph(fused([product, tail, step('add', [result(tail), constant('half')], 't')]))
  })

  it('fused-node: refuse to stand in earlier stages, and opaque ops inside', () => {
    expectBroken(fused([product, tail], { stage: 'canonical' }), 'fused-node', 'f')
    const attrs: Record<string, Attr> = { int: 1, ints: [], float: 0, floats: [], string: '', strings: [], bool: false, bools: [], dtype: 'int8', dim: 1, dims: [], tensor: hostTensor('int8', [0], []), graph: { ...SOUND, symbols: [], constraints: [], inputs: [], nodes: [], outputs: [] } }
    expectBroken(fused([product, { ...tail, op: 'probe', attrs }]), 'fused-node', 'f')
  })

  it('fused-closed: refuse values from outside and constants of more than one element', () => {
    expectBroken(fused([product, step('add', [result(product), X], 't', ['n', 4])]), 'result-type', 't')
    expectBroken(fused([step('relu', [X], 't', ['n', 4])]), 'fused-closed', 'f')
    expectBroken(fused([product, step('add', [result(product), constant('row', hostTensor('float32', [3], [1, 2, 3]))], 't')]), 'fused-closed', 'f')
  })

  it('fused-closed: refuse inputs that are not those of the node, and more than one output', () => {
    expectBroken(fused([product, tail], { inputs: [W, X] }), 'result-type', 'f')
    expectBroken(fused([product, tail], { inputs: [X] }), 'result-type', 'f')
    expectBroken(fused([product, tail], { inputs: [X, W, X] }), 'fused-closed', 'f')
    const two = fused([product, tail], { body: { outputs: [product, tail].map((n) => ({ name: n.origin, value: result(n) })) } })
    expectBroken(two, 'result-type', 'f')
    expectBroken({ ...two, nodes: two.nodes.map((n) => ({ ...n, outputs: [...n.outputs, { name: 'out2', type: Y.type }] })) }, 'fused-closed', 'f')
  })

  it('fused-anchor: refuse two anchors, and work after one that is not elementwise on its shape', () => {
    const second = step('matmul', [A, B], 'q')
    expectBroken(fused([product, second, step('add', [result(product), result(second)], 't')]), 'fused-anchor', 'f')
    const wide = step('add', [result(product), constant('c', hostTensor('float32', [1, 1, 1], [1]))], 't', [1, 'n', 3])
    expectBroken(fused([product, wide]), 'fused-anchor', 'f')
  })

  it(`fused-size: refuse bodies of no node and of more than ${MAX_FUSED_NODES}`, () => {
    const chain = (length: number): Node[] => {
      const nodes: Node[] = []
      for (let i = 0; i < length; i++) nodes.push(step('relu', [i === 0 ? A : result(nodes[i - 1] as Node)], `r${i}`, ['n', 4]))
      return nodes
    }
    verifyGraph(fused(chain(MAX_FUSED_NODES)))
    expectBroken(fused(chain(MAX_FUSED_NODES + 1)), 'fused-size', 'f')
    expectBroken(fused([], { body: { outputs: [{ name: 'o', value: A }] } }), 'result-type', 'f')
  })
})
