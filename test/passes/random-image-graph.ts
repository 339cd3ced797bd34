/** Random image networks: convolutions of every kind, pools, norms, joins, reshapes, transpositions and products, over [n, C, H, W]. */
import { GraphBuilder } from '../../src/ir/build.js'
import { mul, shapesEqual, type Dim } from '../../src/ir/dims.js'
import { shapeOf, type Attrs, type Graph, type Value } from '../../src/ir/graph.js'
import { seededRandom, seededTensor } from '../../src/ir/host-tensor.js'
import { tensorType } from '../../src/ir/types.js'

/** A graph of `size` steps over the input `x[n, 4, h, 9]`; the same for the same seed. Its symbols are `n` and `h`. */
export function randomImageGraph(seed: number, size: number): Graph {
  const random = seededRandom(seed)
  const nat = (below: number): number => Math.floor(random() * below)
  const builder = new GraphBuilder({ name: 'image', stage: 'inference' })
  const n = builder.symbol('n', { kind: 'extent', input: 0, axis: 0 }), h = builder.symbol('h', { kind: 'extent', input: 0, axis: 2 })
  const growing = new Images(builder, nat)
  growing.values.push(builder.input('x', tensorType('float32', [n, 4, h, 9])))
  for (let i = 0; i < size; i++) growing.grow(seed * 100 + i)
  builder.output('last', growing.values.at(-1) as Value)
  if (nat(2) === 0) builder.output('other', growing.values[nat(growing.values.length)] as Value)
  return builder.finish()
}

class Images {
  readonly builder: GraphBuilder
  readonly nat: (below: number) => number
  readonly values: Value[] = []
  #count = 0

  constructor(builder: GraphBuilder, nat: (below: number) => number) { this.builder = builder; this.nat = nat }

  put(op: string, inputs: readonly (Value | null)[], attrs: Attrs = {}): Value {
    const value = this.builder.add1(op, inputs, attrs, { origin: `node ${this.#count++}` })
    this.values.push(value)
    return value
  }

  constant(shape: readonly number[], seed: number): Value { return this.builder.constant(seededTensor('float32', shape, seed)) }

  grow(seed: number): void {
    const x = this.values.at(-1 - this.nat(Math.min(3, this.values.length))) as Value
    const shape = shapeOf(x), [, c] = shape
    if (shape.length !== 4 || typeof c !== 'number') return void this.put('relu', [this.values.find((v) => shapeOf(v).length === 4) as Value])
    const same = this.values.filter((v) => shapesEqual(shapeOf(v), shape))
    switch (this.nat(12)) {
      case 0: case 1: case 2: return this.convolve(x, c, seed)
      case 3: return this.pool(x)
      case 4: return void this.put('add', [x, same[this.nat(same.length)] as Value])
      case 5: return void this.put('mul', [x, this.constant([c, 1, 1], seed)])
      case 6: return c > 12 ? void this.put('tanh', [x]) : void this.put('concat', [x, same[this.nat(same.length)] as Value], { axis: 1 })
      case 7: return void this.put('softmax', [x], { axis: 1 + this.nat(3) })
      case 8: { const pooled = this.put('reduce_mean', [x], { axes: [2, 3], keepdims: true }); return void this.put('mul', [x, this.put('sigmoid', [pooled])]) }
      case 9: return c % 2 !== 0 ? void this.put('relu', [x]) : this.shuffle(x, shape, c)
      case 10: return this.multiply(x, shape, seed)
      default: return void this.put('tanh', [x])
    }
  }

  pool(x: Value): void {
    const attrs = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], ceil_mode: false }
    if (this.nat(2) === 0) this.put('max_pool', [x], attrs)
    else this.put('average_pool', [x], { ...attrs, count_include_pad: false })
  }

  convolve(x: Value, c: number, seed: number): void {
    const attrs = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 }
    const bias = this.nat(2) === 0 ? null : this.constant([c], seed + 1)
    switch (this.nat(4)) {
      case 0: return void this.put('conv', [x, this.constant([c, c, 1, 1], seed), bias], { ...attrs, pads: [0, 0, 0, 0] })
      case 1: return void this.put('conv', [x, this.constant([c, 1, 3, 3], seed), bias], { ...attrs, group: c })
      case 2: return void this.put('conv_transpose', [x, this.constant([c, 5, 3, 3], seed), null], { ...attrs, output_padding: [0, 0] })
      default: return void this.put('relu', [this.put('conv', [x, this.constant([c, c, 3, 3], seed), bias], attrs)])
    }
  }

  /** [n, c, h, w] → [n, 2, c/2, h, w] → groups and channels change places → [n, c, h, w]. */
  shuffle(x: Value, [n, , h, w]: readonly Dim[], c: number): void {
    const split = this.builder.add1('reshape', [x], { shape: [n as Dim, 2, c / 2, h as Dim, w as Dim] }, { origin: 'split' })
    const moved = this.builder.add1('transpose', [split], { perm: [0, 2, 1, 3, 4] }, { origin: 'move' })
    this.put('reshape', [moved], { shape: [n as Dim, c, h as Dim, w as Dim] })
  }

  /** Pixels as rows of a product, and back. */
  multiply(x: Value, [n, , h, w]: readonly Dim[], seed: number): void {
    const c = shapeOf(x)[1] as number
    const flat = this.builder.add1('reshape', [x], { shape: [n as Dim, c, mul(h as Dim, w as Dim)] }, { origin: 'flat' })
    const rows = this.builder.add1('transpose', [flat], { perm: [0, 2, 1] }, { origin: 'rows' })
    const product = this.builder.add1('matmul', [rows, this.constant([c, c], seed)], { trans_a: false, trans_b: true }, { origin: 'product' })
    const back = this.builder.add1('transpose', [product], { perm: [0, 2, 1] }, { origin: 'back' })
    this.put('reshape', [back], { shape: [n as Dim, c, h as Dim, w as Dim] })
  }
}
