import { describe, expect, it } from 'vitest'
import type { DType } from '../../../src/base/dtype.js'
import { evaluateDim, type Dim } from '../../../src/base/dim.js'
import { dimsOf, GraphBuilder } from '../../../src/ir/build.js'
import type { Attrs, Value } from '../../../src/ir/graph.js'
import { printType, tensorType } from '../../../src/ir/types.js'

const AT = { origin: 'here' }

function builder(): GraphBuilder { return new GraphBuilder({ name: 'g', stage: 'traced' }) }

/** The printed result type of one op on inputs of these types. */
function inferred(op: string, inputs: readonly (readonly [DType, readonly Dim[]])[], attrs: Attrs = {}): string {
  const g = builder()
  return printType(g.add1(op, inputs.map(([dtype, shape], i) => g.input(`x${i}`, tensorType(dtype, shape))), attrs, AT).type)
}

describe('broadcasting', () => {
  it('stretches extents of 1, symbols included', () => {
    expect(inferred('add', [['float32', ['n', 1, 3]], ['float32', ['m', 1]]])).toBe('float32[n, m, 3]')
    expect(inferred('add', [['float32', []], ['float32', ['n']]])).toBe('float32[n]')
    expect(inferred('add', [['float32', [0, 1]], ['float32', [4]]])).toBe('float32[0, 4]')
  })

  it('takes a symbol to be the number that it meets, and records it', () => {
    const g = builder()
    const y = g.add1('add', [g.input('a', tensorType('float32', ['n'])), g.input('b', tensorType('float32', [4]))], {}, AT)
    expect(printType(y.type)).toBe('float32[4]')
    expect(g.finish().constraints.map((c) => [c.kind, c.a, c.b])).toEqual([['eq', 'n', 4]])
  })

  it('refuses numbers that differ, saying which', () => {
    expect(() => inferred('add', [['float32', [2, 3]], ['float32', [2, 4]]])).toThrow(/3 against 4/)
    expect(() => inferred('add', [['float32', [2, 3]], ['float32', [2, 4]]])).toThrow(expect.objectContaining({ code: 'shape-mismatch' }))
  })
})

describe('dtype rules', () => {
  it('refuse inputs of two dtypes, and dtypes that an op has no meaning for', () => {
    expect(() => inferred('add', [['float32', [2]], ['float64', [2]]])).toThrow(expect.objectContaining({ code: 'dtype-mismatch' }))
    expect(() => inferred('sqrt', [['int32', [2]]])).toThrow(expect.objectContaining({ code: 'unsupported-dtype' }))
    expect(() => inferred('logical_and', [['int32', [2]], ['int32', [2]]])).toThrow(expect.objectContaining({ code: 'unsupported-dtype' }))
    expect(() => inferred('neg', [['int4', [2]]])).toThrow(expect.objectContaining({ code: 'unsupported-dtype' }))
    expect(() => inferred('where', [['float32', [2]], ['float32', [2]], ['float32', [2]]])).toThrow(expect.objectContaining({ code: 'unsupported-dtype' }))
  })

  it('give bool for comparisons and int64 for positions', () => {
    expect(inferred('lt', [['float16', ['n']], ['float16', [1]]])).toBe('bool[n]')
    expect(inferred('argmax', [['float16', ['n', 3]]], { axis: 0, keepdims: true, select_last: false })).toBe('int64[1, 3]')
  })
})

describe('attributes that cannot be', () => {
  it('are refused by name', () => {
    const x: readonly [DType, readonly Dim[]] = ['float32', [2, 3]]
    expect(() => inferred('transpose', [x], { perm: [0, 0] })).toThrow(expect.objectContaining({ code: 'bad-attribute' }))
    expect(() => inferred('softmax', [x], { axis: 2 })).toThrow(expect.objectContaining({ code: 'bad-attribute' }))
    expect(() => inferred('slice', [x], { axes: [1], starts: [1], steps: [1], sizes: [3] })).toThrow(expect.objectContaining({ code: 'bad-attribute' }))
    expect(() => inferred('reshape', [x], { shape: [4] })).toThrow(expect.objectContaining({ code: 'shape-mismatch' }))
    expect(() => inferred('concat', [x, ['float32', [3, 3]]], { axis: 1 })).toThrow(expect.objectContaining({ code: 'shape-mismatch' }))
    expect(() => inferred('pad', [x], { mode: 'constant', before: [0, -2], after: [0, -2] })).toThrow(expect.objectContaining({ code: 'shape-mismatch' }))
    expect(() => inferred('group_norm', [['float32', [1, 3, 2]], ['float32', [3]], ['float32', [3]]], { groups: 2, epsilon: 0 })).toThrow(expect.objectContaining({ code: 'bad-attribute' }))
  })
})

describe('shape arithmetic', () => {
  const g = builder()
  const known = (...dims: Dim[]): Value => g.add1('dims_tensor', [], { dims, shape: [dims.length], dtype: 'int64' }, AT)
  const dims = (op: string, inputs: readonly Value[], attrs: Attrs = {}): readonly Dim[] | undefined => dimsOf(g.add1(op, inputs, attrs, AT))

  it('is carried through arithmetic and movement', () => {
    const shape = known('n', 6, 'm')
    expect(dims('mul', [shape, known(2, 2, 3)])).toEqual([['*', 2, 'n'], 12, ['*', 3, 'm']])
    expect(dims('sub', [known('n'), known('n')])).toEqual([0])
    expect(dims('div', [known(['*', 4, 'n'], -7), known(2)])).toEqual([['*', 2, 'n'], -3])
    expect(dims('gather', [shape, known(-1, 0)], { axis: 0 })).toEqual(['m', 'n'])
    expect(dims('slice', [shape], { axes: [0], starts: [2], steps: [-1], sizes: [3] })).toEqual(['m', 6, 'n'])
    expect(dims('concat', [known('n'), known(1, 'm')], { axis: 0 })).toEqual(['n', 1, 'm'])
    expect(dims('reduce_prod', [shape], { axes: [0], keepdims: false })).toEqual([['*', 6, 'm', 'n']])
    expect(dims('expand', [known('n')], { shape: [2] })).toEqual(['n', 'n'])
    expect(dims('range', [], { start: 'n', step: 2, length: 3, dtype: 'int64' })).toEqual(['n', ['+', 'n', 2], ['+', 'n', 4]])
    expect(dims('cast', [shape], { to: 'int32' })).toEqual(['n', 6, 'm'])
  })

  it('decides comparisons that hold for every symbol, and selects by them', () => {
    const isMinusOne = g.add1('eq', [known(-1, 5), known(-1)], {}, AT)
    expect(dimsOf(isMinusOne)).toEqual([1, 0])
    expect(dims('where', [isMinusOne, known('n', 'n'), known(3, 3)])).toEqual(['n', 3])
  })

  it('truncates quotients that may be negative towards zero', () => {
    const [quotient] = dims('div', [known(['+', 'n', -3]), known(2)]) ?? []
    const values = [0, 1, 2, 3, 4, 5].map((n) => evaluateDim(quotient as Dim, () => n) + 0)
    expect(values).toEqual([-1, -1, 0, 0, 0, 1])
  })
})
