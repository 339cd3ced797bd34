import { describe, expect, test } from 'vitest'
import { composeBody, isMap } from '../../src/codegen/compose.js'
import { BufferNames, computeOf } from '../../src/codegen/node-compute.js'
import { isGraph, type Graph, type Node } from '../../src/ir/graph.js'
import { parseGraph } from '../../src/ir/parse.js'
import { verifyGraph } from '../../src/ir/verify.js'
import { expectSameOnTarget, type Symbols } from './same-on-target.js'

/** A graph of one fused node whose body is given as text; the body's inputs are the graph's. */
function fusedGraph(ports: string, result: string, body: string, symbols = ''): Graph {
  const names = [...ports.matchAll(/(\w+): /g)].map((m) => `%${m[1]}`)
  const inner = ports.replace(/(\w+): /g, '$1_in: ')
  const text = `graph @g stage=fused (${ports}) -> (y: ${result}) {\n${symbols}\n  %out: ${result} = fused(${names.join(', ')}) {body = graph @body stage=fused (${inner}) -> (y: ${result}) {\n${body}\n  }}\n  return y = %out\n}`
  const graph = parseGraph(text)
  verifyGraph(graph)
  return graph
}

async function expectComposed(graph: Graph, bindings: readonly Symbols[] = [{}], bits = false): Promise<void> {
  for (const target of ['js', 'wasm'] as const) await expectSameOnTarget(graph, target, bindings, { bits, passes: [] })
}

const bodyOf = (graph: Graph): Graph => {
  const body = (graph.nodes[0] as Node).attrs['body']
  if (body === undefined || !isGraph(body)) throw new Error('no body')
  return body
}

const N = '  symbol n = extent(x, 0)', NM = '  symbol n = extent(x, 0)\n  symbol m = extent(x, 1)'

describe('a fused body computes what its nodes compute one after another', () => {
  test('a value that is an operand twice', () => expectComposed(fusedGraph('x: float32[5]', 'float32[5]', `
    %a: float32[5] = mul(%x_in, %x_in)
    %b: float32[5] = add(%a, %a)
    return y = %b`)))

  test('a value used by two nodes, one of them later', () => expectComposed(fusedGraph('x: float32[5]', 'float32[5]', `
    %a: float32[5] = tanh(%x_in)
    %b: float32[5] = neg(%a)
    %c: float32[5] = sigmoid(%b)
    %d: float32[5] = mul(%c, %a)
    return y = %d`)))

  test('scalar constants of every kind', () => expectComposed(fusedGraph('x: float32[6]', 'float32[6]', `
    const %zero: float32[] = [-0]
    const %inf: float32[1] = [inf]
    const %third: float32[1, 1] = [0.333]
    %a: float32[6] = minimum(%x_in, %inf)
    %b: float32[6] = add(%a, %zero)
    %c: float32[1, 6] = mul(%third, %b)
    %d: float32[6] = reshape(%c) {shape = [6]}
    %e: float32[6] = neg(%d)
    return y = %e`)))

  test('an int64 constant beyond 2^53', () => expectComposed(fusedGraph('x: int64[3]', 'int64[3]', `
    const %big: int64[] = [9007199254740993]
    %a: int64[3] = add(%x_in, %big)
    %b: int64[3] = neg(%a)
    return y = %b`)))

  test('float16 is rounded after each node', () => expectComposed(fusedGraph('x: float16[40], z: float16[40]', 'float16[40]', `
    %a: float16[40] = add(%x_in, %z_in)
    %b: float16[40] = mul(%a, %z_in)
    %c: float16[40] = sub(%b, %x_in)
    return y = %c`), [{}], true))

  test('int8 and uint8 wrap after each node', async () => {
    for (const dtype of ['int8', 'uint8']) await expectComposed(fusedGraph(`x: ${dtype}[30]`, `${dtype}[30]`, `
    const %k: ${dtype}[] = [100]
    %a: ${dtype}[30] = mul(%x_in, %k)
    %b: ${dtype}[30] = maximum(%a, %x_in)
    %c: ${dtype}[30] = sub(%b, %k)
    return y = %c`))
  })

  test('a float16 product is rounded before what follows it', () => expectComposed(fusedGraph('x: float16[3, 8], w: float16[8, 5], b: float16[5]', 'float16[3, 5]', `
    %p: float16[3, 5] = matmul(%x_in, %w_in) {trans_a = false, trans_b = false}
    %s: float16[3, 5] = add(%p, %b_in)
    %r: float16[3, 5] = relu(%s)
    return y = %r`)))

  test('side inputs broadcast, along inner, outer and all axes', () => expectComposed(fusedGraph('x: float32[n, 3, m], a: float32[m], b: float32[3, 1], c: float32[n, 1, 1], d: float32[1]', 'float32[n, 3, m]', `
    %p: float32[n, 3, m] = add(%x_in, %a_in)
    %q: float32[n, 3, m] = mul(%p, %b_in)
    %r: float32[n, 3, m] = sub(%q, %c_in)
    %s: float32[n, 3, m] = maximum(%r, %d_in)
    return y = %s`, '  symbol n = extent(x, 0)\n  symbol m = extent(x, 2)'), [{ n: 2, m: 4 }, { n: 1, m: 1 }, { n: 0, m: 3 }]))

  test('what follows a reduction reads its own side inputs, one of them computed', () => expectComposed(fusedGraph('x: float32[n, 7], s: float32[n, 1]', 'float32[n, 1]', `
    %r: float32[n, 1] = reduce_max(%x_in) {axes = [1], keepdims = true}
    %t: float32[n, 1] = tanh(%s_in)
    %u: float32[n, 1] = mul(%t, %r)
    %v: float32[n, 1] = sub(%u, %s_in)
    return y = %v`, N), [{ n: 3 }, { n: 1 }]))

  test('what makes the rows of a softmax stands in each of its stages', () => expectComposed(fusedGraph('x: float32[n, m], k: float32[m]', 'float32[n, m]', `
    const %scale: float32[] = [3]
    %a: float32[n, m] = mul(%x_in, %scale)
    %b: float32[n, m] = add(%a, %k_in)
    %s: float32[n, m] = softmax(%b) {axis = 1}
    %t: float32[n, m] = mul(%s, %k_in)
    return y = %t`, NM), [{ n: 2, m: 9 }, { n: 4, m: 1 }]))

  test('rows gathered by data go into a reduction twice', () => expectComposed(fusedGraph('x: float32[n, 5], i: int64[4]', 'float32[4]', `
    %g: float32[4, 5] = gather(%x_in, %i_in) {axis = 0}
    %h: float32[4, 5] = mul(%g, %g)
    %r: float32[4] = reduce_max(%h) {axes = [1], keepdims = false}
    return y = %r`, N), [{ n: 8 }, { n: 11 }]))

  test('two gathers from one table by two lists', () => expectComposed(fusedGraph('x: float32[8, 3], i: int64[4], j: int64[4]', 'float32[4, 3]', `
    %g: float32[4, 3] = gather(%x_in, %i_in) {axis = 0}
    %h: float32[4, 3] = gather(%x_in, %j_in) {axis = 0}
    %r: float32[4, 3] = sub(%g, %h)
    return y = %r`)))

  test('pieces, turned and reversed', () => expectComposed(fusedGraph('x: float32[n, 6]', 'float32[3, n]', `
    %s: float32[n, 3] = slice(%x_in) {axes = [1], starts = [5], steps = [-2], sizes = [3]}
    %t: float32[3, n] = transpose(%s) {perm = [1, 0]}
    %u: float32[3, n] = neg(%t)
    return y = %u`, N), [{ n: 4 }, { n: 1 }]))

  test('a reshape inside, of numbers and of symbols', () => expectComposed(fusedGraph('x: float32[n, 6], k: float32[2]', 'float32[n, 3, 2]', `
    %a: float32[n, 6] = tanh(%x_in)
    %r: float32[n, 3, 2] = reshape(%a) {shape = [n, 3, 2]}
    %b: float32[n, 3, 2] = mul(%r, %k_in)
    return y = %b`, N), [{ n: 3 }, { n: 1 }]))

  test('joined parts, each made on its own, and what follows with a broadcast side input', () => expectComposed(fusedGraph('x: float32[n, 3], z: float32[n, 2], k: float32[5]', 'float32[n, 5]', `
    %a: float32[n, 3] = tanh(%x_in)
    %j: float32[n, 5] = concat(%a, %z_in) {axis = 1}
    %s: float32[n, 5] = mul(%j, %k_in)
    %r: float32[n, 5] = relu(%s)
    return y = %r`, N), [{ n: 3 }, { n: 0 }]))

  test('a join of one value with itself', () => expectComposed(fusedGraph('x: int16[n, 3]', 'int16[n, 6]', `
    %j: int16[n, 6] = concat(%x_in, %x_in) {axis = 1}
    %r: int16[n, 6] = neg(%j)
    return y = %r`, N), [{ n: 3 }]))

  test('a pointwise convolution plus its own input, which it reads under another shape', () => expectComposed(fusedGraph('x: float32[n, 3, 4, 5], w: float32[3, 3, 1, 1]', 'float32[n, 3, 4, 5]', `
    %c: float32[n, 3, 4, 5] = conv(%x_in, %w_in, _) {strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], group = 1}
    %s: float32[n, 3, 4, 5] = add(%c, %x_in)
    %r: float32[n, 3, 4, 5] = relu(%s)
    return y = %r`, N), [{ n: 2 }, { n: 1 }]))

  test('a comparison chooses between two values of another dtype', () => expectComposed(fusedGraph('x: float64[9], i: int32[9]', 'int32[9]', `
    const %k: float64[] = [0.25]
    const %one: int32[] = [1]
    %c: bool[9] = lt(%x_in, %k)
    %p: int32[9] = add(%i_in, %one)
    %w: int32[9] = where(%c, %p, %i_in)
    return y = %w`)))
})

describe('composition', () => {
  test('keeps only the buffers that are read or written, each once', () => {
    const names = new BufferNames()
    const compute = composeBody(bodyOf(fusedGraph('x: float32[n, 7], s: float32[n, 1]', 'float32[n, 1]', `
    %a: float32[n, 7] = neg(%x_in)
    %r: float32[n, 1] = reduce_max(%a) {axes = [1], keepdims = true}
    %v: float32[n, 1] = mul(%r, %s_in)
    return y = %v`, N)), names, 'js')
    expect(compute.buffers.map((b) => [names.valueOf(b.name)?.name, b.role])).toEqual([['x_in', 'in'], ['s_in', 'in'], ['v', 'out']])
  })

  test('refuses a second reduction behind the first, naming both', () => {
    const { nodes, inputs } = parseGraph(`graph @g stage=canonical (x: float32[4, 7]) -> (y: float32[4]) {
  %r: float32[4, 1] = reduce_max(%x) {axes = [1], keepdims = true}
  %v: float32[4] = reduce_min(%r) {axes = [1], keepdims = false}
  return y = %v
}`)
    const body: Graph = { name: 'body', stage: 'fused', symbols: [], constraints: [], inputs, nodes, outputs: [{ name: 'y', value: nodes[1]?.outputs[0] ?? expect.fail('no result') }] }
    expect(() => composeBody(body, new BufferNames(), 'js')).toThrow("'reduce_min' cannot follow 'reduce_max' in one kernel")
  })

  test('a compute is a map where it stores one element per point, and none where it reduces', () => {
    const graph = parseGraph(`graph @g stage=canonical (x: float32[4, 7]) -> (y: float32[4]) {
  %a: float32[4, 7] = neg(%x)
  %r: float32[4] = reduce_max(%a) {axes = [1], keepdims = false}
  return y = %r
}`)
    expect(graph.nodes.map((n) => isMap(computeOf(n, new BufferNames()) ?? expect.fail('no compute')))).toEqual([true, false])
  })
})
