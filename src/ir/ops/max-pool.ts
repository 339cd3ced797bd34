/** Max pooling: the greatest element of each window, and where it is. */
import { allocate, elementCount, type DType, type HostTensor } from '../../base/dtype.js'
import { add, mul, product, type Dim } from '../dims.js'
import type { Accumulator, Compute, ComputeContext } from '../kernel/compute.js'
import { binary, cast, constant, indexValue, load, local, REGISTER, selectExpr, unary, type Expr } from '../kernel/expr.js'
import { fromNumbers, toNumbers } from '../host-tensor.js'
import { defineOp, type Call, type ConcreteType, type InferContext, type ReferenceCall } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { limitsOf } from './elements.js'
import { numberOf } from './expressions.js'
import { FLOATS, NUMBERS, tensorInput } from './operands.js'
import { inferPool, POOL_ATTRS, poolReference, poolSampleAttrs, poolSpace, type PoolAttrs } from './pool.js'
import { maxPoolGrad } from './pool-grad.js'

function infer(call: Call<PoolAttrs>, ctx: InferContext): readonly [TensorType, readonly Dim[]] {
  const x = tensorInput(call, 0, NUMBERS)
  return [x, inferPool(x, call.attrs, ctx)]
}

function computeMax(ctx: ComputeContext<PoolAttrs>): Compute {
  const [y] = ctx.outputs as [TensorType], space = poolSpace(ctx), type = REGISTER[y.dtype]
  return {
    name: 'max_pool', buffers: ctx.buffers, axes: space.axes,
    stages: [
      { kind: 'reduce', axes: space.taps, lets: [], accumulators: [{ name: 'acc', type, init: numberOf(y.dtype, limitsOf(y.dtype).lowest), combine: 'max', value: load('x0', space.input) }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: space.output, value: local('acc', type) },
    ],
  }
}

/** Compares as numpy's argmax does: the first greatest element, a NaN above all numbers. */
function computeIndices(ctx: ComputeContext<PoolAttrs & { readonly storage_order: number }>): Compute {
  const [x] = ctx.inputs as [TensorType], space = poolSpace(ctx), type = REGISTER[x.dtype]
  const value = local('value', type), best = local('best', type), none = binary('lt', local('where', 'i32'), constant('i32', 0))
  const greater = binary('gt', value, best)
  const isFloat = FLOATS.includes(x.dtype)
  const better = isFloat ? binary('or', greater, binary('and', unary('isnan', value), unary('not', unary('isnan', best)))) : greater
  const take = (taken: Expr, kept: Expr): Expr => selectExpr(binary('or', none, better), taken, kept)
  const [n, c, ...spatial] = space.input as [Dim, Dim, ...Dim[]]
  const plane = mul(add(mul(n, x.shape[1] as Dim), c), product(x.shape.slice(2)))
  const accumulators: Accumulator[] = [
    { name: 'best', type, init: numberOf(x.dtype, limitsOf(x.dtype).lowest), value: take(value, best) },
    { name: 'where', type: 'i32', init: constant('i32', -1), value: take(indexValue(add(plane, planeOffset(spatial, x.shape.slice(2), ctx.attrs.storage_order))), local('where', 'i32')) },
  ]
  return {
    name: 'max_pool_indices', buffers: ctx.buffers, axes: space.axes,
    stages: [
      { kind: 'reduce', axes: space.taps, lets: [{ kind: 'value', name: 'value', type, value: load('x0', space.input) }], accumulators },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: space.output, value: cast('i64', local('where', 'i32')) },
    ],
  }
}

/** Offset of a point within its plane: row-major, or with storage order 1 the first axis fastest. */
function planeOffset(at: readonly Dim[], shape: readonly Dim[], order: number): Dim {
  const axes = at.map((_, i) => i)
  return (order === 1 ? axes.reverse() : axes).reduce((sum: Dim, i) => add(mul(sum, shape[i] as Dim), at[i] as Dim), 0)
}

function referenceMax(call: ReferenceCall<PoolAttrs>): HostTensor[] {
  const [x] = call.inputs as [HostTensor], [out] = call.outputs as [ConcreteType]
  if (x.data instanceof BigInt64Array || x.data instanceof BigUint64Array) {
    const data = allocate(out.dtype, elementCount(out.shape)) as BigInt64Array, xs = x.data
    poolReference(x.shape, out.shape, call.attrs, (output, base, offsets, taps) => {
      let best = limitsOf(out.dtype).lowest as bigint
      for (let t = 0; t < taps; t++) { const v = xs[base + (offsets[t] as number)] as bigint; if (v > best) best = v }
      data[output] = best
    })
    return [{ dtype: out.dtype, shape: out.shape, data }]
  }
  const xs = toNumbers(x), y = new Float64Array(elementCount(out.shape))
  const least = limitsOf(out.dtype).lowest as number
  poolReference(x.shape, out.shape, call.attrs, (output, base, offsets, taps) => {
    let best = least
    for (let t = 0; t < taps; t++) best = Math.max(best, xs[base + (offsets[t] as number)] as number)
    y[output] = best
  })
  return [fromNumbers(out.dtype, out.shape, y)]
}

function referenceIndices(call: ReferenceCall<PoolAttrs & { readonly storage_order: number }>): HostTensor[] {
  const [x] = call.inputs as [HostTensor], [out] = call.outputs as [ConcreteType]
  const xs: ArrayLike<number | bigint> = x.data instanceof BigInt64Array || x.data instanceof BigUint64Array ? x.data : toNumbers(x)
  const data = new BigInt64Array(elementCount(out.shape)), spatial = x.shape.slice(2)
  poolReference(x.shape, out.shape, call.attrs, (output, base, offsets, taps) => {
    let where = -1
    for (let t = 0; t < taps; t++) {
      const v = xs[base + (offsets[t] as number)] as number | bigint, best = xs[base + where] as number | bigint
      if (where < 0 || v > best || (Number.isNaN(v) && !Number.isNaN(best))) where = offsets[t] as number
    }
    if (where >= 0 && call.attrs.storage_order === 1) where = planeOffset(coordinates(where, spatial), spatial, 1) as number
    data[output] = BigInt(where < 0 ? -1 : base + where)
  })
  return [{ dtype: 'int64', shape: out.shape, data }]
}

function coordinates(flat: number, shape: readonly number[]): number[] {
  const at = new Array<number>(shape.length)
  for (let i = shape.length - 1, rest = flat; i >= 0; i--) { const extent = shape[i] as number; at[i] = rest % extent; rest = Math.floor(rest / extent) }
  return at
}

const SAMPLES: readonly { readonly shape: readonly number[]; readonly attrs: PoolAttrs; readonly dtype?: DType; readonly data?: readonly number[] }[] = [
  { shape: [2, 3, 7, 5], attrs: poolSampleAttrs([3, 2]) },
  { shape: [1, 2, 9, 8], attrs: poolSampleAttrs([3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }) },
  { shape: [1, 2, 9, 8], attrs: poolSampleAttrs([2, 3], { strides: [2, 3], pads: [0, 2, 1, 1], dilations: [3, 2] }) },
  { shape: [1, 1, 6, 6], attrs: poolSampleAttrs([3, 3], { strides: [2, 2], ceil_mode: true }) },
  { shape: [1, 1, 2, 2], attrs: poolSampleAttrs([1, 1], { strides: [2, 2], ceil_mode: true }) },
  { shape: [2, 2, 11], attrs: poolSampleAttrs([4], { strides: [3], pads: [1, 2] }) },
  { shape: [1, 2, 4, 5, 3], attrs: poolSampleAttrs([2, 2, 2], { strides: [1, 2, 1], pads: [1, 0, 0, 0, 1, 1] }) },
  { shape: [1, 1, 4, 4], attrs: poolSampleAttrs([2, 2], { strides: [2, 2] }), data: [NaN, 1, 2, 3, 4, 5, -Infinity, -Infinity, 1, NaN, -Infinity, -Infinity, 2, 2, 7, 7] },
  { shape: [1, 2, 5, 5], attrs: poolSampleAttrs([3, 3], { pads: [1, 1, 1, 1] }), dtype: 'float16' },
  { shape: [1, 2, 5, 5], attrs: poolSampleAttrs([3, 3], { pads: [1, 1, 1, 1] }), dtype: 'int8' },
  { shape: [1, 2, 5, 5], attrs: poolSampleAttrs([2, 2], { strides: [2, 2] }), dtype: 'uint8' },
  { shape: [1, 1, 5, 5], attrs: poolSampleAttrs([2, 2]), dtype: 'int64' },
  { shape: [1, 1, 5, 5], attrs: poolSampleAttrs([2, 2]), dtype: 'float64' },
  { shape: [0, 2, 5, 5], attrs: poolSampleAttrs([2, 2]) },
]
const sampleInput = (s: (typeof SAMPLES)[number]) => ({ dtype: s.dtype ?? 'float32', shape: s.shape, ...(s.data !== undefined && { data: s.data }) })

/** ONNX MaxPool's first result. */
export const maxPool = defineOp({
  name: 'max_pool',
  doc: 'Greatest element of each window; padding never wins, NaN always does.',
  source: 'ONNX MaxPool-12; torch.nn.functional.max_pool2d',
  attrs: POOL_ATTRS,
  amounts: ['pads'],
  pattern: 'reduction',
  infer(call, ctx) {
    const [x, shape] = infer(call, ctx)
    return [tensorType(x.dtype, shape)]
  },
  reference: referenceMax,
  compute: computeMax,
  grad: maxPoolGrad,
  samples: SAMPLES.map((s) => ({ inputs: [sampleInput(s)], attrs: s.attrs })),
})

/** ONNX MaxPool's second result. */
export const maxPoolIndices = defineOp({
  name: 'max_pool_indices',
  doc: 'Index in the whole input, flattened, of the first greatest element of each window; within a plane row-major, or with storage_order 1 the first axis fastest.',
  source: 'ONNX MaxPool-12 (Indices); torch.nn.functional.max_pool2d(return_indices=True) counts within a plane instead',
  attrs: { ...POOL_ATTRS, storage_order: 'int' },
  amounts: ['pads'],
  pattern: 'reduction',
  infer(call, ctx) {
    return [tensorType('int64', infer(call, ctx)[1])]
  },
  reference: referenceIndices,
  compute: computeIndices,
  samples: [0, 1].flatMap((storage_order) => SAMPLES.map((s) => ({ inputs: [sampleInput(s)], attrs: { ...s.attrs, storage_order } }))),
})
