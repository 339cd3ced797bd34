/**
 * Sums of products of 16-bit integers, two products at a time: an element of int32 holds two neighbours of the axis that is
 * summed over, the first in its low half. WebAssembly multiplies and adds four such pairs in one instruction.
 */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { add, ceilDiv, lt, min, mul, sub, type Dim } from '../dims.js'
import { toNumbers } from '../host-tensor.js'
import type { Compute } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { binary, cast, constant, indexValue, load, REGISTER, selectExpr, type Expr } from '../kernel/expr.js'
import { defineOp, type Op, type ReferenceCall } from '../op.js'
import type { Attrs } from '../graph.js'
import { tensorType } from '../types.js'
import { conv } from './conv.js'
import { onlyOutput, required } from './elementwise.js'
import { matmul } from './matmul.js'
import { checkAttribute, tensorInput } from './operands.js'
import { summedByConv, summedByMatmul } from './summed-axes.js'

const HALVES = ['int8', 'int16', 'int32', 'uint8', 'bool'] as const

/** Neighbours along an axis as halves of one int32 each; an odd one out has 0 beside it. */
export const pairHalves = defineOp({
  name: 'pair_halves',
  doc: 'Elements 2i and 2i + 1 along `axis` as the low and high half of an int32, each modulo 2^16; 0 where there is no second.',
  source: 'Ingot: placed by the pass choose-paired-products',
  attrs: { axis: 'int' },
  pattern: 'injective',
  infer(call) {
    const x = tensorInput(call, 0, HALVES), { axis } = call.attrs
    checkAttribute(axis >= 0 && axis < x.shape.length, `axis must be below the rank ${x.shape.length}, but is ${axis}`)
    return [tensorType('int32', x.shape.map((d, i) => (i === axis ? ceilDiv(d, 2) : d)))]
  },
  reference({ inputs, outputs, attrs: { axis } }) {
    const [x] = required(inputs), { dtype, shape } = onlyOutput(outputs), numbers = toNumbers(x)
    const extent = x.shape[axis] as number, inner = elementCount(x.shape.slice(axis + 1)), half = shape[axis] as number
    const data = new Int32Array(elementCount(shape))
    for (let i = 0; i < data.length; i++) {
      const at = 2 * (Math.floor(i / inner) % half), from = (Math.floor(i / inner / half) * extent + at) * inner + (i % inner)
      data[i] = ((numbers[from] as number) & 0xffff) | ((at + 1 < extent ? (numbers[from + inner] as number) : 0) << 16)
    }
    return [{ dtype, shape, data }]
  },
  compute(ctx) {
    const { axis } = ctx.attrs, [x] = ctx.inputs, axes = axesOver(ctx.outputs[0]?.shape ?? []), index = axes.map((a) => a.name)
    const extent = x?.shape[axis] as Dim, first = mul(2, index[axis] as Dim), second = add(first, 1), isEven = typeof extent === 'number' && extent % 2 === 0
    const element = (at: Dim): Expr => {
      const loaded = load('x0', index.map((d, i) => (i === axis ? at : d)))
      return REGISTER[x?.dtype ?? 'int32'] === 'i32' ? loaded : cast('i32', loaded)
    }
    const high = isEven ? element(second) : selectExpr(cast('bool', indexValue(lt(second, extent))), element(min(second, sub(extent, 1))), constant('i32', 0))
    const value = binary('or', binary('and', element(first), constant('i32', 0xffff)), binary('shl', high, constant('i32', 16)))
    return { name: 'pair_halves', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value }] }
  },
  samples: [
    { inputs: [{ dtype: 'int32', shape: [3, 8], range: [-32768, 32768] }], attrs: { axis: 1 } },
    { inputs: [{ dtype: 'int32', shape: [2, 5, 3], range: [-300, 300] }], attrs: { axis: 1 } },
    { inputs: [{ dtype: 'uint8', shape: [7], range: [0, 256] }], attrs: { axis: 0 } },
    { inputs: [{ dtype: 'int8', shape: [1, 3, 4, 4], range: [-128, 128] }], attrs: { axis: 1 } },
    { inputs: [{ dtype: 'int32', shape: [0, 3] }], attrs: { axis: 1 } },
  ],
})

/** `compute` with products of pairs in the place of products. */
function withPairs(compute: Compute): Compute {
  return {
    ...compute,
    stages: compute.stages.map((s) => (s.kind !== 'reduce' ? s : { ...s, accumulators: s.accumulators.map((a) => (a.value.kind === 'binary' && a.value.op === 'mul' ? { ...a, value: { ...a.value, op: 'dot16' } } : a)) })),
  }
}

/** The halves of pairs along `axis` as elements. */
function unpaired({ shape, data }: HostTensor, axis: number): HostTensor {
  const inner = elementCount(shape.slice(axis + 1)), pairs = data as Int32Array, out = new Int32Array(2 * pairs.length)
  pairs.forEach((pair, i) => {
    const at = 2 * (i - (i % inner)) + (i % inner)
    out[at] = pair << 16 >> 16
    out[at + inner] = pair >> 16
  })
  return { dtype: 'int32', shape: shape.map((d, i) => (i === axis ? 2 * d : d)), data: out }
}

/** `op` over pairs; `axes` gives the axis of each operand that is summed over. */
function overPairs(op: Op, name: string, doc: string, axes: typeof summedByMatmul, samples: Op['samples']): Op {
  return {
    name, doc, samples, source: 'Ingot: placed by the pass choose-paired-products', attrs: op.attrs, ...(op.amounts !== undefined && { amounts: op.amounts }), pattern: op.pattern,
    infer(call, ctx) {
      tensorInput(call, 0, ['int32'])
      tensorInput(call, 1, ['int32'])
      return op.infer(call, ctx)
    },
    reference(call: ReferenceCall<Attrs>) {
      const sides = call.inputs.slice(0, 2) as [HostTensor, HostTensor], summed = axes([sides[0].shape.length, sides[1].shape.length], call.attrs)
      return op.reference({ ...call, inputs: [...sides.map((t, i) => unpaired(t, summed[i] as number)), ...call.inputs.slice(2)] })
    },
    compute: (ctx) => withPairs((op.compute as NonNullable<Op['compute']>)(ctx)),
  }
}

const RANGE = { dtype: 'int32', range: [-(2 ** 31), 2 ** 31] } as const
const operands = (...shapes: readonly (readonly number[])[]): { readonly inputs: readonly { readonly dtype: 'int32'; readonly shape: readonly number[]; readonly range: readonly [number, number] }[] } => ({ inputs: shapes.map((shape) => ({ ...RANGE, shape })) })
const PLAIN = { trans_a: false, trans_b: false }, UNIT = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 }

export const pairedMatmul = overPairs(matmul, 'paired_matmul', 'matmul of int32 whose elements are pairs along the axis that is summed over (`pair_halves`): sums of the products of their halves, modulo 2^32.',
  summedByMatmul, [
    { ...operands([3, 5], [5, 7]), attrs: PLAIN },
    { ...operands([13, 33], [33, 17]), attrs: PLAIN },
    { ...operands([5], [5, 3]), attrs: PLAIN },
    { ...operands([2, 1, 3, 4], [5, 4, 9]), attrs: PLAIN },
    { ...operands([5, 3], [7, 5]), attrs: { trans_a: true, trans_b: true } },
    { ...operands([0, 4], [4, 3]), attrs: PLAIN },
  ])

export const pairedConv = overPairs(conv, 'paired_conv', 'conv of int32 whose elements are pairs of channels (`pair_halves`): sums of the products of their halves, plus bias, modulo 2^32.',
  summedByConv, [
    { ...operands([1, 3, 6, 7], [4, 3, 3, 3]), attrs: UNIT },
    { inputs: [...operands([2, 4, 8, 8], [8, 4, 3, 3]).inputs, { ...RANGE, shape: [8] }], attrs: { ...UNIT, strides: [2, 2], pads: [1, 0, 1, 2] } },
    { ...operands([1, 5, 9, 9], [17, 5, 1, 1]), attrs: UNIT },
    { ...operands([1, 1, 5, 5], [3, 1, 2, 2]), attrs: { ...UNIT, dilations: [2, 2] } },
  ])
