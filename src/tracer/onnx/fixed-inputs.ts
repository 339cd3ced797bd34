/** Values for inputs that are fixed while importing. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { Tensor, type NestedValues } from '../../runtime/tensor.js'
import type { Message } from './schema.js'
import { dtypeOfNumber } from './tensor.js'

/** A tensor of the input's dtype, or numbers for one: `16000`, `[1, 2]`; a single number or a flat list takes the declared shape where that has as many elements. */
export type FixedValue = HostTensor | NestedValues

/** The constant that takes the place of input `name`. Throws `bad-option` for an unknown one, `feed-dtype` and `bad-tensor` for a value that does not fit. */
export function fixedTensor(inputs: readonly Message<'ValueInfoProto'>[], name: string, value: FixedValue): HostTensor {
  const type = inputs.find((v) => v.name === name)?.type?.tensorType
  if (type?.elemType === undefined) throw new IngotError('bad-option', `the model has no tensor input '${name}' to fix`, { hint: `its inputs are ${inputs.map((v) => `'${v.name}'`).join(', ')}` })
  const dtype = dtypeOfNumber(type.elemType, `input '${name}'`), where = { origin: name, dtype }
  const declared = type.shape?.dim.map((d) => d.dimValue)
  const fits = (shape: readonly number[]): boolean => declared === undefined || (shape.length === declared.length && shape.every((d, i) => declared[i] === undefined || declared[i] === d))
  if (isTensor(value)) {
    if (dtype !== value.dtype) throw new IngotError('feed-dtype', `input '${name}' is fixed to a value of ${value.dtype}, and is ${dtype}`, { where })
    return fits(value.shape) ? value : refuse(name, value.shape, declared)
  }
  const { shape, data } = Tensor.from(value, { dtype })
  const own = declared?.map((d) => d ?? 1) ?? []
  if (fits(shape)) return { dtype, shape, data }
  return shape.length < 2 && declared !== undefined && elementCount(own) === elementCount(shape) ? { dtype, shape: own, data } : refuse(name, shape, declared)
}

function isTensor(value: FixedValue): value is HostTensor {
  return typeof value === 'object' && 'dtype' in value
}

function refuse(name: string, shape: readonly number[], declared: readonly (number | undefined)[] | undefined): never {
  throw new IngotError(shape.length === declared?.length ? 'feed-extent' : 'feed-rank', `input '${name}' is fixed to a value of shape [${shape.join(', ')}], and is declared as [${declared?.map((d) => d ?? '?').join(', ') ?? ''}]`, { where: { origin: name }, hint: 'give a value of the declared shape' })
}
