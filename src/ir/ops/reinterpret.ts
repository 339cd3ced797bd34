/** Reinterpret: the same memory as elements of another dtype. Costs nothing. */
import { bytesOf, DTYPES, storageOf, type DType } from '../../base/dtype.js'
import { printShape } from '../dims-text.js'
import { ceilDiv, mul, product, type Dim } from '../dims.js'
import { defineOp } from '../op.js'
import { tensorType } from '../types.js'
import { onlyOutput, required } from './elementwise.js'
import { checkAttribute, checkShape, tensorInput } from './operands.js'

/** Dtypes that ops know only by their bits. */
export const NARROW: readonly DType[] = ['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1', 'int4', 'uint4', 'int2', 'uint2']

/** Dtypes whose elements fill words of the same width as those of another. */
const WORDS: readonly DType[] = ['float32', 'int32', 'uint32', 'float64', 'int64', 'uint64', 'float16', 'bfloat16', 'int16', 'uint16']

const bytesIn = (dtype: DType, shape: readonly Dim[]): Dim => ceilDiv(mul(product(shape), DTYPES[dtype].bits), 8)

/** Elements narrower than a byte lie packed in the bytes of a vector. */
export const reinterpret = defineOp({
  name: 'reinterpret',
  doc: 'The bits of elements as those of another type of their width, or packed elements as a vector of uint8 and the other way round, the first in the low bits.',
  source: 'ONNX BitCast-26, TensorProto (storage of packed types); numpy view',
  attrs: { to: 'dtype', shape: 'dims' },
  pattern: 'alias',
  infer(call, ctx) {
    const x = tensorInput(call, 0, ['uint8', ...WORDS, ...NARROW]), { to, shape } = call.attrs, words = WORDS.includes(x.dtype) && WORDS.includes(to) && DTYPES[x.dtype].bits === DTYPES[to].bits
    checkAttribute(words || (x.dtype === 'uint8' || NARROW.includes(x.dtype)) && (x.dtype === 'uint8') !== (to === 'uint8') && (to === 'uint8' || NARROW.includes(to)), `${x.dtype} cannot be seen as ${to}`)
    const bytes = x.dtype === 'uint8' ? x.shape : shape
    checkShape(DTYPES[x.dtype].bits === DTYPES[to].bits || bytes.length === 1, `the bytes ${printShape(bytes)} of packed elements are no vector`)
    ctx.assume(bytesIn(x.dtype, x.shape), bytesIn(to, shape), `${printShape(x.shape)} of ${x.dtype} is seen as ${printShape(shape)} of ${to}, which must have as many bytes`)
    return [tensorType(to, shape)]
  },
  reference({ inputs, outputs }) {
    const [x] = required(inputs), { dtype, shape } = onlyOutput(outputs)
    return [{ dtype, shape, data: storageOf(dtype, bytesOf(x.data)) }]
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3], data: [0, -0, 1, -2.5, Infinity, 1e-40] }], attrs: { to: 'int32', shape: [2, 3] } },
    { inputs: [{ dtype: 'int64', shape: [2], data: [1, 4607182418800017408] }], attrs: { to: 'float64', shape: [2] } },
    { inputs: [{ dtype: 'float16', shape: [3], data: [1, -2, 0.5] }], attrs: { to: 'int16', shape: [3] } },
    { inputs: [{ dtype: 'int4', shape: [3, 3], range: [-8, 8] }], attrs: { to: 'uint8', shape: [5] } },
    { inputs: [{ dtype: 'uint2', shape: [7], range: [0, 4] }], attrs: { to: 'uint8', shape: [2] } },
    { inputs: [{ dtype: 'float8e4m3fn', shape: [2, 3], range: [-9, 9] }], attrs: { to: 'uint8', shape: [2, 3] } },
  ],
})
