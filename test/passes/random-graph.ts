/** Random graphs for fast-check: elementwise, movement, reduction and matmul nodes over a symbolic batch. */
import * as fc from 'fast-check'
import { DTYPES, type DType } from '../../src/base/dtype.js'
import { GraphBuilder } from '../../src/ir/build.js'
import { mul, shapesEqual, type Dim } from '../../src/ir/dims.js'
import { shapeOf, type Attrs, type Graph, type Value } from '../../src/ir/graph.js'
import { fromNumbers, seededTensor } from '../../src/ir/host-tensor.js'
import { tensorType } from '../../src/ir/types.js'

/** One step: which node, and which of the values so far it takes. */
interface Step { readonly what: number; readonly a: number; readonly b: number; readonly n: number }

const step: fc.Arbitrary<Step> = fc.record({ what: fc.nat(15), a: fc.nat(99), b: fc.nat(99), n: fc.nat(99) })

/** A graph of up to `size` nodes of one dtype; some results are outputs, some are unused. */
export function randomGraph(size: number, dtypes: readonly DType[] = ['float32', 'float32', 'float16', 'int32', 'int64']): fc.Arbitrary<Graph> {
  return fc.tuple(fc.array(step, { minLength: 1, maxLength: size }), fc.nat(3), fc.constantFrom(...dtypes)).map(([steps, extra, dtype]) => build(steps, extra, dtype))
}

const UNARY = ['relu', 'neg', 'abs', 'tanh', 'sigmoid', 'erf'] as const
const INTEGER_UNARY = ['relu', 'neg', 'abs'] as const
const BINARY = ['add', 'sub', 'mul', 'maximum', 'minimum'] as const
const REDUCTIONS = ['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min'] as const

class Growing {
  readonly builder = new GraphBuilder({ name: 'random', stage: 'inference' })
  readonly values: Value[] = []
  readonly dtype: DType
  readonly float: boolean

  constructor(dtype: DType) {
    this.dtype = dtype
    this.float = DTYPES[dtype].kind === 'float'
    const batch = this.builder.symbol('batch', { kind: 'extent', input: 0, axis: 0 })
    this.values.push(this.builder.input('x', tensorType(dtype, [batch, 4, 6])), this.builder.input('z', tensorType(dtype, [4, 6])))
  }

  /** Mostly one of the last three values, so that nodes follow on each other. */
  pick(n: number): Value { return this.values.at(n % 4 === 0 ? n % this.values.length : -1 - (n % Math.min(3, this.values.length))) as Value }
  constant(shape: readonly number[], seed: number): Value { return this.builder.constant(seededTensor(this.dtype, shape, seed)) }
  scalar(n: number): Value { return this.builder.constant(fromNumbers(this.dtype, [], [n])) }
  add(op: string, inputs: readonly Value[], attrs: Attrs = {}): void { this.values.push(this.builder.add1(op, inputs, attrs, { origin: `node ${this.values.length}` })) }
}

function build(steps: readonly Step[], extra: number, dtype: DType): Graph {
  const g = new Growing(dtype)
  for (const s of steps) grow(g, s)
  g.builder.output('last', g.values.at(-1) as Value)
  for (let i = 0; i < extra; i++) g.builder.output(`extra${i}`, g.pick(i * 7 + steps.length))
  return g.builder.finish()
}

/** Values that `x` broadcasts with to its own shape: of the same shape, or reductions of such. */
function partner(g: Growing, x: Value, n: number): Value {
  const fits = g.values.filter((v) => {
    const shape = shapeOf(v), full = shapeOf(x)
    return shape.length <= full.length && shape.every((d, i) => d === 1 || shapesEqual([d], [full[full.length - shape.length + i] as Dim]))
  })
  return fits[n % fits.length] as Value
}

function grow(g: Growing, { what, a, b, n }: Step): void {
  const x = g.pick(a), shape = shapeOf(x), rank = shape.length
  switch (what) {
    case 0: case 1: case 2: { const ops = g.float ? UNARY : INTEGER_UNARY; return g.add(ops[n % ops.length] as string, [x]) }
    case 3: case 4: case 5: return g.add(BINARY[n % BINARY.length] as string, b % 2 === 0 ? [x, partner(g, x, b)] : [partner(g, x, b), x])
    case 6: return g.add(BINARY[n % BINARY.length] as string, [x, g.scalar([0, 1, 2, -0, 0.3][b % 5] as number)])
    case 7: return g.add('div', [x, g.scalar([1, 4, 3][b % 3] as number)])
    case 8: return g.add('clip', [x], { min: [-1, 0, -Infinity][n % 3] as number, max: [1, 6, Infinity][b % 3] as number })
    default: return rank === 0 ? g.add('neg', [x]) : moveOrReduce(g, { what, a, b, n }, x, shape)
  }
}

function moveOrReduce(g: Growing, { what, b, n }: Step, x: Value, shape: readonly Dim[]): void {
  const rank = shape.length, axis = n % rank, extent = shape[axis] as Dim
  switch (what) {
    case 9: { const perm = shape.map((_, i) => (i + n) % rank); return g.add('transpose', [x], { perm: b % 2 === 0 ? perm : perm.reverse() }) }
    case 10: return g.add('reshape', [x], { shape: b % 2 === 0 ? [mul(...shape)] : [...shape.slice(0, axis), 1, ...shape.slice(axis)] })
    case 11: return typeof extent !== 'number' ? g.add('neg', [x]) : g.add('slice', [x], { axes: [axis], starts: [b % (extent + 1)], steps: [1], sizes: [extent - (b % (extent + 1))] })
    case 12: return rank > 4 ? g.add('abs', [x]) : g.add('concat', b % 3 === 0 ? [x] : [x, partner(g, x, b)].filter((v) => shapesEqual(shapeOf(v), shape)), { axis })
    case 13: return g.add(g.float ? REDUCTIONS[b % REDUCTIONS.length] as string : 'reduce_max', [x], { axes: b % 5 === 0 ? [] : [axis], keepdims: b % 2 === 0 || b % 5 === 0 })
    case 14: return g.float ? g.add('softmax', [x], { axis }) : g.add('abs', [x])
    default: return multiply(g, x, shape, b)
  }
}

/** A matmul with a constant, or of a value with itself, one of them transposed by a node, a flag, or both. */
function multiply(g: Growing, x: Value, shape: readonly Dim[], b: number): void {
  const rank = shape.length, last = shape[rank - 1]
  if (!g.float || rank < 2 || last === undefined || typeof last !== 'number') return g.add('neg', [x])
  if (b % 2 === 0) return g.add('matmul', [x, g.constant([last, 1 + (b % 5)], b)], { trans_a: false, trans_b: false })
  if (b % 3 === 0) return g.add('matmul', [x, x], { trans_a: b % 4 === 1, trans_b: b % 4 !== 1 })
  g.add('transpose', [x], { perm: [...shape.keys()].map((i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i)) })
  const turned = g.values.at(-1) as Value
  g.add('matmul', b % 4 === 1 ? [x, turned] : [turned, turned], { trans_a: b % 4 !== 1 && b % 8 !== 3, trans_b: b % 8 === 3 })
}
