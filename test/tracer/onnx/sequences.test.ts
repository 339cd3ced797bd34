import { describe, expect, test } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import type { IngotError } from '../../../src/base/error.js'
import { compile, load } from '../../../src/index.js'
import type { Graph } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { verifyGraph } from '../../../src/ir/verify.js'
import { decodeRecorded, importOnnxSync, type ImportOnnxOptions } from '../../../src/tracer/onnx/index.js'
import { ATTRIBUTE_TYPE, DATA_TYPE, errorOf, model, node, onnx, port, type ModelParts } from './onnx-models.js'

type Results = Readonly<Record<string, readonly [shape: readonly number[], elements: readonly number[]]>>

const imported = (parts: ModelParts, options: ImportOnnxOptions = {}): Graph => {
  const graph = importOnnxSync(model(parts), options)
  verifyGraph(graph)
  return graph
}
const plain = (results: Readonly<Record<string, HostTensor>>): Results => Object.fromEntries(Object.entries(results).map(([name, t]) => [name, [t.shape, Array.from(toNumbers(t))]]))
const run = (parts: ModelParts, feeds: Readonly<Record<string, HostTensor>> = {}, options: ImportOnnxOptions = {}): Results => plain(interpret(imported(parts, options), feeds))
const refusal = (parts: ModelParts, options: ImportOnnxOptions = {}): Promise<IngotError> => errorOf(() => imported(parts, options))
const f32 = (shape: readonly number[], data: readonly number[]): HostTensor => hostTensor('float32', shape, data)
const int64 = (name: string, values: readonly number[], dims: readonly number[] = [values.length]) => ({ name, dims: [...dims], dataType: DATA_TYPE.INT64, int64Data: [...values] })
const at = (name: string, value: number) => int64(name, [value], [])
const graphAttribute = (g: object): object => ({ type: ATTRIBUTE_TYPE.GRAPH, g })
const sequencePort = (name: string, shape: readonly (number | string)[] | undefined, elemType: number = DATA_TYPE.FLOAT): onnx.IValueInfoProto => {
  const tensorType = port('', shape ?? [], elemType).type?.tensorType
  return { name, type: { sequenceType: { elemType: { tensorType: shape === undefined ? { elemType } : tensorType ?? null } } } }
}

/** Counts 0, 1, 2, … */
const X = f32([4, 2], [0, 1, 2, 3, 4, 5, 6, 7])
const x = [port('x', [4, 2])]

describe('sequences', () => {
  const three = node('SequenceConstruct', ['a', 'b', 'c'], ['s'])
  const abc: Pick<ModelParts, 'inputs'> = { inputs: [port('a', [1]), port('b', [2]), port('c', [3])] }
  const fed = { a: f32([1], [1]), b: f32([2], [2, 3]), c: f32([3], [4, 5, 6]) }
  const lengthsAfter = (nodes: readonly onnx.INodeProto[], ...numbers: readonly (readonly [string, number])[]): readonly number[] =>
    Object.values(run({ ...abc, nodes: [three, ...nodes], initializers: numbers.map(([name, value]) => at(name, value)), outputs: ['y'] }, fed)).map(([shape]) => shape[0] ?? -1)

  test('an element is taken from the front or, by a negative position, from the end, and no node is written for it', () => {
    for (const [position, expected] of [[0, 'a'], [2, 'c'], [-1, 'c'], [-3, 'a']] as const) {
      const graph = imported({ ...abc, nodes: [three, node('SequenceAt', ['s', 'p'], ['y'])], initializers: [at('p', position)] })
      expect([graph.nodes.length, graph.outputs[0]?.value.name]).toEqual([0, expected])
    }
  })

  test('tensors are put in and taken out where the position says, at the end without one', () => {
    expect(lengthsAfter([node('SequenceInsert', ['s', 'a'], ['y'])])).toEqual([1, 2, 3, 1])
    expect(lengthsAfter([node('SequenceInsert', ['s', 'c', 'p'], ['y'])], ['p', 0])).toEqual([3, 1, 2, 3])
    expect(lengthsAfter([node('SequenceInsert', ['s', 'a', 'p'], ['y'])], ['p', 3])).toEqual([1, 2, 3, 1])
    expect(lengthsAfter([node('SequenceInsert', ['s', 'a', 'p'], ['y'])], ['p', -1])).toEqual([1, 2, 1, 3])
    expect(lengthsAfter([node('SequenceErase', ['s'], ['y'])])).toEqual([1, 2])
    expect(lengthsAfter([node('SequenceErase', ['s', 'p'], ['y'])], ['p', -3])).toEqual([2, 3])
  })

  test('what was in a sequence stays as it was when another is made of it', () => {
    const nodes = [three, node('SequenceErase', ['s'], ['t']), node('SequenceLength', ['s'], ['m']), node('SequenceLength', ['t'], ['n'])]
    expect(run({ ...abc, nodes, outputs: ['m', 'n'] }, fed)).toEqual({ m: [[], [3]], n: [[], [2]] })
  })

  test('of elements of one shape one is taken whose position is only known while running', async () => {
    const parts: ModelParts = { inputs: [port('a', ['n']), port('b', ['n']), port('p', [], DATA_TYPE.INT64)], nodes: [node('SequenceConstruct', ['a', 'b', 'a'], ['s']), node('SequenceAt', ['s', 'p'], ['y'])] }
    const feeds = (p: bigint) => ({ a: f32([2], [1, 2]), b: f32([2], [3, 4]), p: hostTensor('int64', [], [p]) })
    using session = await load(await compile(model(parts), { target: 'wasm' }))
    for (const [p, expected] of [[0n, [1, 2]], [1n, [3, 4]], [-2n, [3, 4]]] as const) {
      expect(run(parts, feeds(p))['y']).toEqual([[2], expected])
      expect(plain(session.runSync(feeds(p)))['y']).toEqual([[2], expected])
    }
    expect(() => session.runSync(feeds(3n))).toThrow(/index-out-of-range|outside/)
  })

  test('a position outside is refused, as is one that is only known while running where shapes differ', async () => {
    for (const [nodes, position] of [[[node('SequenceAt', ['s', 'p'], ['y'])], 3], [[node('SequenceAt', ['s', 'p'], ['y'])], -4], [[node('SequenceErase', ['s', 'p'], ['y'])], 3], [[node('SequenceInsert', ['s', 'a', 'p'], ['y'])], 4]] as const) {
      expect(await refusal({ ...abc, nodes: [three, ...nodes], initializers: [at('p', position)] })).toMatchObject({ code: 'index-out-of-range', what: `position ${position} is outside a sequence of 3 tensors`, where: { op: nodes[0].opType } })
    }
    expect(await refusal({ inputs: [...abc.inputs ?? [], port('p', [], DATA_TYPE.INT64)], nodes: [three, node('SequenceAt', ['s', 'p'], ['y'])] })).toMatchObject({ code: 'shape-not-static', where: { op: 'SequenceAt' } })
    expect(await refusal({ nodes: [node('SequenceEmpty', [], ['e']), node('SequenceErase', ['e'], ['y'])] })).toMatchObject({ code: 'index-out-of-range' })
  })

  test('all tensors in a sequence are of one dtype, that of an empty one is said', async () => {
    const insert = (dtype: Parameters<typeof node>[3]): ModelParts => ({ inputs: [port('i', [2], DATA_TYPE.INT64)], nodes: [node('SequenceEmpty', [], ['e'], dtype), node('SequenceInsert', ['e', 'i'], ['y'])] })
    expect(await refusal(insert({}))).toMatchObject({ code: 'dtype-mismatch', what: 'a tensor of int64 in a sequence of float32' })
    expect(Object.keys(run(insert({ dtype: DATA_TYPE.INT64 }), { i: hostTensor('int64', [2], [1n, 2n]) }))).toEqual(['y.0'])
    expect(await refusal({ inputs: [port('a', [1]), port('i', [2], DATA_TYPE.INT64)], nodes: [node('SequenceConstruct', ['a', 'i'], ['y'])] })).toMatchObject({ code: 'dtype-mismatch' })
  })

  test('a sequence where a tensor must be, and a tensor where a sequence must be, are refused by name', async () => {
    expect(await refusal({ ...abc, nodes: [three, node('Relu', ['s'], ['y'])] })).toMatchObject({ code: 'unsupported-type', what: 'input 0 of Relu is a sequence of 3 tensors, not a tensor', where: { op: 'Relu' } })
    expect(await refusal({ ...abc, nodes: [node('SequenceLength', ['a'], ['y'])] })).toMatchObject({ code: 'unsupported-type', what: 'input 0 of SequenceLength is a tensor, not a sequence' })
  })

  test('concatenation is along an axis that is there or along a new one', async () => {
    const join = (attributes: Parameters<typeof node>[3]): ModelParts => ({ inputs: [port('a', [1, 2]), port('b', [1, 2])], nodes: [node('SequenceConstruct', ['a', 'b'], ['s']), node('ConcatFromSequence', ['s'], ['y'], attributes)] })
    const feeds = { a: f32([1, 2], [1, 2]), b: f32([1, 2], [3, 4]) }
    expect(run(join({ axis: 0 }), feeds)['y']).toEqual([[2, 2], [1, 2, 3, 4]])
    expect(run(join({ axis: -1 }), feeds)['y']).toEqual([[1, 4], [1, 2, 3, 4]])
    expect(run(join({ axis: -1, new_axis: 1 }), feeds)['y']).toEqual([[1, 2, 2], [1, 3, 2, 4]])
    expect(run(join({ axis: 0, new_axis: 1 }), feeds)['y']).toEqual([[2, 1, 2], [1, 2, 3, 4]])
    expect(await refusal(join({ axis: 2 }))).toMatchObject({ code: 'bad-attribute' })
    expect(await refusal({ nodes: [node('SequenceEmpty', [], ['e']), node('ConcatFromSequence', ['e'], ['y'], { axis: 0 })] })).toMatchObject({ code: 'unsupported-op', where: { op: 'ConcatFromSequence' } })
  })
})

describe('SplitToSequence', () => {
  const split = (attributes: Parameters<typeof node>[3], sizes?: ReturnType<typeof int64>): ModelParts => ({ inputs: x, outputs: ['s'], nodes: [node('SplitToSequence', sizes === undefined ? ['x'] : ['x', 'sizes'], ['s'], attributes)], initializers: sizes === undefined ? [] : [sizes] })

  test('without sizes there is one tensor for each place, whose axis goes where keepdims is 0; the size 1 is the same', () => {
    expect(run(split({ axis: 1 }), { x: X })).toEqual({ 's.0': [[4, 1], [0, 2, 4, 6]], 's.1': [[4, 1], [1, 3, 5, 7]] })
    const columns = { 's.0': [[4], [0, 2, 4, 6]], 's.1': [[4], [1, 3, 5, 7]] }
    expect(run(split({ axis: -1, keepdims: 0 }), { x: X })).toEqual(columns)
    expect(run(split({ axis: 1, keepdims: 0 }, at('sizes', 1)), { x: X })).toEqual(columns)
  })

  test('a single size gives parts of it and a smaller last one; a list gives parts of those sizes; keepdims counts for neither', () => {
    expect(run(split({ keepdims: 0 }, at('sizes', 3)), { x: X })).toEqual({ 's.0': [[3, 2], [0, 1, 2, 3, 4, 5]], 's.1': [[1, 2], [6, 7]] })
    expect(run(split({ keepdims: 0 }, int64('sizes', [1, 1, 1, 1])), { x: X })['s.3']).toEqual([[1, 2], [6, 7]])
    expect(run(split({ keepdims: 0 }, int64('sizes', [1, 0, 3])), { x: X })).toEqual({ 's.0': [[1, 2], [0, 1]], 's.1': [[0, 2], []], 's.2': [[3, 2], [2, 3, 4, 5, 6, 7]] })
  })

  test('sizes in a list may hold for an extent that is only known while running; their number must be known', async () => {
    const symbolic = { ...split({}, int64('sizes', [1, 3])), inputs: [port('x', ['n', 2])] }
    expect(run(symbolic, { x: X })['s.1']?.[0]).toEqual([3, 2])
    expect(() => run(symbolic, { x: f32([3, 2], [0, 1, 2, 3, 4, 5]) })).toThrow(/the parts of SplitToSequence cover its axis/)
    expect(await refusal({ ...split({}), inputs: [port('x', ['n', 2])] })).toMatchObject({ code: 'shape-not-static', hint: expect.stringContaining('--shape') as string })
    expect(Object.keys(run({ ...split({}), inputs: [port('x', ['n', 2])] }, { x: X }, { shapes: { x: [4, null] } }))).toHaveLength(4)
  })

  test('sizes that do not cover the axis, or are none, are refused', async () => {
    expect(await refusal(split({}, int64('sizes', [1, 2])))).toMatchObject({ code: 'shape-mismatch' })
    expect(await refusal(split({}, int64('sizes', [-1, 5])))).toMatchObject({ code: 'bad-attribute' })
    expect(await refusal(split({}, at('sizes', 0)))).toMatchObject({ code: 'bad-attribute' })
    expect(await refusal({ ...split({}), inputs: [port('x', [1_000_000])] })).toMatchObject({ code: 'unsupported-op' })
  })
})

describe('bodies', () => {
  const axisAttribute = (axis: number): Parameters<typeof node>[3] => ({ axis })

  test('split, mapped with a tensor that all elements get, and put together again', async () => {
    const body = graphAttribute({ name: 'body', input: [port('e', [2, 2]), port('w', [2])], node: [node('Mul', ['e', 'w'], ['p']), node('ReduceSum', ['p'], ['r'], { keepdims: 0 })], output: [{ name: 'p' }, { name: 'r' }] })
    const parts: ModelParts = {
      inputs: [...x, port('w', [2])], outputs: ['y', 'sums'], initializers: [at('two', 2)],
      nodes: [node('SplitToSequence', ['x', 'two'], ['s']), node('SequenceMap', ['s', 'w'], ['products', 'rs'], { body }), node('ConcatFromSequence', ['products'], ['y'], axisAttribute(1)), node('ConcatFromSequence', ['rs'], ['sums'], { axis: 0, new_axis: 1 })],
    }
    // [[0, 1], [2, 3]] and [[4, 5], [6, 7]], each times [10, 1]: [[0, 1], [20, 3]] and [[40, 5], [60, 7]], which sum up to 24 and 112.
    const expected: Results = { y: [[2, 4], [0, 1, 40, 5, 20, 3, 60, 7]], sums: [[2], [24, 112]] }
    const feeds = { x: X, w: f32([2], [10, 1]) }
    expect(run(parts, feeds)).toEqual(expected)
    for (const target of ['js', 'wasm'] as const) {
      using session = await load(await compile(model(parts), { target }))
      expect(plain(session.runSync(feeds))).toEqual(expected)
    }
  })

  test('a map over an empty sequence gives empty sequences of the dtypes that its body declares', () => {
    const body = graphAttribute({ name: 'body', input: [port('e', [2])], node: [node('Shape', ['e'], ['n'])], output: [port('n', [1], DATA_TYPE.INT64)] })
    const nodes = [node('SequenceEmpty', [], ['s']), node('SequenceMap', ['s'], ['t'], { body }), node('SequenceInsert', ['t', 'one'], ['u']), node('SequenceLength', ['u'], ['y'])]
    expect(run({ nodes, initializers: [at('one', 1)] })['y']).toEqual([[], [1]])
  })

  test('a map over sequences of different lengths is refused', async () => {
    const body = graphAttribute({ name: 'body', input: [port('e', [2]), port('f', [2])], node: [node('Add', ['e', 'f'], ['g'])], output: [{ name: 'g' }] })
    const nodes = [node('SequenceConstruct', ['x', 'x'], ['s']), node('SequenceConstruct', ['x'], ['t']), node('SequenceMap', ['s', 't'], ['y'], { body })]
    expect(await refusal({ inputs: x, nodes })).toMatchObject({ code: 'onnx-invalid', what: 'input 1 of SequenceMap is a sequence of 1 tensor, and input 0 is one of 2' })
  })

  const loopBody = graphAttribute({
    name: 'body', input: [port('i', [], DATA_TYPE.INT64), port('go', [], DATA_TYPE.BOOL), port('h', [2]), { name: 'list' }],
    node: [node('Add', ['h', 'h'], ['h2']), node('SequenceInsert', ['list', 'h2'], ['list2']), node('Identity', ['go'], ['go2'])], output: [{ name: 'go2' }, { name: 'h2' }, { name: 'list2' }],
  })
  const appending = (trips: readonly onnx.ITensorProto[], inputs: readonly onnx.IValueInfoProto[] = []): ModelParts => ({
    inputs: [port('h0', [2]), ...inputs], initializers: trips,
    nodes: [node('SequenceEmpty', [], ['none']), node('Loop', ['trips', '', 'h0', 'none'], ['h', 'list'], { body: loopBody }), node('ConcatFromSequence', ['list'], ['y'], { axis: 0, new_axis: 1 })],
  })

  test('a Loop appends to a list, and reads what was appended', () => {
    expect(run(appending([at('trips', 3)]), { h0: f32([2], [1, 5]) })['y']).toEqual([[3, 2], [2, 10, 4, 20, 8, 40]])
  })

  test('a Loop that carries a list must know how often it runs', async () => {
    expect(await refusal(appending([], [port('trips', [], DATA_TYPE.INT64)]))).toMatchObject({ code: 'shape-not-static', hint: expect.stringContaining('--value trips=') as string, where: { op: 'Loop' } })
    expect(run(appending([], [port('trips', [], DATA_TYPE.INT64)]), { h0: f32([2], [1, 5]) }, { constants: { trips: 1 } })['y']).toEqual([[1, 2], [2, 10]])
  })

  test('an If that is decided while compiling gives a sequence, one that is not cannot', async () => {
    const branch = (...elements: readonly string[]): object => graphAttribute({ name: 'b', node: [node('SequenceConstruct', elements, ['r'])], output: [{ name: 'r' }] })
    const parts: ModelParts = { inputs: [...x, port('c', [], DATA_TYPE.BOOL)], nodes: [node('If', ['c'], ['y'], { then_branch: branch('x'), else_branch: branch('x', 'x') })] }
    expect(Object.keys(run(parts, { x: X }, { constants: { c: false } }))).toEqual(['y.0', 'y.1'])
    expect(await refusal(parts)).toMatchObject({ code: 'shape-not-static', hint: expect.stringContaining('--value c=') as string })
  })

  test('functions take and give sequences, from within functions too, and read those around a graph', () => {
    const opsets = [{ domain: '', version: 17 }, { domain: 'local', version: 1 }], call = { domain: 'local' }
    const body = graphAttribute({ name: 'body', input: [port('e', [2])], node: [node('SequenceAt', ['s', 'zero'], ['first']), node('Sub', ['e', 'first'], ['d'])], output: [{ name: 'd' }] })
    const functions = [
      { name: 'Differences', domain: 'local', input: ['s'], output: ['t'], opsetImport: opsets, node: [node('Constant', [], ['zero'], { value_int: 0 }), node('SequenceMap', ['s'], ['t'], { body })] },
      { name: 'Twice', domain: 'local', input: ['s'], output: ['u'], opsetImport: opsets, node: [node('Differences', ['s'], ['t'], {}, call), node('SequenceErase', ['t', 'at'], ['u']), node('Constant', [], ['at'], { value_int: 0 })] },
    ]
    const nodes = [node('SplitToSequence', ['x'], ['rows'], { axis: 0, keepdims: 0 }), node('Twice', ['rows'], ['y'], {}, call)]
    // Rows 1 to 3 less row 0.
    expect(run({ inputs: x, nodes, more: { opsetImport: opsets, functions } }, { x: X })).toEqual({ 'y.0': [[2], [2, 2]], 'y.1': [[2], [4, 4]], 'y.2': [[2], [6, 6]] })
  })
})

describe('optionals', () => {
  test('hold a tensor, a sequence or nothing', () => {
    const nodes = [
      node('Optional', ['x'], ['some']), node('Optional', [], ['none'], { type: { type: 13 } }), node('SequenceConstruct', ['x', 'x'], ['s']), node('Optional', ['s'], ['list']),
      node('OptionalHasElement', ['some'], ['a']), node('OptionalHasElement', ['none'], ['b']), node('OptionalHasElement', [''], ['c']),
      node('OptionalGetElement', ['some'], ['e']), node('OptionalGetElement', ['list'], ['f']), node('SequenceLength', ['f'], ['n']),
    ]
    const results = run({ inputs: x, nodes, outputs: ['a', 'b', 'c', 'e', 'n', 'none'] }, { x: X })
    expect(Object.keys(results)).toEqual(['a', 'b', 'c', 'e', 'n'])
    expect([results['a'], results['b'], results['c'], results['n']]).toEqual([[[], [1]], [[], [0]], [[], [0]], [[], [2]]])
    expect(results['e']?.[0]).toEqual([4, 2])
  })

  test('what a function is called without is not there in it, nor in its branches', () => {
    const opsets = [{ domain: '', version: 18 }, { domain: 'local', version: 1 }], call = { domain: 'local' }
    const branch = (...nodes: readonly onnx.INodeProto[]): object => graphAttribute({ name: 'b', node: nodes, output: [{ name: nodes.at(-1)?.output?.[0] ?? null }] })
    const inner = node('If', ['has'], ['sum'], { then_branch: branch(node('Add', ['a', 'bias'], ['added'])), else_branch: branch(node('OptionalHasElement', ['bias'], ['h']), node('CastLike', ['h', 'a'], ['none'])) })
    const functions = [{ name: 'AddBias', domain: 'local', input: ['a', 'bias'], output: ['b'], opsetImport: opsets, node: [node('OptionalHasElement', ['bias'], ['has']), inner, node('Identity', ['sum'], ['b'])] }]
    const parts = (...inputs: readonly string[]): ModelParts => ({ inputs: [port('x', [2])], nodes: [node('AddBias', inputs, ['y'], {}, call)], more: { opsetImport: opsets, functions } })
    expect(run(parts('x', 'x'), { x: f32([2], [1, 2]) })['y']).toEqual([[2], [2, 4]])
    expect(run(parts('x'), { x: f32([2], [1, 2]) })['y']).toEqual([[], [0]])
  })

  test('what is not there cannot be taken out, and a graph must give something', async () => {
    const none = node('Optional', [], ['none'], { type: { type: 13 } })
    expect(await refusal({ inputs: x, nodes: [none, node('OptionalGetElement', ['none'], ['y'])] })).toMatchObject({ code: 'onnx-invalid', where: { op: 'OptionalGetElement' } })
    expect(await refusal({ inputs: x, nodes: [none, node('Relu', ['none'], ['y'])] })).toMatchObject({ code: 'unsupported-type', what: 'input 0 of Relu is an optional that holds nothing, not a tensor' })
    expect(await refusal({ inputs: x, nodes: [none], outputs: ['none'] })).toMatchObject({ code: 'unsupported-type' })
  })
})

describe('ports', () => {
  const sum: ModelParts = { inputs: [sequencePort('s', ['n', 2])], nodes: [node('ConcatFromSequence', ['s'], ['y'], { axis: 0 })] }

  test('a sequence of a length that is given becomes as many inputs, whose extents are their own', () => {
    const graph = imported(sum, { lengths: { s: 2 } })
    expect(graph.inputs.map((v) => v.name)).toEqual(['s.0', 's.1'])
    expect(graph.symbols.map((s) => s.name)).toEqual(['s.0_0', 's.1_0'])
    expect(plain(interpret(graph, { 's.0': f32([1, 2], [1, 2]), 's.1': X }))['y']).toEqual([[5, 2], [1, 2, 0, 1, 2, 3, 4, 5, 6, 7]])
  })

  test('a length that is not given or does not fit is refused', async () => {
    expect(await refusal(sum)).toMatchObject({ code: 'unsupported-type', hint: expect.stringContaining('--length s=3') as string, where: { origin: 's' } })
    for (const lengths of [{ s: null }, { s: -1 }, { s: 1.5 }, { z: 1 }]) expect(await refusal(sum, { lengths })).toMatchObject({ code: 'bad-option' })
    expect(await refusal({ inputs: x, nodes: [node('Relu', ['x'], ['y'])] }, { lengths: { x: 1 } })).toMatchObject({ code: 'bad-option' })
  })

  test('elements of no declared rank take that of the shapes that are given, as other inputs do', async () => {
    const parts = { ...sum, inputs: [sequencePort('s', undefined)] }
    expect(await refusal(parts, { lengths: { s: 1 } })).toMatchObject({ code: 'unsupported-type', hint: expect.stringContaining('--shape s.0=') as string })
    const graph = imported(parts, { lengths: { s: 2 }, shapes: { 's.0': [null, 2], 's.1': [1, 2] } })
    expect(graph.inputs.map((v) => v.type)).toMatchObject([{ shape: ['s.0_0', 2] }, { shape: [1, 2] }])
  })

  test('an optional input is there under its own name, or not, as is said', async () => {
    const optional = (elemType: onnx.ITypeProto): ModelParts => ({ inputs: [...x, { name: 'o', type: { optionalType: { elemType } } }], nodes: [node('OptionalHasElement', ['o'], ['y']), node('Identity', ['o'], ['z'])], outputs: ['y', 'z'] })
    const tensor = optional(port('', [2]).type ?? {}), list = optional(sequencePort('', [2]).type ?? {})
    const portsAt = (parts: ModelParts, o: number | null): readonly (readonly string[])[] => { const g = imported(parts, { lengths: { o } }); return [g.inputs.map((v) => v.name), g.outputs.map((v) => v.name)] }
    expect(portsAt(tensor, 1)).toEqual([['x', 'o'], ['y', 'z']])
    expect(portsAt(tensor, null)).toEqual([['x'], ['y']])
    expect(portsAt(list, 2)).toEqual([['x', 'o.0', 'o.1'], ['y', 'z.0', 'z.1']])
    expect(portsAt(list, 0)).toEqual([['x'], ['y']])
    expect(run(list, { x: X }, { lengths: { o: 0 } })['y']).toEqual([[], [1]])
    expect(run(list, { x: X }, { lengths: { o: null } })['y']).toEqual([[], [0]])
    expect(await refusal(tensor)).toMatchObject({ code: 'unsupported-type', hint: expect.stringContaining('o=none') as string })
    expect(await refusal(tensor, { lengths: { o: 2 } })).toMatchObject({ code: 'bad-option' })
  })

  test('outputs that are sequences are outputs of their elements, also of one tensor twice and of an input', async () => {
    const parts: ModelParts = { inputs: x, outputs: ['y'], nodes: [node('Neg', ['x'], ['n']), node('SequenceConstruct', ['n', 'x', 'n'], ['y'])] }
    using session = await load(await compile(model(parts), { target: 'wasm' }))
    expect(session.outputs.map((o) => o.name)).toEqual(['y.0', 'y.1', 'y.2'])
    const results = plain(session.runSync({ x: X }))
    expect(results['y.1']).toEqual([[4, 2], [0, 1, 2, 3, 4, 5, 6, 7]])
    expect(results['y.2']).toEqual(results['y.0'])
  })

  test('names of elements that other ports bear are refused', async () => {
    expect(await refusal({ ...sum, inputs: [...sum.inputs ?? [], port('s.0', [2])] }, { lengths: { s: 1 } })).toMatchObject({ code: 'onnx-duplicate-value' })
    expect(await refusal({ inputs: x, outputs: ['y', 'y.0'], nodes: [node('SequenceConstruct', ['x'], ['y']), node('Neg', ['x'], ['y.0'])] })).toMatchObject({ code: 'onnx-duplicate-value' })
  })

  test('recorded data are read as the ports say', () => {
    const tensor = onnx.TensorProto.encode({ dims: [2], dataType: DATA_TYPE.FLOAT, floatData: [3, 4] }).finish()
    const sequence = Uint8Array.from([0x10, 1, 0x1a, tensor.length, ...tensor, 0x1a, tensor.length, ...tensor])
    const bytes = model({ ...sum, inputs: [port('x', [2]), sequencePort('s', ['n'])] })
    expect(decodeRecorded(bytes, 'input', [tensor, sequence])).toMatchObject({ tensors: { x: { shape: [2] }, 's.0': { shape: [2] }, 's.1': { shape: [2] } }, lengths: { s: 2 }, shapes: { 's.0': [null], 's.1': [null] } })
  })
})
