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

const bytesIn = (dtype: DType, shape: readonly Dim[]): Dim => ceilDiv(mul(product(shape), DTYPES[dtype].bits), 8)

/** Elements narrower than a byte lie packed in the bytes of a vector. */
export const reinterpret = defineOp({
  name: 'reinterpret',
  doc: 'The bytes of a tensor of an 8-bit float or packed type as uint8, or the other way round; packed elements lie in a vector of bytes, the first in the low bits.',
  source: 'ONNX TensorProto (storage of packed types)',
  attrs: { to: 'dtype', shape: 'dims' },
  pattern: 'alias',
  infer(call, ctx) {
    const x = tensorInput(call, 0, ['uint8', ...NARROW]), { to, shape } = call.attrs
    checkAttribute((x.dtype === 'uint8') !== (to === 'uint8') && (to === 'uint8' || NARROW.includes(to)), `${x.dtype} cannot be seen as ${to}`)
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
    { inputs: [{ dtype: 'int4', shape: [3, 3], range: [-8, 8] }], attrs: { to: 'uint8', shape: [5] } },
    { inputs: [{ dtype: 'uint2', shape: [7], range: [0, 4] }], attrs: { to: 'uint8', shape: [2] } },
    { inputs: [{ dtype: 'float8e4m3fn', shape: [2, 3], range: [-9, 9] }], attrs: { to: 'uint8', shape: [2, 3] } },
  ],
})
