/** Rules for categories and labels that are numbers. */
import { allocate, DTYPES, type DType, type HostTensor, type TensorStorage } from '../../../../base/dtype.js'
import type { IngotError } from '../../../../base/error.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers, toNumbers } from '../../../../ir/host-tensor.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { castTo, isFloat, reshapeTo } from '../compose.js'
import { stringLabels } from './scores.js'

type Elements = ArrayLike<number | bigint>

/** A vector of elements. */
function vectorOf(dtype: DType, elements: Elements): HostTensor {
  const data = allocate(dtype, elements.length) as unknown as (number | bigint)[]
  const isBig = dtype === 'int64' || dtype === 'uint64'
  for (let i = 0; i < elements.length; i++) data[i] = isBig ? BigInt(elements[i] as number | bigint) : Number(elements[i])
  return { dtype, shape: [elements.length], data: data as unknown as TensorStorage }
}

const strings = (call: NodeCall): never => call.fail('unsupported-dtype', `${call.opType} of strings is not supported`, 'programs hold no strings; turn categories into integers before they are fed')

/** The place of each element of `x` among `keys`, which differ, or where it is none of them their number: int64, in the shape of `x`. */
function placesAmong(call: NodeCall, x: Value, keys: HostTensor): Value {
  const shape = shapeOf(x), list = toNumbers(keys), wide = reshapeTo(call, x, [...shape, 1]), equal = call.add('eq', [wide, call.constant(keys)])
  const nan: HostTensor = { dtype: 'bool', shape: [list.length], data: Uint8Array.from(list, (k) => (Number.isNaN(k) ? 1 : 0)) }
  const hits = list.some(Number.isNaN) ? call.add('logical_or', [equal, call.add('logical_and', [call.add('isnan', [wide]), call.constant(nan)])]) : equal
  const found = castTo(call, hits, 'int32'), axis = shape.length
  const any = call.add('gt', [call.add('reduce_max', [found], { axes: [axis], keepdims: false }), call.scalar('int32', 0)])
  return call.add('where', [any, call.add('argmax', [found], { axis, keepdims: false, select_last: false }), call.scalar('int64', list.length)])
}

/** Categories beyond this are compared as int64, whatever is fed: int32 saturates further out. */
const NARROW = 2n ** 30n

const oneHotEncoder: Rule = (call) => {
  call.arity(1)
  const categories = call.attrs.bigints('cats_int64s') ?? [], zeros = call.attrs.bool('zeros', true), given = call.input(0)
  if (call.attrs.strings('cats_strings', []).length > 0 || dtypeOf(given) === 'string') return strings(call)
  if (new Set(categories).size !== categories.length || categories.length === 0) return call.fail('bad-attribute', `cats_int64s ${categories.length === 0 ? 'is empty' : 'names a category twice'}`)
  const to = dtypeOf(given) !== 'int64' && categories.every((c) => c > -NARROW && c < NARROW) ? 'int32' : 'int64', x = castTo(call, given, to), keys = vectorOf(to, categories)
  if (zeros) return castTo(call, call.add('eq', [reshapeTo(call, x, [...shapeOf(x), 1]), call.constant(keys)]), 'float32')
  // An element that is no category has no row here, and the run fails.
  const { length } = categories, rows = fromNumbers('float32', [length, length], Float64Array.from({ length: length * length }, (_, i) => (i % (length + 1) === 0 ? 1 : 0)))
  return call.emit('gather', [call.constant(rows), placesAmong(call, x, keys)], { axis: 0 })
}

/** The keys or values of a LabelEncoder, under whichever name they have. */
function listOf(call: NodeCall, prefix: 'keys' | 'values'): HostTensor {
  const { attrs } = call, integers = attrs.bigints(`${prefix}_int64s`) ?? [], floats = attrs.floats(`${prefix}_floats`, []), tensor = attrs.tensor(`${prefix}_tensor`)
  if (attrs.strings(`${prefix}_strings`, []).length > 0 || tensor?.dtype === 'string') return strings(call)
  const given = [...(integers.length > 0 ? [vectorOf('int64', integers)] : []), ...(floats.length > 0 ? [fromNumbers('float32', [floats.length], floats)] : []), ...(tensor === undefined ? [] : [{ ...tensor, shape: [tensor.data.length] }])]
  return given.length === 1 ? given[0] as HostTensor : call.fail('bad-attribute', `${given.length} lists of ${prefix} are given, not one`)
}

/** The value of what is no key. */
function defaultOf(call: NodeCall, dtype: DType): number | bigint {
  const { attrs } = call, tensor = attrs.tensor('default_tensor'), integer = attrs.bigint('default_int64') ?? -1n, float = attrs.float('default_float', -0)
  attrs.ignore('default_string')
  return tensor !== undefined ? (tensor.data as Elements)[0] ?? 0 : isFloat(dtype) ? float : integer
}

/** Labels in place of what a model computes, at its end. */
function givesStrings(call: NodeCall): readonly [IngotError] {
  call.attrs.ignore(...['keys', 'values'].flatMap((list) => ['int64s', 'floats', 'strings', 'tensor'].map((kind) => `${list}_${kind}`)), ...['int64', 'float', 'string', 'tensor'].map((kind) => `default_${kind}`))
  return [stringLabels()]
}

/** Keys are looked up by their distance from the least where they leave at most so many gaps for each of them, and are compared with one after another elsewhere. */
const GAPS = 8

const labelEncoder: Rule = (call) => {
  call.arity(1)
  if (call.attrs.strings('values_strings', []).length > 0 || call.attrs.tensor('values_tensor')?.dtype === 'string') return givesStrings(call)
  const keys = listOf(call, 'keys'), values = listOf(call, 'values'), otherwise = defaultOf(call, values.dtype)
  if (keys.data.length === 0 || keys.data.length !== values.data.length) return call.fail('bad-attribute', `there are ${keys.data.length} keys and ${values.data.length} values`)
  const x = castTo(call, call.input(0), keys.dtype), last = new Map(Array.from(keys.data as Elements, (key, i) => [key, (values.data as Elements)[i] as number | bigint] as const))
  const numbers = [...last.keys()].map(Number), least = numbers.reduce((a, b) => Math.min(a, b)), most = numbers.reduce((a, b) => Math.max(a, b)), room = most - least + 1
  const table = (elements: Elements): Value => call.constant(vectorOf(values.dtype, elements))
  if (DTYPES[keys.dtype].kind !== 'int' || room > GAPS * last.size) return call.emit('gather', [table([...last.values(), otherwise]), placesAmong(call, x, vectorOf(keys.dtype, [...last.keys()]))], { axis: 0 })
  const isInside = call.add('logical_and', [call.add('ge', [x, call.scalar(keys.dtype, least)]), call.add('le', [x, call.scalar(keys.dtype, most)])])
  const place = call.add('where', [isInside, call.add('sub', [x, call.scalar(keys.dtype, least)]), call.scalar(keys.dtype, room)]), big = keys.dtype === 'int64'
  return call.emit('gather', [table(Array.from({ length: room + 1 }, (_, i) => last.get(big ? BigInt(least + i) : least + i) ?? otherwise)), big ? place : castTo(call, place, 'int32')], { axis: 0 })
}

/** Categories and labels. */
export const ENCODERS: RuleTable = { OneHotEncoder: always(oneHotEncoder), LabelEncoder: since(1, (call) => (call.opset < 2 ? strings(call) : labelEncoder(call))) }
