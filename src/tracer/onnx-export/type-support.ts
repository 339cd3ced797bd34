/**
 * Which element types ONNX ops take, as far as they take fewer than ours do. Where an op does not take a type, the node is
 * written between casts to a wider one. Source: type constraints of ONNX's operator schemas, opsets 21 and 22.
 */
import type { DType } from '../../base/dtype.js'

const FLOAT3: readonly DType[] = ['float16', 'float32', 'float64']
const FLOAT4: readonly DType[] = [...FLOAT3, 'bfloat16']
const INT4: readonly DType[] = ['int32', 'int64', 'uint32', 'uint64']
const MATH: readonly DType[] = [...FLOAT4, ...INT4]

/** Opset from which on most ops of three float types take bfloat16 too. */
const BFLOAT16_OPSET = 22

interface Support {
  readonly types: readonly DType[]
  /** bfloat16 too, from `BFLOAT16_OPSET` on. */
  readonly grows?: boolean
  /** Inputs whose type it is; all of them where not given. */
  readonly inputs?: readonly number[]
}

const table = (support: Support, names: readonly string[]): [string, Support][] => names.map((name) => [name, support])

const SUPPORT: ReadonlyMap<string, Support> = new Map([
  ...table({ types: FLOAT3, grows: true }, [
    'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Cos', 'Cosh', 'Sin', 'Sinh', 'Tan', 'Round', 'Elu', 'Selu', 'HardSigmoid', 'HardSwish', 'Mish', 'Softplus', 'Softsign',
    'ThresholdedRelu', 'Conv', 'ConvTranspose', 'AveragePool', 'LpPool', 'RoiAlign', 'MaxRoiPool', 'Det',
  ]),
  ...table({ types: FLOAT3, grows: true, inputs: [0, 1, 2, 3, 5, 6, 7] }, ['LSTM', 'GRU', 'RNN']),
  ...table({ types: [...FLOAT3, 'int8', 'uint8'], grows: true }, ['MaxPool']),
  ...table({ types: ['float32'] }, ['Celu', 'LinearAttention']),
  ...table({ types: FLOAT3 }, ['Shrink']),
  ...table({ types: [...FLOAT3, 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool'], grows: true, inputs: [0] }, ['GridSample']),
  ...table({ types: MATH }, ['MatMul', 'Gemm', 'PRelu']),
  ...table({ types: [...FLOAT4, 'int32', 'int64'], inputs: [0] }, ['Pow']),
  ...table({ types: [...FLOAT3, 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'], inputs: [0] }, ['TopK']),
  ...table({ types: MATH, inputs: [0] }, ['ReduceSum', 'ReduceMean', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'CumSum', 'CumProd']),
  ...table({ types: [...MATH, 'int8', 'uint8', 'bool'], inputs: [0] }, ['ReduceMax', 'ReduceMin']),
  ...table({ types: ['uint8', 'uint16', 'uint32', 'uint64'] }, ['BitShift']),
  ...table({ types: ['float16', 'float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool'], inputs: [2] }, ['OneHot']),
])

/** Types that hold every value of a type; arithmetic in them that wraps at their width wraps right when cast back. */
const WIDER: Readonly<Partial<Record<DType, readonly DType[]>>> = {
  bfloat16: ['float32'], float16: ['float32', 'float64'], float32: ['float64'],
  int8: ['int32', 'float32'], int16: ['int32', 'float32'], int32: ['int64', 'float64'],
  uint8: ['uint32', 'int32'], uint16: ['uint32', 'int32', 'float32'], uint32: ['int64', 'float64'], bool: ['uint8', 'int32'],
}

/** What a node of `opType` must be computed in for elements of `dtype`: the type itself, a wider one, or undefined where there is none. */
export function computedType(opType: string, dtype: DType, opset: number): DType | undefined {
  const support = SUPPORT.get(opType)
  if (support === undefined) return dtype
  const takes = (t: DType): boolean => support.types.includes(t) || (t === 'bfloat16' && support.grows === true && opset >= BFLOAT16_OPSET)
  return takes(dtype) ? dtype : WIDER[dtype]?.find(takes)
}

/** True where input `i` of the op has the type that `computedType` is about. */
export function isTypedInput(opType: string, i: number): boolean {
  return SUPPORT.get(opType)?.inputs?.includes(i) ?? true
}
