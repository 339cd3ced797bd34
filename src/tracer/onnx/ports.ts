/** Declared types of graph inputs → our types, with symbols for dynamic extents. */
import type { Dim } from '../../base/dim.js'
import { visitSymbols } from '../../base/dim.js'
import { elementCount } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { GraphBuilder } from '../../ir/build.js'
import { isStatic, substituteDim } from '../../ir/dims.js'
import { parseDim } from '../../ir/dims-text.js'
import type { InputShapes, Value } from '../../ir/graph.js'
import { tensorType, type TensorType } from '../../ir/types.js'
import type { Message } from './schema.js'
import { dtypeOfNumber, MAX_EXTENT } from './tensor.js'

/** Integer inputs of up to this many elements may give shapes while running: their elements become symbols. */
const SHAPE_INPUT_ELEMENTS = 8

type DimensionProto = Message<'DimensionProto'>

/** Declares the inputs in order; `shapes` of unknown inputs or other ranks fix nothing. `wantsElements` says of which integer inputs the elements are to be symbols; those symbols are added to `signed`. */
export function declareInputs(builder: GraphBuilder, infos: readonly Message<'ValueInfoProto'>[], wantsElements: (input: number) => boolean, signed: Set<string>, shapes: InputShapes = {}): Value[] {
  const named = fixedNames(infos, shapes), inputs = infos.map((info) => withShape(info, shapes, named)), plain = plainSymbols(infos)
  return inputs.map((info, i) => {
    const type = inputType(builder, info, i, plain, named)
    return builder.input(info.name ?? `input_${i}`, type, wantsElements(i) ? elementSymbols(builder, info.name ?? `input_${i}`, type, i, signed) : undefined)
  })
}

/** The extents that are fixed for an input; none where they do not fit the rank that it declares, which is for the caller to find. */
function fixedExtents(info: Message<'ValueInfoProto'>, shapes: InputShapes): readonly (number | null)[] {
  const given = Object.hasOwn(shapes, info.name ?? '') ? shapes[info.name ?? ''] ?? [] : [], rank = info.type?.tensorType?.shape?.dim.length ?? given.length
  return given.length === rank && given.every((d) => d === null || (Number.isInteger(d) && d >= 0)) ? given : []
}

/** What fixed extents make of the names that stand in their places. */
function fixedNames(inputs: readonly Message<'ValueInfoProto'>[], shapes: InputShapes): ReadonlyMap<string, number> {
  return new Map(inputs.flatMap((info) => fixedExtents(info, shapes).flatMap((extent, i): [string, number][] => {
    const d = info.type?.tensorType?.shape?.dim[i]
    return extent === null || d === undefined || d.dimValue !== undefined || !isName(paramOf(d)) ? [] : [[paramOf(d), extent]]
  })))
}

/** `info` with fixed extents declared as numbers; a number that it declares itself stays. One that declares no rank takes that of the extents. */
function withShape(info: Message<'ValueInfoProto'>, shapes: InputShapes, named: ReadonlyMap<string, number>): Message<'ValueInfoProto'> {
  const tensor = info.type?.tensorType, own = fixedExtents(info, shapes)
  if (tensor === undefined || (tensor.shape === undefined && !Object.hasOwn(shapes, info.name ?? ''))) return info
  const dim = (tensor.shape?.dim ?? own.map(() => ({}))).map((d: DimensionProto, i): DimensionProto => {
    const extent = d.dimValue ?? named.get(paramOf(d)) ?? (paramOf(d) === '' ? own[i] : undefined)
    return extent === undefined || extent === null ? d : { ...d, dimValue: extent }
  })
  return { ...info, type: { ...info.type, tensorType: { ...tensor, shape: { ...tensor.shape, dim } } } }
}

const isName = (text: string): boolean => /^[A-Za-z_$][\w$.]*$/.test(text)
const paramOf = (d: DimensionProto): string => (d.dimParam === '?' ? '' : d.dimParam ?? '')

function plainSymbols(inputs: readonly Message<'ValueInfoProto'>[]): Set<string> {
  return new Set(inputs.flatMap((v) => v.type?.tensorType?.shape?.dim.map(paramOf).filter(isName) ?? []))
}

function inputType(builder: GraphBuilder, info: Message<'ValueInfoProto'>, input: number, plain: ReadonlySet<string>, named: ReadonlyMap<string, number>): TensorType {
  const name = info.name ?? ''
  const tensor = info.type?.tensorType
  if (tensor === undefined) {
    const kind = info.type === undefined ? 'without a type' : `a ${Object.keys(info.type).find((k) => k.endsWith('Type') && info.type?.[k as 'mapType'] !== undefined)?.replace('Type', '') ?? 'value of unknown type'}`
    throw new IngotError('unsupported-type', `input '${name}' is ${kind}; only tensors are supported as inputs`, { where: { origin: name } })
  }
  const dtype = dtypeOfNumber(tensor.elemType ?? 0, `input '${name}'`)
  if (tensor.shape === undefined) throw new IngotError('unsupported-type', `input '${name}' has no declared rank`, { where: { origin: name, dtype }, hint: `declare its shape in the model, or give it: --shape ${name}=1,_,3 (_ for an extent that is left open), or the option \`shapes\`` })
  const shape = tensor.shape.dim.map((d, axis) => extentOf(builder, d, name, input, axis, plain, named))
  const fixed = shape.filter((d) => typeof d === 'number')
  if (elementCount(fixed) > 2 ** 40) throw new IngotError('onnx-bad-dim', `input '${name}' would have ${elementCount(fixed)} elements`, { where: { origin: name, dtype }, hint: 'the model is damaged, or made to exhaust memory' })
  return tensorType(dtype, shape)
}

function extentOf(builder: GraphBuilder, d: DimensionProto, name: string, input: number, axis: number, plain: ReadonlySet<string>, named: ReadonlyMap<string, number>): Dim {
  if (d.dimValue !== undefined) {
    if (d.dimValue >= 0 && d.dimValue <= MAX_EXTENT) return d.dimValue
    throw new IngotError('onnx-bad-dim', `input '${name}' has the extent ${d.dimValue} on axis ${axis}`, { where: { origin: name }, hint: 'extents lie between 0 and 2147483647; a dynamic extent is written as a dim_param' })
  }
  const param = paramOf(d)
  const source = { kind: 'extent', input, axis } as const
  if (param !== '') {
    const dim = expressionOf(param, plain)
    return dim === undefined ? builder.symbol(param, source) : substituteDim(dim, (symbol) => named.get(symbol))
  }
  let symbol = `${name}_${axis}`
  while (plain.has(symbol) || builder.hasSymbol(symbol)) symbol += '_'
  return builder.symbol(symbol, source)
}

/** The expression that a dim_param spells over symbols of other extents; undefined where it is a name of its own. */
function expressionOf(param: string, plain: ReadonlySet<string>): Dim | undefined {
  if (isName(param)) return undefined
  let dim: Dim
  try {
    dim = parseDim(param)
  } catch {
    return undefined
  }
  let known = typeof dim !== 'number'
  visitSymbols(dim, (s) => { known &&= plain.has(s) })
  return known ? dim : undefined
}

function elementSymbols(builder: GraphBuilder, name: string, type: TensorType, input: number, signed: Set<string>): readonly Dim[] | undefined {
  if (!['int64', 'int32'].includes(type.dtype) || !isStatic(type.shape)) return undefined
  const count = elementCount(type.shape)
  if (count > SHAPE_INPUT_ELEMENTS) return undefined
  return Array.from({ length: count }, (_, index) => {
    const symbol = type.shape.length === 0 ? name : `${name}[${index}]`
    signed.add(symbol)
    return builder.symbol(symbol, { kind: 'element', input, index })
  })
}
