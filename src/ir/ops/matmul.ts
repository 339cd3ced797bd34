/** Matrix product with numpy's rules for ranks and batches, and flags that transpose the last two axes first. */
import { allocate, elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { dimsEqual, product, type Dim } from '../dims.js'
import { fromNumbers, toNumbers } from '../host-tensor.js'
import type { Compute, ComputeContext } from '../kernel/compute.js'
import { binary, constant, load, local, REGISTER } from '../kernel/expr.js'
import { GradMath, inputShape, sumTo } from '../gradients.js'
import { defineOp, type GradCall, type GradContext, type InferContext, type ReferenceCall } from '../op.js'
import { printType, tensorType, type TensorType } from '../types.js'
import { broadcastShapes } from './broadcast.js'
import { floatElements } from './float-elements.js'
import { rowMajorStrides } from './offsets.js'
import { checkSameDType, FLOATS, NUMBERS, tensorInput } from './operands.js'

const ATTRS = { trans_a: 'bool', trans_b: 'bool' } as const
interface MatmulAttrs { readonly trans_a: boolean; readonly trans_b: boolean }

/** An operand as batches of matrices. `vector`: rank 1, a matrix with one row (left) or one column (right) that the result drops. */
interface Side<D extends Dim> { readonly batch: readonly D[]; readonly outer: D; readonly inner: D; readonly vector: boolean; readonly transposed: boolean }

/** `outer` is the extent that the result keeps, `inner` the one that is summed over. */
function sideOf<D extends Dim>(shape: readonly D[], trans: boolean, left: boolean): Side<D> {
  if (shape.length === 1) return { batch: [], outer: 1 as D, inner: shape[0] as D, vector: true, transposed: false }
  const last = shape[shape.length - 1] as D, before = shape[shape.length - 2] as D
  const keepsBefore = left !== trans
  return { batch: shape.slice(0, -2), outer: keepsBefore ? before : last, inner: keepsBefore ? last : before, vector: false, transposed: trans }
}

function inferShape(a: TensorType, b: TensorType, attrs: MatmulAttrs, ctx: InferContext): readonly Dim[] {
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new IngotError('shape-mismatch', `matmul needs operands of rank 1 or more, but they are ${printType(a)} and ${printType(b)}`, { hint: 'multiply by a scalar with mul' })
  }
  const x = sideOf(a.shape, attrs.trans_a, true), w = sideOf(b.shape, attrs.trans_b, false)
  if (typeof x.inner === 'number' && typeof w.inner === 'number' && x.inner !== w.inner) {
    throw new IngotError('shape-mismatch', `matmul sums over ${x.inner} elements of the left operand ${printType(a)} but ${w.inner} of the right operand ${printType(b)}`, { hint: 'the last extent of the left operand must equal the second last of the right one (before trans_a and trans_b)' })
  }
  ctx.assume(x.inner, w.inner, 'matmul sums over the same extent of both operands')
  const batch = broadcastShapes([x.batch, w.batch], ctx)
  return [...batch, ...(x.vector ? [] : [x.outer]), ...(w.vector ? [] : [w.outer])]
}

function compute(ctx: ComputeContext<MatmulAttrs>): Compute {
  const [a, b] = ctx.inputs as [TensorType, TensorType]
  const [y] = ctx.outputs as [TensorType]
  const x = sideOf(a.shape, ctx.attrs.trans_a, true), w = sideOf(b.shape, ctx.attrs.trans_b, false)
  const batchRank = y.shape.length - (x.vector ? 0 : 1) - (w.vector ? 0 : 1)
  const batchAxes = y.shape.slice(0, batchRank).map((hi, i) => ({ name: `b${i}`, hi }))
  const batchIndex = (side: Side<Dim>): Dim[] => side.batch.map((extent, i) => {
    const axis = batchAxes[batchRank - side.batch.length + i]
    return axis === undefined || (extent === 1 && !dimsEqual(extent, axis.hi)) ? 0 : axis.name
  })
  const left: Dim[] = x.vector ? ['k'] : [...batchIndex(x), ...(x.transposed ? ['k', 'i'] : ['i', 'k'])]
  const right: Dim[] = w.vector ? ['k'] : [...batchIndex(w), ...(w.transposed ? ['j', 'k'] : ['k', 'j'])]
  const axes = [...batchAxes, ...(x.vector ? [] : [{ name: 'i', hi: x.outer }]), ...(w.vector ? [] : [{ name: 'j', hi: w.outer }])]
  const type = REGISTER[y.dtype]
  return {
    name: 'matmul', buffers: ctx.buffers, axes,
    stages: [
      { kind: 'reduce', axes: [{ name: 'k', hi: x.inner }], lets: [], accumulators: [{ name: 'acc', type, init: constant(type, 0), combine: 'add', value: binary('mul', load('x0', left), load('x1', right)) }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: axes.map((axis) => axis.name), value: local('acc', type) },
    ],
  }
}

/** Concrete geometry of a product: flat offsets of each batch's matrices, and strides of their elements. */
interface Plan {
  readonly rows: number; readonly columns: number; readonly depth: number
  readonly aOffsets: readonly number[]; readonly bOffsets: readonly number[]
  readonly ai: number; readonly ak: number; readonly bk: number; readonly bj: number
}

function planOf(a: readonly number[], b: readonly number[], out: readonly number[], attrs: MatmulAttrs): Plan {
  const x = sideOf(a, attrs.trans_a, true), w = sideOf(b, attrs.trans_b, false)
  const batch = out.slice(0, out.length - (x.vector ? 0 : 1) - (w.vector ? 0 : 1))
  const offsets = (side: Side<number>): number[] => {
    const size = side.outer * side.inner, strides = rowMajorStrides(side.batch)
    return Array.from({ length: elementCount(batch) }, (_, flat) => {
      let offset = 0
      for (let i = batch.length - 1, rest = flat; i >= 0; i--) {
        const extent = batch[i] as number, at = rest % extent, own = i - (batch.length - side.batch.length)
        rest = (rest - at) / extent
        if (own >= 0 && side.batch[own] !== 1) offset += at * (strides[own] as number) * size
      }
      return offset
    })
  }
  return {
    rows: x.outer, columns: w.outer, depth: x.inner, aOffsets: offsets(x), bOffsets: offsets(w),
    ai: x.transposed ? 1 : x.inner, ak: x.transposed ? x.outer : 1,
    bk: w.transposed || w.vector ? 1 : w.outer, bj: w.transposed ? w.inner : 1,
  }
}

function multiplyFloats(p: Plan, a: Float64Array, b: Float64Array, y: Float64Array): void {
  const { rows, columns, depth, ai, ak, bk, bj } = p
  for (let batch = 0, out = 0; batch < p.aOffsets.length; batch++) {
    for (let i = 0; i < rows; i++, out += columns) {
      const aRow = (p.aOffsets[batch] as number) + i * ai
      for (let k = 0; k < depth; k++) {
        const s = a[aRow + k * ak] as number
        let at = (p.bOffsets[batch] as number) + k * bk
        for (let j = 0; j < columns; j++, at += bj) y[out + j] = (y[out + j] as number) + s * (b[at] as number)
      }
    }
  }
}

/** Exact modulo 2^32, so right for every integer dtype of up to 32 bits once stored. */
function multiplyInt32(p: Plan, a: Int32Array, b: Int32Array, y: Int32Array): void {
  for (let batch = 0, out = 0; batch < p.aOffsets.length; batch++) {
    for (let i = 0; i < p.rows; i++) {
      for (let j = 0; j < p.columns; j++, out++) {
        let at = (p.aOffsets[batch] as number) + i * p.ai, bt = (p.bOffsets[batch] as number) + j * p.bj, sum = 0
        for (let k = 0; k < p.depth; k++, at += p.ak, bt += p.bk) sum = (sum + Math.imul(a[at] as number, b[bt] as number)) | 0
        y[out] = sum
      }
    }
  }
}

function multiplyInt64(p: Plan, a: BigInt64Array | BigUint64Array, b: BigInt64Array | BigUint64Array, y: BigInt64Array | BigUint64Array): void {
  for (let batch = 0, out = 0; batch < p.aOffsets.length; batch++) {
    for (let i = 0; i < p.rows; i++) {
      for (let j = 0; j < p.columns; j++, out++) {
        let at = (p.aOffsets[batch] as number) + i * p.ai, bt = (p.bOffsets[batch] as number) + j * p.bj, sum = 0n
        for (let k = 0; k < p.depth; k++, at += p.ak, bt += p.bk) sum += (a[at] as bigint) * (b[bt] as bigint)
        y[out] = sum
      }
    }
  }
}

function reference(call: ReferenceCall<MatmulAttrs>): HostTensor[] {
  const [a, b] = call.inputs as [HostTensor, HostTensor]
  const [out] = call.outputs as [{ readonly dtype: HostTensor['dtype']; readonly shape: readonly number[] }]
  const plan = planOf(a.shape, b.shape, out.shape, call.attrs), count = elementCount(out.shape)
  if (FLOATS.includes(out.dtype)) {
    const y = new Float64Array(count)
    multiplyFloats(plan, floatElements(a), floatElements(b), y)
    return [fromNumbers(out.dtype, out.shape, y)]
  }
  if (out.dtype === 'int64' || out.dtype === 'uint64') {
    const data = allocate(out.dtype, count) as BigInt64Array
    multiplyInt64(plan, a.data as BigInt64Array, b.data as BigInt64Array, data)
    return [{ dtype: out.dtype, shape: out.shape, data }]
  }
  const y = new Int32Array(count)
  multiplyInt32(plan, Int32Array.from(toNumbers(a)), Int32Array.from(toNumbers(b)), y)
  const data = allocate(out.dtype, count) as Int32Array
  data.set(y)
  return [{ dtype: out.dtype, shape: out.shape, data }]
}

/** dy·bᵀ and aᵀ·dy, transposed where the operand was, with vectors as matrices and batches that were stretched summed. */
function backward<V>(ctx: GradContext<V>, call: GradCall<V, MatmulAttrs>, [dy]: readonly (V | null)[], wants: readonly boolean[]): readonly (V | null)[] {
  if (dy == null) return [null, null]
  const g = new GradMath(ctx)
  const [aShape, bShape] = [inputShape(call, 0), inputShape(call, 1)]
  const aVector = aShape.length === 1, bVector = bShape.length === 1
  const aMatrix = aVector ? [1, ...aShape] : aShape, bMatrix = bVector ? [...bShape, 1] : bShape
  const ta = call.attrs.trans_a && !aVector, tb = call.attrs.trans_b && !bVector
  const whole = ctx.shape(dy)
  const batch = whole.slice(0, whole.length - (aVector ? 0 : 1) - (bVector ? 0 : 1))
  const rows = aVector ? 1 : (whole[batch.length] as Dim), columns = bVector ? 1 : (whole[whole.length - 1] as Dim)
  const d = g.reshape(dy, [...batch, rows, columns])
  const times = (x: V, y: V, trans_a: boolean, trans_b: boolean): V => ctx.emit('matmul', [x, y], { trans_a, trans_b })
  const da = (): V => { const b = g.reshape(call.inputs[1] as V, bMatrix); return ta ? times(b, d, tb, true) : times(d, b, false, !tb) }
  // To a matrix that all batches share they are more rows, and need not be summed afterwards.
  const joined = (x: V): V => { const shape = ctx.shape(x); return bMatrix.length === 2 && !ta ? g.reshape(x, [product(shape.slice(0, -1)), shape[shape.length - 1] as Dim]) : x }
  const db = (): V => { const a = joined(g.reshape(call.inputs[0] as V, aMatrix)), dRows = joined(d); return tb ? times(dRows, a, true, ta) : times(a, dRows, !ta, false) }
  return [
    wants[0] === true ? g.reshape(sumTo(ctx, da(), aMatrix), aShape) : null,
    wants[1] === true ? g.reshape(sumTo(ctx, db(), bMatrix), bShape) : null,
  ]
}

const sample = (a: readonly number[], b: readonly number[], attrs: Partial<MatmulAttrs> = {}, dtype: HostTensor['dtype'] = 'float32') => ({
  inputs: [{ dtype, shape: a }, { dtype, shape: b }], attrs: { trans_a: false, trans_b: false, ...attrs },
})

/** ONNX MatMul, with transposition flags. */
export const matmul = defineOp({
  name: 'matmul',
  doc: 'Matrix product over the last two axes, with broadcast batch axes; rank-1 operands are a row (left) or a column (right) that the result drops.',
  source: 'ONNX MatMul-13; torch.matmul; numpy.matmul',
  attrs: ATTRS,
  pattern: 'contraction',
  infer(call, ctx) {
    const a = tensorInput(call, 0, NUMBERS), b = tensorInput(call, 1)
    checkSameDType(a, b, "matmul's operands")
    return [tensorType(a.dtype, inferShape(a, b, call.attrs, ctx))]
  },
  reference,
  compute,
  grad: {
    saves: (_, wants) => ({ inputs: [...(wants[1] === true ? [0] : []), ...(wants[0] === true ? [1] : [])], outputs: [] }),
    backward,
  },
  samples: [
    sample([3, 5], [5, 7]),
    sample([1, 1], [1, 1]),
    sample([13, 33], [33, 17]),
    sample([5], [5]),
    sample([5], [5, 3]),
    sample([4, 5], [5]),
    sample([2, 3, 4, 5], [5]),
    sample([5], [2, 5, 3]),
    sample([2, 1, 3, 4], [5, 4, 2]),
    sample([3, 4], [2, 4, 5]),
    sample([2, 3, 4], [4, 5]),
    sample([1, 3, 4], [6, 4, 5]),
    sample([5, 3], [5, 7], { trans_a: true }),
    sample([3, 5], [7, 5], { trans_b: true }),
    sample([2, 5, 3], [7, 5], { trans_a: true, trans_b: true }),
    sample([0, 4], [4, 3]),
    sample([3, 0], [0, 2]),
    sample([3, 5], [5, 7], {}, 'float16'),
    sample([3, 5], [5, 7], {}, 'bfloat16'),
    sample([3, 5], [5, 7], {}, 'float64'),
    sample([3, 5], [5, 7], {}, 'int32'),
    sample([3, 5], [5, 7], {}, 'int64'),
    sample([3, 5], [5, 7], {}, 'uint8'),
    sample([2, 3, 5], [5, 7], {}, 'uint32'),
  ],
})
