/** Small ONNX models written by onnx-proto, an encoder that shares nothing with the importer. */
import { onnx } from 'onnx-proto'
import { IngotError } from '../../../src/base/error.js'

const T = onnx.TensorProto.DataType
const A = onnx.AttributeProto.AttributeType

/** A value info of float32 unless said otherwise; extents are numbers or names. */
export function port(name: string, shape: readonly (number | string)[], elemType: number = T.FLOAT): onnx.IValueInfoProto {
  return { name, type: { tensorType: { elemType, shape: { dim: shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d })) } } } }
}

/** A node; attribute values are ints, lists of ints, strings, tensors or whole attributes. */
export function node(opType: string, input: readonly string[], output: readonly string[], attributes: Readonly<Record<string, number | readonly number[] | string | onnx.IAttributeProto>> = {}, more: onnx.INodeProto = {}): onnx.INodeProto {
  const attribute = Object.entries(attributes).map(([name, v]): onnx.IAttributeProto => {
    if (typeof v === 'number') return { name, type: A.INT, i: v }
    if (typeof v === 'string') return { name, type: A.STRING, s: new TextEncoder().encode(v) }
    return Array.isArray(v) ? { name, type: A.INTS, ints: [...v as number[]] } : { name, ...v as onnx.IAttributeProto }
  })
  return { opType, input: [...input], output: [...output], attribute, ...more }
}

/** A float attribute. */
export const floatAttribute = (f: number): onnx.IAttributeProto => ({ type: A.FLOAT, f })
/** A tensor attribute. */
export const tensorAttribute = (t: onnx.ITensorProto): onnx.IAttributeProto => ({ type: A.TENSOR, t })
/** An attribute that refers to one of the function around it. */
export const referenceAttribute = (refAttrName: string, type: number): onnx.IAttributeProto => ({ type, refAttrName })

export interface ModelParts {
  readonly inputs?: readonly onnx.IValueInfoProto[]
  readonly outputs?: readonly string[]
  readonly nodes?: readonly onnx.INodeProto[]
  readonly initializers?: readonly onnx.ITensorProto[]
  readonly opset?: number
  readonly irVersion?: number
  readonly more?: onnx.IModelProto
}

/** The bytes of a model. */
export function model(parts: ModelParts): Uint8Array {
  return onnx.ModelProto.encode(onnx.ModelProto.create({
    irVersion: parts.irVersion ?? 8, opsetImport: [{ domain: '', version: parts.opset ?? 17 }],
    graph: {
      name: 'g', node: [...parts.nodes ?? []], input: [...parts.inputs ?? []], initializer: [...parts.initializers ?? []],
      output: (parts.outputs ?? ['y']).map((name) => ({ name })),
    },
    ...parts.more,
  })).finish()
}

/** The IngotError that `run` throws; fails where it throws none, or another. */
export async function errorOf(run: () => unknown): Promise<IngotError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof IngotError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

export { onnx }
export const DATA_TYPE = T
export const ATTRIBUTE_TYPE = A
