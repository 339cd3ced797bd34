/** Attention as exporters write it out: heads split by reshapes and transposes, scales and masks in their places. */
import * as fc from 'fast-check'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Dim } from '../../src/ir/dims.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { fromNumbers } from '../../src/ir/host-tensor.js'
import { tensorType } from '../../src/ir/types.js'

export interface AttentionShape {
  readonly heads: number
  /** Heads of queries that share one of keys. */
  readonly group: number
  readonly depth: number
  readonly width: number
  readonly scaled: 'scores' | 'quotient' | 'queries' | 'both' | 'none'
  readonly mask: 'none' | 'add' | 'row' | 'keep' | 'drop'
  /** Keys come transposed by the product's flag, by a transpose of their own, or from a cache with heads outside. */
  readonly keys: 'flag' | 'transpose' | 'cache'
  /** Masks hide keys altogether, and queries that see none get zeros. */
  readonly zeros: boolean
  /** Products of rank 3, with heads among the batches. */
  readonly flat: boolean
}

export const attentionShapes: fc.Arbitrary<AttentionShape> = fc.record({
  heads: fc.integer({ min: 1, max: 3 }), group: fc.integer({ min: 1, max: 2 }), depth: fc.integer({ min: 1, max: 13 }), width: fc.integer({ min: 1, max: 13 }),
  scaled: fc.constantFrom('scores' as const, 'quotient' as const, 'queries' as const, 'both' as const, 'none' as const),
  mask: fc.constantFrom('none' as const, 'add' as const, 'row' as const, 'keep' as const, 'drop' as const),
  keys: fc.constantFrom('flag' as const, 'transpose' as const, 'cache' as const), zeros: fc.boolean(), flat: fc.boolean(),
})

/** Query [batch, m, …], keys and values [batch, n, …] with heads side by side, or [batch, head, n, …]; a mask over [m, n]. The result has the query's form. */
export function attentionGraph(s: AttentionShape): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' })
  const add = (op: string, inputs: readonly (Value | null)[], attrs: Record<string, Dim | boolean | string | readonly Dim[]>): Value => b.add1(op, inputs, attrs, { origin: op })
  const symbol = (name: string, input: number, axis: number): Dim => b.symbol(name, { kind: 'extent', input, axis })
  const number = (x: number): Value => b.constant(fromNumbers('float32', [], [x]))
  const all = s.heads * s.group, batch = symbol('batch', 0, 0), m = symbol('m', 0, 1), n = symbol('n', 1, s.keys === 'cache' ? 2 : 1)
  const input = (name: string, rows: Dim, heads: number, depth: number, outside: boolean): Value =>
    b.input(name, tensorType('float32', outside ? [batch, heads, rows, depth] : [batch, rows, heads * depth]))
  const split = (x: Value, rows: Dim, heads: number, depth: number, perm: readonly number[]): Value => add('transpose', [add('reshape', [x], { shape: [batch, rows, heads, depth] })], { perm })
  const shared = (x: Value, rows: Dim, depth: number): Value => {
    if (s.group === 1) return x
    const wide = add('expand', [add('reshape', [x], { shape: [batch, s.heads, 1, rows, depth] })], { shape: [batch, s.heads, s.group, rows, depth] })
    return add('reshape', [wide], { shape: [batch, all, rows, depth] })
  }
  const together = (x: Value, rows: Dim, columns: Dim): Value => (s.flat ? add('reshape', [x], { shape: [b2, rows, columns] }) : x)
  const b2: Dim = ['*', batch, all]
  const x = input('q', m, all, s.depth, false), cached = s.keys === 'cache'
  const k = input('k', n, s.heads, s.depth, cached), v = input('v', n, s.heads, s.width, cached)
  let q = split(x, m, all, s.depth, [0, 2, 1, 3])
  if (s.scaled === 'queries' || s.scaled === 'both') q = add('mul', [q, number(0.7)], {})
  const keys = shared(cached ? k : split(k, n, s.heads, s.depth, [0, 2, 1, 3]), n, s.depth), values = shared(cached ? v : split(v, n, s.heads, s.width, [0, 2, 1, 3]), n, s.width)
  const flipped = s.keys === 'transpose' && !s.flat ? add('transpose', [keys], { perm: [0, 1, 3, 2] }) : undefined
  let scores = add('matmul', [together(q, m, s.depth), flipped ?? together(keys, n, s.depth)], { trans_a: false, trans_b: flipped === undefined })
  if (s.scaled === 'scores' || s.scaled === 'both') scores = add('mul', [number(0.6), scores], {})
  if (s.scaled === 'quotient') scores = add('div', [scores, number(1.7)], {})
  scores = masked(b, scores, s, m, n)
  const axis = s.flat ? 2 : 3, plain = add('softmax', [scores], { axis })
  const none = (): Value => add('eq', [b.add1('reduce_max', [scores], { axes: [axis], keepdims: true }, { origin: 'max' }), number(-Infinity)], {})
  const weights = s.zeros && s.mask !== 'none' ? add('where', [none(), number(0), plain], {}) : plain
  const product = add('matmul', [weights, together(values, n, s.width)], { trans_a: false, trans_b: false })
  const heads = s.flat ? add('reshape', [product], { shape: [batch, all, m, s.width] }) : product
  b.output('y', add('reshape', [add('transpose', [heads], { perm: [0, 2, 1, 3] })], { shape: [batch, m, all * s.width] }))
  return b.finish()
}

function masked(b: GraphBuilder, scores: Value, { mask, zeros }: AttentionShape, m: Dim, n: Dim): Value {
  const at = { origin: 'mask' }, fill = b.constant(fromNumbers('float32', [], [zeros ? -Infinity : -3]))
  switch (mask) {
    case 'none': return scores
    case 'add': return b.add1('add', [scores, b.input('mask', tensorType('float32', [m, n]))], {}, at)
    case 'row': return b.add1('add', [b.input('mask', tensorType('float32', [1, 1, n])), scores], {}, at)
    case 'keep': return b.add1('where', [b.input('mask', tensorType('bool', [m, n])), scores, fill], {}, at)
    case 'drop': return b.add1('where', [b.input('mask', tensorType('bool', [n])), fill, scores], {}, at)
  }
}
