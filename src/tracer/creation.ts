/** Functions that make tensors of numbers. In inference mode they make inference tensors; `requiresGrad` is honoured in every mode. */
import { allocate, bytesOf, elementCount, storageBytes, storageOf, DTYPES, type DType, type HostTensor, type TensorStorage } from '../base/dtype.js'
import { callError } from './call-error.js'
import { fromNumbers, seededRandom } from '../ir/host-tensor.js'
import { apply1, findRecorder } from './dispatch.js'
import { dims, isSymbolic } from './extents.js'
import { checkDifferentiable } from './history.js'
import { checkStorage, float16Bits, Tensor as RuntimeTensor, type NestedValues } from '../runtime/tensor.js'
import { constantOf, type Scalar } from './promotion.js'
import { STATE, Tensor } from './tensor.js'

export interface TensorOptions {
  /** float32 where it does not follow from the values. */
  readonly dtype?: DType
  readonly requiresGrad?: boolean
}
/** Nested numbers, or a typed array with its shape. */
export type TensorValues = NestedValues | Exclude<TensorStorage, readonly string[]>
export interface ShapedOptions extends TensorOptions {
  /** Of a typed array or a flat list; their length in one axis where absent. */
  readonly shape?: readonly number[]
}

/** Marks a new leaf; throws `requires-grad-dtype`. */
function leaf(t: Tensor, requiresGrad: boolean | undefined): Tensor {
  if (requiresGrad !== true) return t
  checkDifferentiable(t.dtype)
  t[STATE].ownRequiresGrad = true
  return t
}

function made({ dtype, shape, data }: HostTensor, options: TensorOptions): Tensor {
  return leaf(new Tensor(dtype, shape, data), options.requiresGrad)
}

/**
 * A tensor of nested numbers, booleans, bigints or strings, or of a copy of a typed array (of the dtype it stores: a Uint16Array needs `dtype` for float16 or bfloat16).
 * dtype is float32 unless given, bool for booleans, int64 for bigints, string for strings. Throws `bad-tensor`, `requires-grad-dtype`.
 */
export function tensor(values: TensorValues, options: ShapedOptions = {}): Tensor {
  return tensorFrom(values, options)
}

/** What `tensor` does. */
export function tensorFrom(values: TensorValues, options: ShapedOptions = {}): Tensor {
  if (ArrayBuffer.isView(values)) {
    const storage = float16Bits(values)
    const dtype = options.dtype ?? (storage === values ? typedDType(values) : 'float16')
    const shape = options.shape ?? [storage.length]
    return made({ dtype, shape, data: storageOf(dtype, bytesOf(checkStorage(dtype, shape, storage))) }, options)
  }
  const { dtype, shape, data } = RuntimeTensor.from(values, { dtype: options.dtype ?? valueDType(values) })
  if (options.shape !== undefined && elementCount(options.shape) !== elementCount(shape)) throw callError('bad-tensor', `${elementCount(shape)} values do not make a tensor of shape [${options.shape.join(', ')}]`)
  return made({ dtype, shape: options.shape ?? shape, data }, options)
}

function typedDType(values: ArrayBufferView): DType {
  const found = (Object.keys(DTYPES) as DType[]).find((d) => !['bool', 'float16', 'bfloat16'].includes(d) && DTYPES[d].bits >= 8 && DTYPES[d].array !== null && values instanceof DTYPES[d].array)
  if (found === undefined) throw callError('bad-tensor', `a ${values.constructor.name} is no storage of elements`, { hint: 'give a typed array of the dtype' })
  return found
}

function valueDType(values: NestedValues): DType {
  let first: NestedValues | undefined = values
  while (Array.isArray(first)) first = first[0] as NestedValues | undefined
  return typeof first === 'boolean' ? 'bool' : typeof first === 'bigint' ? 'int64' : typeof first === 'string' ? 'string' : 'float32'
}

/** A tensor whose every element is `value`. dtype float32 unless given. */
export function full(shape: readonly number[], value: Scalar, options: TensorOptions = {}): Tensor {
  const dtype = options.dtype ?? (typeof value === 'boolean' ? 'bool' : typeof value === 'bigint' ? 'int64' : 'float32')
  if (options.requiresGrad === true) checkDifferentiable(dtype)
  return leaf(apply1('fill', [], { shape, value: constantOf(value, dtype) }), options.requiresGrad)
}

/** A tensor of zeros. */
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 0, { ...options, dtype: options.dtype ?? 'float32' })
}

/** A tensor of ones. */
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 1, { ...options, dtype: options.dtype ?? 'float32' })
}

/** Elements in no particular state: zeros. */
export function empty(shape: readonly number[], options: TensorOptions = {}): Tensor {
  const dtype = options.dtype ?? 'float32'
  const count = DTYPES[dtype].bits >= 8 || dtype === 'string' ? elementCount(shape) : storageBytes(dtype, elementCount(shape))
  return made({ dtype, shape, data: allocate(dtype, count) }, options)
}

/** `full` in the shape and dtype of another tensor, unless `dtype` is given. Requires gradients only if asked to. */
export function fullLike(like: HostTensor, value: Scalar, options: TensorOptions = {}): Tensor {
  return full(like.shape, value, { dtype: like.dtype, ...options })
}

/** Zeros in the shape and dtype of another tensor. */
export function zerosLike(like: HostTensor, options: TensorOptions = {}): Tensor { return fullLike(like, 0, options) }

/** Ones in the shape and dtype of another tensor. */
export function onesLike(like: HostTensor, options: TensorOptions = {}): Tensor { return fullLike(like, 1, options) }

/** The numbers from `start` (0 where only one is given) to before `end`, `step` apart; int64 where all are whole, unless given. Throws `bad-attribute`. */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end]
  if ([from, to].some(isSymbolic)) return leaf(symbolicRange(from, to, step, options.dtype ?? 'int64'), options.requiresGrad)
  if (!(step !== 0) || (to - from) / step < 0) throw callError('bad-attribute', `arange from ${from} to ${to} does not get there by steps of ${step}`)
  const length = Math.ceil((to - from) / step)
  const dtype = options.dtype ?? ([from, to, step].every(Number.isInteger) ? 'int64' : 'float32')
  return made(fromNumbers(dtype, [length], Float64Array.from({ length }, (_, i) => from + i * step)), options)
}

/** The same where an end is an extent of a trace. */
function symbolicRange(from: number, to: number, step: number, dtype: DType): Tensor {
  if (!Number.isInteger(step) || step === 0) throw callError('bad-attribute', `arange to an extent that is a symbol goes by whole steps, not by ${step}`)
  const [distance, size] = step > 0 ? [dims.sub(to, from), step] : [dims.sub(from, to), -step]
  return apply1('range', [], { start: from, step, length: dims.floorDiv(dims.add(distance, size - 1), size), dtype })
}

/** Seed of tensors of random numbers made without one; the n-th such tensor of a program is always the same. */
let nextSeed = 0

/** Restarts the sequence of seeds for random tensors that are made without one. Source: torch.manual_seed. */
export function manualSeed(seed: number): void { nextSeed = seed }

export interface RandomOptions extends TensorOptions {
  /** The same seed gives the same numbers, on every machine. */
  readonly seed?: number
}

/** Throws `unsupported-op` in a trace, whose graph would hold the same numbers for every run, unless they were asked for by a seed. */
function randomFor({ seed }: RandomOptions): () => number {
  if (seed === undefined && findRecorder() !== null) throw callError('unsupported-op', 'random numbers are drawn while a function is traced, and the graph would hold the same ones in every run', { hint: 'pass them to the function, or give a seed for constants that are meant to be the same' })
  return seededRandom(seed ?? nextSeed++)
}

/** Numbers drawn from the standard normal distribution, by Box and Muller's method. */
export function randn(shape: readonly number[], options: RandomOptions = {}): Tensor {
  const random = randomFor(options)
  const numbers = Float64Array.from({ length: elementCount(shape) }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()))
  return made(fromNumbers(options.dtype ?? 'float32', shape, numbers), options)
}

/** Numbers drawn evenly from [0, 1). */
export function rand(shape: readonly number[], options: RandomOptions = {}): Tensor {
  const random = randomFor(options)
  return made(fromNumbers(options.dtype ?? 'float32', shape, Float64Array.from({ length: elementCount(shape) }, random)), options)
}
