/** Random models that fuse well: chains of elementwise, moving, joining, reducing and contracting nodes in every dtype that kernels take. */
import { DTYPES, type DType } from '../../src/base/dtype.js'
import { GraphBuilder } from '../../src/ir/build.js'
import { mul, shapesEqual, type Dim } from '../../src/ir/dims.js'
import { dtypeOf, shapeOf, type Attrs, type Graph, type Value } from '../../src/ir/graph.js'
import { fromNumbers, seededRandom, seededTensor } from '../../src/ir/host-tensor.js'
import { tensorType } from '../../src/ir/types.js'

const FLOATS: readonly DType[] = ['float32', 'float32', 'float16', 'bfloat16', 'float64']
const INTEGERS: readonly DType[] = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'int64', 'uint32']
const UNARY = ['neg', 'abs', 'relu', 'sigmoid', 'tanh', 'softsign', 'sin', 'silu'] as const
const INTEGER_UNARY = ['neg', 'abs', 'relu', 'bitwise_not'] as const
const BINARY = ['add', 'sub', 'mul', 'maximum', 'minimum'] as const
const INTEGER_BINARY = [...BINARY, 'bitwise_and', 'bitwise_xor'] as const
const REDUCTIONS = ['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min', 'reduce_l2'] as const

/** A graph of `size` steps over inputs `x[n, 6, m]`, `y[6, 1]` and `i[n]`; the same for the same seed. Its symbols are `n` and `m`. */
export function randomModel(seed: number, size: number, only?: DType): Graph {
  const random = seededRandom(seed)
  const nat = (below: number): number => Math.floor(random() * below)
  const pick = <T>(list: readonly T[]): T => list[nat(list.length)] as T
  const dtype = only ?? (random() < 0.7 ? pick(FLOATS) : pick(INTEGERS))
  const model = new Model(dtype, nat, pick)
  for (let i = 0; i < size; i++) model.grow(seed + i)
  const last = model.values.at(-1) as Value
  model.builder.output('last', last)
  if (random() < 0.5) model.builder.output('other', pick(model.values.filter((v) => v !== last)))
  return model.builder.finish()
}

class Model {
  readonly builder = new GraphBuilder({ name: 'random', stage: 'inference' })
  readonly values: Value[] = []
  readonly dtype: DType
  readonly float: boolean
  readonly indices: Value
  readonly nat: (below: number) => number
  readonly pick: <T>(list: readonly T[]) => T
  #count = 0

  constructor(dtype: DType, nat: (below: number) => number, pick: <T>(list: readonly T[]) => T) {
    this.dtype = dtype
    this.float = DTYPES[dtype].kind === 'float'
    this.nat = nat
    this.pick = pick
    const n = this.builder.symbol('n', { kind: 'extent', input: 0, axis: 0 }), m = this.builder.symbol('m', { kind: 'extent', input: 0, axis: 2 })
    this.values.push(this.builder.input('x', tensorType(dtype, [n, 6, m])), this.builder.input('y', tensorType(dtype, [6, 1])))
    this.indices = this.builder.input('i', tensorType('int64', [n]))
  }

  add(op: string, inputs: readonly (Value | null)[], attrs: Attrs = {}): Value {
    return this.builder.add1(op, inputs, attrs, { origin: `node ${this.#count++}` })
  }

  put(op: string, inputs: readonly (Value | null)[], attrs: Attrs = {}): void { this.values.push(this.add(op, inputs, attrs)) }
  scalar(n: number): Value { return this.builder.constant(fromNumbers(this.dtype, this.pick([[], [1], [1, 1]]), [n])) }
  constant(shape: readonly number[], seed: number): Value { return this.builder.constant(seededTensor(this.dtype, shape, seed)) }

  /** A value that broadcasts to `shape`. */
  partner(shape: readonly Dim[]): Value {
    return this.pick(this.values.filter((v) => shapeOf(v).length <= shape.length && shapeOf(v).every((d, k) => d === 1 || shapesEqual([d], [shape[shape.length - shapeOf(v).length + k] as Dim]))))
  }

  grow(seed: number): void {
    const x = this.nat(4) === 0 ? this.pick(this.values) : this.values.at(-1 - this.nat(Math.min(3, this.values.length))) as Value
    const shape = shapeOf(x)
    switch (this.nat(12)) {
      case 0: case 1: return this.put(this.pick(this.float ? UNARY : INTEGER_UNARY), [x])
      case 2: case 3: case 4: { const other = this.partner(shape); return this.put(this.pick(this.float ? BINARY : INTEGER_BINARY), this.nat(2) === 0 ? [x, other] : [other, x]) }
      case 5: return this.put(this.pick(BINARY), [x, this.scalar(this.pick([0, 1, 2, 3]))])
      case 6: return this.put('where', [this.add('lt', [x, this.scalar(1)]), this.partner(shape), x])
      case 7: return this.narrowAndBack(x)
      default: return shape.length === 0 ? this.put('add', [x, this.scalar(1)]) : this.move(x, shape, seed)
    }
  }

  narrowAndBack(x: Value): void {
    const to = this.float ? this.pick(['float16', 'bfloat16', 'float32', 'float64'] as const) : this.pick(INTEGERS)
    this.put('cast', [this.add('cast', [x], { to })], { to: dtypeOf(x) })
  }

  move(x: Value, shape: readonly Dim[], seed: number): void {
    const rank = shape.length, axis = this.nat(rank), extent = shape[axis] as Dim
    switch (this.nat(12)) {
      case 0: return this.put('transpose', [x], { perm: shape.map((_, k) => (k + 1 + axis) % rank) })
      case 1: return this.put('reshape', [x], { shape: this.pick([[mul(1, ...shape)], [...shape, 1], [1, ...shape], [...shape].reverse()]) })
      case 2: return typeof extent !== 'number' || extent === 0 ? this.put('abs', [x]) : this.put('slice', [x], this.nat(2) === 0
        ? { axes: [axis], starts: [extent - 1], steps: [-1], sizes: [extent] } : { axes: [axis], starts: [0], steps: [2], sizes: [Math.ceil(extent / 2)] })
      case 3: return rank > 3 ? this.put('relu', [x]) : this.put('concat', this.pick([[x, x], [x, this.add(this.float ? 'tanh' : 'relu', [x])]]), { axis })
      case 4: return this.put('pad', [x, this.pick([null, this.scalar(2)])], { mode: this.pick(['constant', 'constant', 'edge']), before: shape.map((_, k) => (k === axis ? 1 : 0)), after: shape.map((_, k) => (k === axis ? 2 : 0)) })
      case 5: case 6: return this.put(this.float ? this.pick(REDUCTIONS) : this.pick(['reduce_max', 'reduce_min']), [x], { axes: [axis], keepdims: this.nat(2) === 0 })
      case 7: return this.float ? this.put(this.pick(['softmax', 'log_softmax']), [x], { axis }) : this.put('bitwise_not', [x])
      case 8: return this.put('gather', [x, this.builder.constant(fromNumbers('int64', [3], extent === 1 || typeof extent !== 'number' ? [0, -1, 0] : [0, -1, 1]))], { axis })
      case 9: return this.put('expand', [x], { shape: [this.pick<Dim>([2, 'n']), ...shape].slice(rank > 3 ? 1 : 0) })
      case 10: { const scale = this.constant([typeof shape[rank - 1] === 'number' ? shape[rank - 1] as number : 1], seed); return this.put('mul', [x, scale]) }
      default: return this.contract(x, shape, seed)
    }
  }

  contract(x: Value, shape: readonly Dim[], seed: number): void {
    const last = shape.at(-1), rank = shape.length
    if (!this.float || rank < 2) return this.put('abs', [x])
    if (typeof last === 'number' && this.nat(2) === 0) return this.put('matmul', [x, this.constant([last, 1 + this.nat(9)], seed)], { trans_a: false, trans_b: false })
    if (rank === 3 && typeof shape[1] === 'number' && shape[1] > 0) return this.put('conv', [x, this.constant([4, shape[1], 3], seed), this.nat(2) === 0 ? null : this.constant([4], seed)], { strides: [1], dilations: [1], pads: [1, 1], group: 1 })
    return this.put('matmul', [x, x], { trans_a: false, trans_b: true })
  }
}
