/** Questions that passes ask of constant values. */
import { DTYPES, elementCount, type DType, type HostTensor } from '../base/dtype.js'
import { fromNumbers, toNumbers } from '../ir/host-tensor.js'
import { evaluateConstant, GraphBuilder } from '../ir/build.js'
import type { Attrs, Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'

const splats = new WeakMap<HostTensor, number | null>()

/** The number that every element of a constant equals (the sign of zero counts); undefined for other values, strings and empty tensors. */
export function splatOf(value: Value | null | undefined): number | undefined {
  const tensor = value?.data
  if (tensor === undefined || tensor.dtype === 'string') return undefined
  let splat = splats.get(tensor)
  if (splat === undefined) {
    splat = findSplat(tensor)
    splats.set(tensor, splat)
  }
  return splat ?? undefined
}

function findSplat(tensor: HostTensor): number | null {
  const { data } = tensor
  if (data.length === 0) return null
  const packed = DTYPES[tensor.dtype].bits < 8
  if (!packed) for (let i = 1; i < data.length; i++) if (!Object.is(data[i], data[0])) return null
  const numbers = toNumbers(packed ? tensor : { dtype: tensor.dtype, shape: [1], data: data.slice(0, 1) as typeof data })
  return numbers.every((n) => Object.is(n, numbers[0])) ? numbers[0] ?? null : null
}

/** True for a constant whose every element is `number` (0 and -0 differ). */
export function isSplat(value: Value | null | undefined, number: number): boolean {
  return Object.is(splatOf(value), number)
}

/** True where `dtype` is a floating-point type. */
export const isFloat = (dtype: DType): boolean => DTYPES[dtype].kind === 'float'

/** A tensor of `shape` whose every element is `number`. */
export function splatTensor(dtype: DType, shape: readonly number[], number: number): HostTensor {
  return fromNumbers(dtype, shape, new Float64Array(elementCount(shape)).fill(number))
}

/** The result of a single-result op on constants, whatever its size; undefined where the op cannot be evaluated now. */
export function evaluateNow(op: string, inputs: readonly (HostTensor | null)[], attrs: Attrs): HostTensor | undefined {
  const scratch = new GraphBuilder({ name: 'scratch', stage: 'inference' })
  const values = inputs.map((t) => (t === null ? null : scratch.constant(t)))
  const types = getOp(op).infer({ inputs: values, attrs }, scratch)
  return evaluateConstant(getOp(op), values, attrs, types, Infinity)?.[0]
}
