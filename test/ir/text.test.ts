import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DTYPES, type DType, type HostTensor } from '../../src/base/dtype.js'
import { add, floorDiv } from '../../src/ir/dims.js'
import type { Attrs, Graph, Node, Value } from '../../src/ir/graph.js'
import { fromNumbers, hostTensor, seededTensor, tensorsEqual } from '../../src/ir/host-tensor.js'
import { parseGraph } from '../../src/ir/parse.js'
import { printGraph } from '../../src/ir/print.js'
import { tensorType, type ValueType } from '../../src/ir/types.js'
import './probe-op.js'

const full = (graph: Graph): string => printGraph(graph, { weights: 'full' })
const again = (graph: Graph): Graph => parseGraph(full(graph))

const value = (name: string, type: ValueType = tensorType('float32', [2]), more: Partial<Value> = {}): Value => ({ name, type, ...more })
const constant = (name: string, data: HostTensor): Value => ({ name, type: tensorType(data.dtype, data.shape), data })
const empty: Graph = { name: 'g', stage: 'traced', symbols: [], constraints: [], inputs: [], nodes: [], outputs: [] }

const inner: Graph = { ...empty, name: 'inner', outputs: [] }
const ATTRS: Attrs = {
  int: -3, ints: [1, -2, 0], float: 0.1, floats: [NaN, Infinity, -Infinity, -0, 1e-45, 1e300], string: 'a "b"\n', strings: ['', 'ü…'], bool: true, bools: [true, false] as unknown as number[],
  dtype: 'bfloat16', dim: add('a b', 1), dims: [1, floorDiv('n', 2)], tensor: hostTensor('int64', [2], [1n, -(2n ** 63n)]), graph: inner,
}

function probeGraph(attrs: Attrs, options: { readonly origin?: string; readonly x?: Value } = {}): Graph {
  const x = options.x ?? value('x')
  const y = value('y', x.type)
  const node: Node = { op: 'probe', inputs: [x, null], attrs, outputs: [y], origin: options.origin ?? 'here' }
  return { ...empty, inputs: [x], nodes: [node], outputs: [{ name: 'out', value: y }] }
}

describe('the text of graphs', () => {
  it('is readable', () => {
    const w = constant('w', hostTensor('float32', [2, 2], [0.1, 1, -2.5, Infinity]))
    const x = value('x', tensorType('float32', ['batch', 2]))
    const h = value('h', tensorType('float32', ['batch', 2]))
    const graph: Graph = {
      ...empty, name: 'mlp', stage: 'inference', inputs: [x],
      symbols: [{ name: 'batch', source: { kind: 'extent', input: 0, axis: 0 } }],
      constraints: [{ kind: 'le', a: 'batch', b: 8, why: 'small' }],
      nodes: [{ op: 'matmul', inputs: [x, w], attrs: { trans_a: false, trans_b: true }, outputs: [h], origin: 'Gemm_0' }],
      outputs: [{ name: 'y', value: h }],
    }
    expect(printGraph(graph)).toBe(`graph @mlp stage=inference (x: float32[batch, 2]) -> (y: float32[batch, 2]) {
  symbol batch = extent(x, 0)
  assume batch <= 8 "small"
  const %w: float32[2, 2] = [0.1, 1, -2.5, inf]
  %h: float32[batch, 2] = matmul(%x, %w) {trans_a = false, trans_b = true} @ "Gemm_0"
  return y = %h
}
`)
  })

  it('keeps attributes of every kind', () => {
    expect(again(probeGraph(ATTRS))).toEqual(probeGraph(ATTRS))
  })

  it('keeps names that are no identifiers, wherever they stand', () => {
    const odd = ['/layer.0/Conv_output_0', '12', 'a b', 'ticks `\\` and \n lines', '', 'return', 'graph', '_', 'const']
    for (const name of odd) {
      const x = value(name, tensorType('int64', [`${name}!`, 3, add(name === '' ? 'n' : name, 1)]))
      const y = value(`${name}'`, x.type)
      const graph: Graph = {
        ...empty, name, inputs: [x], symbols: [{ name: `${name}!`, source: { kind: 'element', input: 0, index: 4 } }],
        nodes: [{ op: 'probe', inputs: [x], attrs: {}, outputs: [y], origin: name }], outputs: [{ name, value: y }],
      }
      expect(again(graph), name).toEqual(graph)
    }
  })

  it('keeps types of every kind and elements known as dims', () => {
    const types: ValueType[] = [tensorType('float8e4m3fn', []), { kind: 'sequence', element: tensorType('string', ['n']) }, { kind: 'optional', element: { kind: 'sequence', element: tensorType('bool', [0]) } }, { kind: 'map', key: 'int64', value: tensorType('float32', [1]) }]
    for (const type of types) expect(again(probeGraph({}, { x: value('x', type) }))).toEqual(probeGraph({}, { x: value('x', type) }))
    const known = probeGraph({}, { x: value('x', tensorType('int64', [3]), { dims: ['past', add('past', 'seq'), -1] }) })
    expect(again(known)).toEqual(known)
  })

  it('keeps constants of every dtype, bit for bit', () => {
    for (const dtype of Object.keys(DTYPES) as DType[]) {
      const data = dtype === 'string' ? hostTensor(dtype, [2], ['a"\n', '…']) : seededTensor(dtype, [3, 5], 5, dtype === 'bool' ? [0, 2] : DTYPES[dtype].kind === 'uint' ? [0, 4] : [-2, 2])
      const graph: Graph = { ...empty, outputs: [{ name: 'y', value: constant('c', data) }] }
      const back = again(graph).outputs[0]?.value.data as HostTensor
      expect(tensorsEqual(back, data), dtype).toBe(true)
    }
  })

  it('keeps every bit pattern of floats, NaNs with payloads included', () => {
    const keeps = (data: HostTensor): boolean => tensorsEqual(again({ ...empty, outputs: [{ name: 'y', value: constant('c', data) }] }).outputs[0]?.value.data as HostTensor, data)
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 40 }), (words) => {
      expect(keeps({ dtype: 'float32', shape: [words.length], data: new Float32Array(Uint32Array.from(words).buffer) })).toBe(true)
      expect(keeps({ dtype: 'float64', shape: [words.length], data: new Float64Array(BigUint64Array.from(words, (w) => BigInt(w) << 32n | BigInt(w)).buffer) })).toBe(true)
    }), { seed: 3 })
    for (const dtype of ['float16', 'bfloat16'] as const) expect(keeps({ dtype, shape: [65536], data: Uint16Array.from({ length: 65536 }, (_, i) => i) }), dtype).toBe(true)
    for (const dtype of ['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0'] as const) expect(keeps({ dtype, shape: [256], data: Uint8Array.from({ length: 256 }, (_, i) => i) }), dtype).toBe(true)
  })

  it('prints float32 with no more digits than it takes', () => {
    const data = hostTensor('float32', [5], Float32Array.of(0.1, 1 / 3, 16777217, 1e-45, 3.4028234663852886e38))
    expect(printGraph({ ...empty, outputs: [{ name: 'y', value: constant('c', data) }] })).toContain('[0.1, 0.33333334, 16777216, 1.4e-45, 3.4028235e+38]')
  })

  it('cuts large constants short unless told not to, and refuses to read what was cut', () => {
    const graph: Graph = { ...empty, outputs: [{ name: 'y', value: constant('c', fromNumbers('int32', [9], [1, 2, 3, 4, 5, 6, 7, 8, 9])) }] }
    expect(printGraph(graph)).toContain('= [1, 2, 3, 4, …]')
    expect(() => parseGraph(printGraph(graph))).toThrow(/elements of this constant were left out/)
    expect(again(graph)).toEqual(graph)
  })

  it('prints a constant in the innermost graph that all its uses are in', () => {
    const shared = constant('shared', hostTensor('float32', [1], [1])), own = constant('own', hostTensor('float32', [1], [2]))
    const nest = (name: string, ...outputs: Value[]): Graph => ({ ...empty, name, outputs: outputs.map((v, i) => ({ name: `${name}${i}`, value: v })) })
    const [a, b] = [probeGraph({ graph: nest('p', shared, own) }).nodes[0], probeGraph({ graph: nest('q', shared) }, { x: value('x') }).nodes[0]] as [Node, Node]
    const x = a.inputs[0] as Value
    const z = value('z')
    const graph: Graph = { ...empty, inputs: [x], nodes: [a, { ...b, inputs: [x], outputs: [z] }], outputs: [{ name: 'z', value: z }] }
    const text = full(graph)
    expect(text.indexOf('const %shared')).toBeLessThan(text.indexOf('probe'))
    expect(text.indexOf('const %own')).toBeGreaterThan(text.indexOf('graph @p'))
    expect(text.match(/const /g)).toHaveLength(2)
    expect(again(graph)).toEqual(graph)
  })

  it('lets nested graphs use the values around them, as the same objects', () => {
    const outer = probeGraph({})
    const nested: Graph = { ...empty, name: 'n', outputs: [{ name: 'o', value: outer.inputs[0] as Value }] }
    const graph: Graph = { ...outer, nodes: outer.nodes.map((n) => ({ ...n, attrs: { graph: nested } })) }
    const back = again(graph)
    expect((back.nodes[0]?.attrs['graph'] as Graph | undefined)?.outputs[0]?.value).toBe(back.inputs[0])
  })

  it('prints broken graphs too', () => {
    const graph: Graph = { ...empty, symbols: [{ name: 's', source: { kind: 'extent', input: 3, axis: 0 } }], nodes: [{ op: 'no such op', inputs: [value('ghost')], attrs: { a: 1, b: [true as unknown as number], c: 'x' }, outputs: [], origin: '' }] }
    expect(printGraph(graph)).toContain('symbol s = extent(#3, 0)\n  `no such op`(%ghost) {a = 1, b = [true], c = "x"}\n  return\n')
  })
})

describe('reading graphs', () => {
  const text = (body: string): string => `// a comment\ngraph @g stage=traced (x: float32[2]) -> (y: float32[2]) {\n${body}\n}`

  it('takes comments and any spacing', () => {
    const graph = parseGraph(text('%y:float32[ 2 ]=probe( %x , _ )// why\n{int=1 , string="//"}   @"o" return y=%y'))
    expect(graph.nodes[0]?.attrs).toEqual({ int: 1, string: '//' })
    expect(graph.nodes[0]?.inputs[1]).toBeNull()
  })

  it.each([
    ['return y = %z', 'line 3, column 13: a value that is defined before its use expected, found'],
    ['%y: float32[2] = prob(%x)\nreturn y = %y', "line 3, column 18: the name of an op expected, found 'prob(%x)'"],
    ['%y: float33[2] = probe(%x)', 'line 3, column 5: a type expected'],
    ['%y: float32[2] = probe(%x) {colour = 1}', 'line 3, column 29: an attribute of probe (int, ints,'],
    ['%y: float32[2] = probe(%x) {int = 1.5}', 'line 3, column 35: a whole number expected'],
    ['%y: float32[2] = probe(%x) {bool = 1}', "'true' or 'false' expected"],
    ['%y: float32[2] = probe(%x) {dim = a +}', 'an extent (cannot read the extent'],
    ['%x: float32[2] = probe(%x)\nreturn y = %x', 'a name other than %x, which is taken,'],
    ['const %c: float32[2] = [1]', 'line 3, column 24: elements for float32[2], not 1 of them,'],
    ['const %c: int32[2] = [1, 1.5]', 'line 3, column 26: an element of int32'],
    ['const %c: float32[n] = []', 'a constant with a tensor type of known shape'],
    ['symbol s = extent(z, 0)', "line 3, column 19: an input's name"],
    ['assume a < b "why"', "'==' or '<=' expected"],
    ['return z = %x', 'the output y, in the order of the head,'],
    ['return', "the output y expected, found '}'"],
    ['return y = %x }', "nothing after the graph expected, found '}'"],
    ['%y: float32[2] = probe(%x', "',' or ')' expected"],
  ])('refuses %s with line, column and what was expected', (body, message) => {
    expect(() => parseGraph(text(body))).toThrow(expect.objectContaining({ code: 'parse-text', message: expect.stringContaining(message) as string }))
  })

  it('refuses a head that is wrong about an output', () => {
    expect(() => parseGraph('graph @g stage=traced (x: float32[2]) -> (y: float32[3]) {\n return y = %x\n}')).toThrow(/line 1, column \d+: the type of %x expected/)
    expect(() => parseGraph('graph @g stage=later () -> () { return }')).toThrow(/a stage \(traced, inference, canonical, fused\) expected/)
    expect(() => parseGraph('')).toThrow(/line 1, column 1: 'graph' expected, found the end/)
  })
})
