import { describe, expect, test } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { printDim } from '../../../src/ir/dims-text.js'
import { shapeOf, type Graph } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { verifyGraph } from '../../../src/ir/verify.js'
import { importOnnxSync, type ImportOnnxOptions } from '../../../src/tracer/onnx/index.js'
import { ATTRIBUTE_TYPE, DATA_TYPE, errorOf, floatAttribute, model, node, port, referenceAttribute, tensorAttribute, type ModelParts } from './onnx-models.js'

const load = (parts: ModelParts, options: ImportOnnxOptions = {}): Graph => {
  const graph = importOnnxSync(model(parts), options)
  verifyGraph(graph)
  return graph
}
const outputShape = (graph: Graph): string[] => shapeOf(graph.outputs[0]?.value ?? { name: '', type: { kind: 'tensor', dtype: 'bool', shape: [] } }).map(printDim)
const run = (graph: Graph, feeds: Readonly<Record<string, HostTensor>>): number[] => Array.from(toNumbers(Object.values(interpret(graph, feeds))[0] as HostTensor))
const f32 = (shape: readonly number[], data: readonly number[]): HostTensor => hostTensor('float32', shape, data)
const i64 = (data: readonly number[]): HostTensor => hostTensor('int64', [data.length], data.map(BigInt))
const int64 = (name: string, values: readonly number[], dims: readonly number[] = [values.length]) => ({ name, dims: [...dims], dataType: DATA_TYPE.INT64, int64Data: [...values] })

describe('symbols', () => {
  test('named extents are symbols of that name, unnamed ones are called after input and axis', () => {
    const graph = load({ inputs: [port('x', ['batch', '', 'p2o.Dim.0', 3])], nodes: [node('Relu', ['x'], ['y'])] })
    expect(outputShape(graph)).toEqual(['batch', 'x_1', 'p2o.Dim.0', '3'])
    expect(graph.symbols.map((s) => s.name)).toEqual(['batch', 'x_1', 'p2o.Dim.0'])
  })

  test('a dim_param that spells an expression over other symbols is that expression', () => {
    const graph = load({ inputs: [port('m', ['past + seq']), port('a', ['seq']), port('b', ['past'])], nodes: [node('Concat', ['b', 'a'], ['c'], { axis: 0 }), node('Add', ['c', 'm'], ['y'])] })
    expect(graph.symbols.map((s) => s.name).sort()).toEqual(['past', 'seq'])
    expect(graph.constraints).toEqual([])
  })

  test('any other text is a symbol of exactly that name', () => {
    expect(outputShape(load({ inputs: [port('x', ['no such + thing'])], nodes: [node('Relu', ['x'], ['y'])] }))).toEqual(['`no such + thing`'])
  })

  test('a shape that is fed while running gives symbolic extents, with 0 and -1 read as ONNX does', () => {
    const graph = load({ inputs: [port('x', [2, 3, 4]), port('shape', [3], DATA_TYPE.INT64)], nodes: [node('Reshape', ['x', 'shape'], ['y'])] })
    expect(graph.symbols.map((s) => s.source.kind)).toEqual(['element', 'element', 'element'])
    const x = f32([2, 3, 4], Array.from({ length: 24 }, (_, i) => i))
    const shapeFor = (s: readonly number[]): readonly number[] | undefined => interpret(graph, { x, shape: i64(s) })['y']?.shape
    expect(shapeFor([4, 2, 3])).toEqual([4, 2, 3])
    expect(shapeFor([0, -1, 2])).toEqual([2, 6, 2])
    expect(shapeFor([-1, 0, 8])).toEqual([1, 3, 8])
  })

  test('elements of integer inputs that give no shape are no symbols', () => {
    const graph = load({ inputs: [port('x', [5]), port('i', [3], DATA_TYPE.INT64)], nodes: [node('Gather', ['x', 'i'], ['y'])] })
    expect(graph.symbols).toEqual([])
    expect(graph.inputs[1]?.dims).toBeUndefined()
    expect(run(graph, { x: f32([5], [0, 10, 20, 30, 40]), i: i64([4, 0, -2]) })).toEqual([40, 0, 30])
  })

  test('shape arithmetic disappears', () => {
    const nodes = [
      node('Shape', ['x'], ['s']), node('Gather', ['s', 'zero'], ['b'], { axis: 0 }), node('Unsqueeze', ['b', 'axis0'], ['b1']),
      node('Concat', ['b1', 'rest'], ['to'], { axis: 0 }), node('Reshape', ['x', 'to'], ['y']),
    ]
    const graph = load({ inputs: [port('x', ['batch', 4, 6])], nodes, initializers: [int64('zero', [0], []), int64('axis0', [0]), int64('rest', [-1])] })
    expect(outputShape(graph)).toEqual(['batch', '24'])
  })
})

describe('constants', () => {
  const w = { name: 'w', dims: [2], dataType: DATA_TYPE.FLOAT, floatData: [10, 20] }
  const add = [node('Add', ['x', 'w'], ['y'])]

  test('an initialiser that is also an input (IR 3) is a constant, unless inputs may override it', () => {
    const parts = { irVersion: 3, inputs: [port('x', [2]), port('w', [2])], initializers: [w], nodes: add }
    expect(load(parts).inputs.map((v) => v.name)).toEqual(['x'])
    expect(load(parts, { overridableInitializers: true }).inputs.map((v) => v.name)).toEqual(['x', 'w'])
  })

  test('results can be chosen, and what only others need is not there', async () => {
    const parts = { inputs: [port('x', [2])], outputs: ['a', 'b'], nodes: [node('Neg', ['x'], ['a']), node('Abs', ['x'], ['b'])] }
    expect(load(parts, { outputs: ['b'] }).outputs.map((o) => o.name)).toEqual(['b'])
    expect(await errorOf(() => load(parts, { outputs: ['c'] }))).toMatchObject({ code: 'bad-option', message: expect.stringContaining("no result 'c'") })
  })

  test('an input can be fixed to a value', () => {
    const graph = load({ inputs: [port('x', [2]), port('w', [2])], nodes: add }, { constants: { w: f32([2], [1, 2]) } })
    expect(graph.inputs.map((v) => v.name)).toEqual(['x'])
    expect(run(graph, { x: f32([2], [1, 1]) })).toEqual([2, 3])
  })

  test('fixing an input that is none, or to another dtype, is refused', async () => {
    const bytes = model({ inputs: [port('x', [2])], nodes: [node('Relu', ['x'], ['y'])] })
    expect((await errorOf(() => importOnnxSync(bytes, { constants: { z: i64([1]) } }))).code).toBe('bad-option')
    expect((await errorOf(() => importOnnxSync(bytes, { constants: { x: i64([1, 2]) } }))).code).toBe('feed-dtype')
    expect((await errorOf(() => importOnnxSync(bytes, { constants: { x: f32([3], [1, 2, 3]) } }))).code).toBe('feed-extent')
    expect((await errorOf(() => importOnnxSync(bytes, { constants: { x: 'two' } }))).code).toBe('bad-tensor')
  })

  test.each<readonly [string, Parameters<typeof node>[3], readonly number[]]>([
    ['value', { value: tensorAttribute({ dims: [2], dataType: 1, floatData: [1, 2] }) }, [1, 2]],
    ['value_float', { value_float: floatAttribute(3) }, [3]],
    ['value_floats', { value_floats: { type: ATTRIBUTE_TYPE.FLOATS, floats: [4, 5] } }, [4, 5]],
    ['value_int', { value_int: 6 }, [6]],
    ['value_ints', { value_ints: [7, 8] }, [7, 8]],
    ['sparse_value', { sparse_value: { type: ATTRIBUTE_TYPE.SPARSE_TENSOR, sparseTensor: { dims: [2, 2], values: { dims: [1], dataType: 1, floatData: [9] }, indices: { dims: [1], dataType: 7, int64Data: [2] } } } }, [0, 0, 9, 0]],
  ])('Constant in the form %s', (_, attributes, expected) => {
    const graph = load({ nodes: [node('Constant', [], ['y'], attributes)] })
    expect(Array.from(toNumbers(graph.outputs[0]?.value.data as HostTensor))).toEqual(expected)
  })

  test('a sparse initialiser with coordinates is made dense', () => {
    const sparse = { dims: [2, 3], values: { name: 's', dims: [2], dataType: 1, floatData: [5, 6] }, indices: { dims: [2, 2], dataType: 7, int64Data: [0, 1, 1, 2] } }
    const graph = load({ nodes: [node('Identity', ['s'], ['y'])], more: { graph: { name: 'g', node: [node('Identity', ['s'], ['y'])], sparseInitializer: [sparse], output: [{ name: 'y' }] } } })
    expect(Array.from(toNumbers(graph.outputs[0]?.value.data as HostTensor))).toEqual([0, 5, 0, 0, 0, 6])
  })
})

describe('model-local functions', () => {
  const opsets = [{ domain: '', version: 17 }, { domain: 'local', version: 1 }]
  const call = (name: string, attributes: Parameters<typeof node>[3] = {}) => node(name, ['x'], ['y'], attributes, { domain: 'local', name: 'call' })
  const leaky = { name: 'Leaky', domain: 'local', input: ['a'], output: ['b'], attribute: ['slope'], opsetImport: [{ domain: '', version: 17 }], node: [node('LeakyRelu', ['a'], ['b'], { alpha: referenceAttribute('slope', ATTRIBUTE_TYPE.FLOAT) })] }
  const inputs = [port('x', [2])]
  const x = f32([2], [-1, 1])

  test('a function is inlined, its attribute references taken from the call or left to the default', () => {
    const parts = (attributes: Parameters<typeof node>[3]): ModelParts => ({ inputs, nodes: [call('Leaky', attributes)], more: { opsetImport: opsets, functions: [leaky] } })
    expect(run(load(parts({ slope: floatAttribute(0.5) })), { x })).toEqual([-0.5, 1])
    expect(run(load(parts({})), { x })[0]).toBeCloseTo(-0.01)
  })

  test('nodes of a function are located by the call', () => {
    expect(load({ inputs, nodes: [call('Leaky')], more: { opsetImport: opsets, functions: [leaky] } }).nodes[0]?.origin).toBe('call/LeakyRelu_0')
  })

  test('functions that call each other without end are refused and named', async () => {
    const to = (name: string, other: string) => ({ name, domain: 'local', input: ['a'], output: ['b'], opsetImport: opsets, node: [node(other, ['a'], ['b'], {}, { domain: 'local' })] })
    const error = await errorOf(() => load({ inputs, nodes: [call('F')], more: { opsetImport: opsets, functions: [to('F', 'G'), to('G', 'F')] } }))
    expect(error.code).toBe('recursive-function')
    expect(error.message).toContain('local.F → local.G → local.F')
  })

  test('functions that multiply without end are refused soon', async () => {
    const double = (i: number) => ({
      name: `F${i}`, domain: 'local', input: ['a'], output: ['c'], opsetImport: opsets,
      node: i === 40 ? [node('Relu', ['a'], ['c'])] : [node(`F${i + 1}`, ['a'], ['b'], {}, { domain: 'local' }), node(`F${i + 1}`, ['b'], ['c'], {}, { domain: 'local' })],
    })
    const error = await errorOf(() => load({ inputs, nodes: [call('F0')], more: { opsetImport: opsets, functions: Array.from({ length: 41 }, (_, i) => double(i)) } }))
    expect(error.code).toBe('onnx-invalid')
  })
})

describe('If', () => {
  const branch = (op: string) => ({ type: ATTRIBUTE_TYPE.GRAPH, g: { name: op, node: [node(op, ['x'], ['r'])], output: [{ name: 'r' }] } })
  const nodes = [node('If', ['c'], ['y'], { then_branch: branch('Neg'), else_branch: branch('Abs') })]

  test.each([[1, -3], [0, 3]])('a condition that is %i while compiling takes its branch', (condition, expected) => {
    const graph = load({ inputs: [port('x', [1])], nodes, initializers: [{ name: 'c', dims: [], dataType: DATA_TYPE.BOOL, int32Data: [condition] }] })
    expect(run(graph, { x: f32([1], [3]) })).toEqual([expected])
  })

  test('a condition that is only known while running picks between the branches', () => {
    const graph = load({ inputs: [port('x', [1]), port('c', [1], DATA_TYPE.BOOL)], nodes })
    const runWith = (c: number): number[] => run(graph, { x: f32([1], [3]), c: hostTensor('bool', [1], [c]) })
    expect([runWith(1), runWith(0)]).toEqual([[-3], [3]])
  })

  test('branches of different ranks need a condition known while compiling, which fixed extents or values can give', async () => {
    const ranks = [node('Shape', ['x'], ['s']), node('Gather', ['s', 'zero'], ['n']), node('Equal', ['n', 'one'], ['c']), node('If', ['c'], ['y'], {
      then_branch: { type: ATTRIBUTE_TYPE.GRAPH, g: { name: 'a', node: [node('Squeeze', ['x', 'axes'], ['r'])], output: [{ name: 'r' }] } }, else_branch: branch('Neg'),
    })]
    const parts: ModelParts = { inputs: [port('x', ['n', 2])], nodes: ranks, initializers: [int64('zero', [0], []), int64('one', [1], []), int64('axes', [0])] }
    const error = await errorOf(() => load(parts))
    expect(error).toMatchObject({ code: 'unsupported-op', where: { op: 'If' } })
    expect(error.hint).toBe('fix what decides it: the extents of x (--shape x=…,2)')
    expect(outputShape(load(parts, { shapes: { x: [1, 2] } }))).toEqual(['2'])
    expect(outputShape(load(parts, { shapes: { x: [3, 2] } }))).toEqual(['3', '2'])
    expect(outputShape(load({ ...parts, inputs: [port('x', ['n', 'm'])] }, { shapes: { x: [3, null] } }))).toEqual(['3', 'm'])
  })
})

test('what decides an If while running is named, through what is computed of it and from inside of another If', async () => {
  const flat = { type: ATTRIBUTE_TYPE.GRAPH, g: { name: 'flat', node: [node('Squeeze', ['x', 'axes'], ['r'])], output: [{ name: 'r' }] } }
  const same = { type: ATTRIBUTE_TYPE.GRAPH, g: { name: 'same', node: [node('Identity', ['x'], ['r'])], output: [{ name: 'r' }] } }
  const inner = { type: ATTRIBUTE_TYPE.GRAPH, g: { name: 'inner', node: [node('Greater', ['sum', 'half'], ['d']), node('If', ['d'], ['r'], { then_branch: flat, else_branch: same })], output: [{ name: 'r' }] } }
  const inputs = [port('x', [1, 2]), port('rate', [1]), port('gain', [1]), port('c', [1], DATA_TYPE.BOOL)], initializers = [{ name: 'half', dims: [1], dataType: DATA_TYPE.FLOAT, floatData: [0.5] }, int64('axes', [0])]
  const error = await errorOf(() => load({ inputs, initializers, nodes: [node('Add', ['rate', 'gain'], ['sum']), node('If', ['c'], ['y'], { then_branch: inner, else_branch: inner })] }))
  expect(error.hint).toBe('fix what decides it: the value of rate (--value rate=…) and of gain (--value gain=…), or the option `constants`')
})

describe('Loop and Scan', () => {
  const graphAttribute = (g: object): object => ({ type: ATTRIBUTE_TYPE.GRAPH, g })
  const scalar = (name: string, elemType: number) => port(name, [], elemType)

  test('a Loop whose number of iterations is known is written out, with what it collects in a row', () => {
    const body = graphAttribute({
      name: 'body', input: [scalar('i', DATA_TYPE.INT64), scalar('go', DATA_TYPE.BOOL), port('s', [2])],
      node: [node('Cast', ['i'], ['f'], { to: DATA_TYPE.FLOAT }), node('Add', ['s', 'f'], ['t']), node('Identity', ['go'], ['go2']), node('Mul', ['t', 't'], ['q'])],
      output: [{ name: 'go2' }, { name: 't' }, { name: 'q' }],
    })
    const parts = (trips: number): ModelParts => ({ inputs: [port('x', [2])], outputs: ['y', 'all'], nodes: [node('Loop', ['trips', '', 'x'], ['y', 'all'], { body })], initializers: [int64('trips', [trips], [])] })
    const out = interpret(load(parts(3)), { x: f32([2], [1, 2]) })
    expect(Array.from(toNumbers(out['y'] as HostTensor))).toEqual([4, 5])
    expect([out['all']?.shape, Array.from(toNumbers(out['all'] as HostTensor))]).toEqual([[3, 2], [1, 4, 4, 9, 16, 25]])
    const none = interpret(load(parts(0)), { x: f32([2], [1, 2]) })
    expect([Array.from(toNumbers(none['y'] as HostTensor)), none['all']?.shape]).toEqual([[1, 2], [0, 2]])
  })

  test('a Loop stops where its condition is known to be false, and is refused where it is not known', async () => {
    const body = (condition: string) => graphAttribute({
      name: 'body', input: [scalar('i', DATA_TYPE.INT64), scalar('go', DATA_TYPE.BOOL), port('s', [])],
      node: [node('Less', [condition, 'three'], ['go2']), node('Add', ['s', 'step'], ['t'])], output: [{ name: 'go2' }, { name: 't' }],
    })
    const parts = (condition: string): ModelParts => ({
      inputs: [port('x', [])], nodes: [node('Loop', ['', '', 'x'], ['y'], { body: body(condition) })],
      initializers: [int64('three', [3], []), { name: 'step', dims: [], dataType: DATA_TYPE.FLOAT, floatData: [10] }],
    })
    expect(run(load(parts('i')), { x: f32([], [1]) })).toEqual([41])
    const fed = parts('fed')
    const error = await errorOf(() => load({ ...fed, inputs: [port('x', []), port('fed', [], DATA_TYPE.INT64)] }))
    expect(error).toMatchObject({ code: 'unsupported-op', where: { op: 'Loop' } })
  })

  test('a Scan runs over its axis, backwards where it says so', () => {
    const body = graphAttribute({ name: 'body', input: [port('s', [2]), port('e', [2])], node: [node('Add', ['s', 'e'], ['t']), node('Identity', ['t'], ['o'])], output: [{ name: 't' }, { name: 'o' }] })
    const parts = (direction: number): ModelParts => ({
      inputs: [port('s0', [2]), port('x', [2, 3])], outputs: ['last', 'sums'],
      nodes: [node('Scan', ['s0', 'x'], ['last', 'sums'], { body, num_scan_inputs: 1, scan_input_axes: [1], scan_input_directions: [direction], scan_output_axes: [1] })],
    })
    const feeds = { s0: f32([2], [0, 0]), x: f32([2, 3], [1, 2, 3, 10, 20, 30]) }
    const sums = (direction: number): number[] => Array.from(toNumbers(interpret(load(parts(direction)), feeds)['sums'] as HostTensor))
    expect(sums(0)).toEqual([1, 3, 6, 10, 30, 60])
    expect(sums(1)).toEqual([3, 5, 6, 30, 50, 60])
  })
})

describe('opsets', () => {
  test('Softmax before opset 13 normalises all axes from its axis on', () => {
    const x = f32([1, 2, 2], [0, 0, 0, 0])
    const parts = (opset: number): ModelParts => ({ opset, inputs: [port('x', [1, 2, 2])], nodes: [node('Softmax', ['x'], ['y'], { axis: 1 })] })
    expect(run(load(parts(12)), { x })).toEqual([0.25, 0.25, 0.25, 0.25])
    expect(run(load(parts(13)), { x })).toEqual([0.5, 0.5, 0.5, 0.5])
  })

  test('Add of opset 6 aligns its second operand at an axis', () => {
    const graph = load({ opset: 6, inputs: [port('x', [2, 3]), port('b', [2])], nodes: [node('Add', ['x', 'b'], ['y'], { broadcast: 1, axis: 0 })] })
    expect(run(graph, { x: f32([2, 3], [1, 2, 3, 4, 5, 6]), b: f32([2], [10, 20]) })).toEqual([11, 12, 13, 24, 25, 26])
  })

  test('ReduceSum takes its axes as an attribute up to opset 12 and as an input from 13 on', () => {
    const x = f32([2, 2], [1, 2, 3, 4])
    expect(run(load({ opset: 12, inputs: [port('x', [2, 2])], nodes: [node('ReduceSum', ['x'], ['y'], { axes: [1], keepdims: 0 })] }), { x })).toEqual([3, 7])
    expect(run(load({ opset: 13, inputs: [port('x', [2, 2])], initializers: [int64('a', [0])], nodes: [node('ReduceSum', ['x', 'a'], ['y'], { keepdims: 0 })] }), { x })).toEqual([4, 6])
  })
})

describe('slices of symbolic axes', () => {
  const sliced = (starts: readonly number[], ends: readonly number[], steps: readonly number[] = [1]): Graph => load({
    inputs: [port('x', ['n'])], nodes: [node('Slice', ['x', 's', 'e', 'a', 't'], ['y'])],
    initializers: [int64('s', starts), int64('e', ends), int64('a', [0]), int64('t', steps)],
  })
  const END = 2 ** 53

  test.each<readonly [string, number, number, number, readonly number[]]>([
    ['[:3]', 0, 3, 1, [0, 1, 2]], ['[:9]', 0, 9, 1, [0, 1, 2, 3, 4]], ['[-2:]', -2, END, 1, [3, 4]], ['[1:-1]', 1, -1, 1, [1, 2, 3]],
    ['[::2]', 0, END, 2, [0, 2, 4]], ['[::-1]', -1, -END, -1, [4, 3, 2, 1, 0]], ['[3:0:-2]', 3, 0, -2, [3, 1]], ['[9:1:-1]', 9, 1, -1, [4, 3, 2]],
  ])('x%s of five elements', (_, start, end, step, expected) => {
    expect(run(sliced([start], [end], [step]), { x: f32([5], [0, 1, 2, 3, 4]) })).toEqual(expected)
  })

  test('x[-2:] of one element breaks the bound that it was compiled under', async () => {
    expect((await errorOf(() => run(sliced([-2], [END]), { x: f32([1], [0]) }))).code).toBe('constraint-violated')
  })
})
