/**
 * The ONNX wire format as a table: message → field number → name, kind and label. Source: onnx.proto, IR version 13.
 * The TypeScript types of decoded messages are derived from the table, so that a field is written down once.
 */

/** Scalar kinds. `int` is an int64 as a number, `exact` as a bigint; `text` is UTF-8; `bytes` is a view of the file. */
export type ScalarKind = 'int' | 'exact' | 'unsigned' | 'enum' | 'float' | 'double' | 'text' | 'bytes'
type Field = readonly [name: string, kind: string, label?: 'repeated']

export const SCHEMA = {
  ModelProto: {
    1: ['irVersion', 'int'], 2: ['producerName', 'text'], 3: ['producerVersion', 'text'], 4: ['domain', 'text'], 5: ['modelVersion', 'int'],
    6: ['docString', 'text'], 7: ['graph', 'GraphProto'], 8: ['opsetImport', 'OperatorSetIdProto', 'repeated'],
    14: ['metadataProps', 'StringStringEntryProto', 'repeated'], 20: ['trainingInfo', 'bytes', 'repeated'],
    25: ['functions', 'FunctionProto', 'repeated'], 26: ['configuration', 'bytes', 'repeated'],
  },
  OperatorSetIdProto: { 1: ['domain', 'text'], 2: ['version', 'int'] },
  StringStringEntryProto: { 1: ['key', 'text'], 2: ['value', 'text'] },
  GraphProto: {
    1: ['node', 'NodeProto', 'repeated'], 2: ['name', 'text'], 5: ['initializer', 'TensorProto', 'repeated'], 10: ['docString', 'text'],
    11: ['input', 'ValueInfoProto', 'repeated'], 12: ['output', 'ValueInfoProto', 'repeated'], 13: ['valueInfo', 'ValueInfoProto', 'repeated'],
    14: ['quantizationAnnotation', 'bytes', 'repeated'], 15: ['sparseInitializer', 'SparseTensorProto', 'repeated'],
    16: ['metadataProps', 'StringStringEntryProto', 'repeated'],
  },
  NodeProto: {
    1: ['input', 'text', 'repeated'], 2: ['output', 'text', 'repeated'], 3: ['name', 'text'], 4: ['opType', 'text'],
    5: ['attribute', 'AttributeProto', 'repeated'], 6: ['docString', 'text'], 7: ['domain', 'text'], 8: ['overload', 'text'],
    9: ['metadataProps', 'StringStringEntryProto', 'repeated'], 10: ['deviceConfigurations', 'bytes', 'repeated'],
  },
  AttributeProto: {
    1: ['name', 'text'], 2: ['f', 'float'], 3: ['i', 'exact'], 4: ['s', 'bytes'], 5: ['t', 'TensorProto'], 6: ['g', 'GraphProto'],
    7: ['floats', 'float', 'repeated'], 8: ['ints', 'exact', 'repeated'], 9: ['strings', 'bytes', 'repeated'], 10: ['tensors', 'TensorProto', 'repeated'],
    11: ['graphs', 'GraphProto', 'repeated'], 13: ['docString', 'text'], 14: ['tp', 'TypeProto'], 15: ['typeProtos', 'TypeProto', 'repeated'],
    20: ['type', 'enum'], 21: ['refAttrName', 'text'], 22: ['sparseTensor', 'SparseTensorProto'], 23: ['sparseTensors', 'SparseTensorProto', 'repeated'],
  },
  ValueInfoProto: { 1: ['name', 'text'], 2: ['type', 'TypeProto'], 3: ['docString', 'text'], 4: ['metadataProps', 'StringStringEntryProto', 'repeated'] },
  TensorProto: {
    1: ['dims', 'int', 'repeated'], 2: ['dataType', 'enum'], 3: ['segment', 'bytes'], 4: ['floatData', 'float', 'repeated'],
    5: ['int32Data', 'enum', 'repeated'], 6: ['stringData', 'bytes', 'repeated'], 7: ['int64Data', 'exact', 'repeated'], 8: ['name', 'text'],
    9: ['rawData', 'bytes'], 10: ['doubleData', 'double', 'repeated'], 11: ['uint64Data', 'unsigned', 'repeated'], 12: ['docString', 'text'],
    13: ['externalData', 'StringStringEntryProto', 'repeated'], 14: ['dataLocation', 'enum'], 16: ['metadataProps', 'StringStringEntryProto', 'repeated'],
  },
  SparseTensorProto: { 1: ['values', 'TensorProto'], 2: ['indices', 'TensorProto'], 3: ['dims', 'int', 'repeated'] },
  TypeProto: {
    1: ['tensorType', 'TensorTypeProto'], 4: ['sequenceType', 'SequenceTypeProto'], 5: ['mapType', 'MapTypeProto'], 6: ['denotation', 'text'],
    7: ['opaqueType', 'bytes'], 8: ['sparseTensorType', 'TensorTypeProto'], 9: ['optionalType', 'OptionalTypeProto'],
  },
  TensorTypeProto: { 1: ['elemType', 'enum'], 2: ['shape', 'TensorShapeProto'] },
  SequenceTypeProto: { 1: ['elemType', 'TypeProto'] },
  OptionalTypeProto: { 1: ['elemType', 'TypeProto'] },
  MapTypeProto: { 1: ['keyType', 'enum'], 2: ['valueType', 'TypeProto'] },
  TensorShapeProto: { 1: ['dim', 'DimensionProto', 'repeated'] },
  DimensionProto: { 1: ['dimValue', 'int'], 2: ['dimParam', 'text'], 3: ['denotation', 'text'] },
  FunctionProto: {
    1: ['name', 'text'], 4: ['input', 'text', 'repeated'], 5: ['output', 'text', 'repeated'], 6: ['attribute', 'text', 'repeated'],
    7: ['node', 'NodeProto', 'repeated'], 8: ['docString', 'text'], 9: ['opsetImport', 'OperatorSetIdProto', 'repeated'], 10: ['domain', 'text'],
    11: ['attributeProto', 'AttributeProto', 'repeated'], 12: ['valueInfo', 'ValueInfoProto', 'repeated'], 13: ['overload', 'text'],
    14: ['metadataProps', 'StringStringEntryProto', 'repeated'],
  },
  SequenceProto: {
    1: ['name', 'text'], 2: ['elemType', 'enum'], 3: ['tensorValues', 'TensorProto', 'repeated'], 4: ['sparseTensorValues', 'SparseTensorProto', 'repeated'],
    5: ['sequenceValues', 'SequenceProto', 'repeated'], 6: ['mapValues', 'MapProto', 'repeated'], 7: ['optionalValues', 'OptionalProto', 'repeated'],
  },
  MapProto: { 1: ['name', 'text'], 2: ['keyType', 'enum'], 3: ['keys', 'exact', 'repeated'], 4: ['stringKeys', 'bytes', 'repeated'], 5: ['values', 'SequenceProto'] },
  OptionalProto: {
    1: ['name', 'text'], 2: ['elemType', 'enum'], 3: ['tensorValue', 'TensorProto'], 4: ['sparseTensorValue', 'SparseTensorProto'],
    5: ['sequenceValue', 'SequenceProto'], 6: ['mapValue', 'MapProto'], 7: ['optionalValue', 'OptionalProto'],
  },
} as const satisfies Record<string, Record<number, Field>>

/** Names of the messages in `SCHEMA`. */
export type MessageName = keyof typeof SCHEMA

interface Scalars { int: number; exact: bigint; unsigned: bigint; enum: number; float: number; double: number; text: string; bytes: Uint8Array }
type ValueOf<K> = K extends keyof Scalars ? Scalars[K] : K extends MessageName ? Message<K> : never
type ListOf<K> = K extends 'float' | 'double' ? ArrayLike<number> : readonly ValueOf<K>[]
type FieldsOf<N extends MessageName> = (typeof SCHEMA)[N][keyof (typeof SCHEMA)[N]]
type Lists<F> = Extract<F, readonly [string, string, 'repeated']>
type Singles<F> = Exclude<F, Lists<F>>

/** A decoded message: repeated fields are always there, single ones only where the file has them. */
export type Message<N extends MessageName> =
  & { readonly [F in Extract<Singles<FieldsOf<N>>, readonly [string, string]> as F[0]]?: ValueOf<F[1]> }
  & { readonly [F in Lists<FieldsOf<N>> as F[0]]: ListOf<F[1]> }

type DraftValueOf<K> = K extends keyof Scalars ? Scalars[K] : K extends MessageName ? DraftMessage<K> : never

/** A message to be encoded: every field may be left out. */
export type DraftMessage<N extends MessageName> =
  & { readonly [F in Extract<Singles<FieldsOf<N>>, readonly [string, string]> as F[0]]?: DraftValueOf<F[1]> }
  & { readonly [F in Lists<FieldsOf<N>> as F[0]]?: F[1] extends 'float' | 'double' ? ArrayLike<number> : readonly DraftValueOf<F[1]>[] }

/** AttributeProto.AttributeType by number. */
export const ATTRIBUTE_TYPES: Readonly<Record<number, string>> = {
  1: 'float', 2: 'int', 3: 'string', 4: 'tensor', 5: 'graph', 6: 'floats', 7: 'ints', 8: 'strings', 9: 'tensors', 10: 'graphs',
  11: 'sparse tensor', 12: 'sparse tensors', 13: 'type', 14: 'types',
}
