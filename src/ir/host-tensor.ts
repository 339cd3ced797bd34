/** Making and reading tensors on the host: what op references, the interpreter and constant folding work with. */
import { allocate, bytesOf, DTYPES, elementCount, storageBytes, type DType, type HostTensor, type TensorStorage } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../base/float16.js'
import { decodeFloat8e8m0, decodeSmallFloat, encodeFloat8e8m0, encodeSmallFloat, SMALL_FLOATS } from '../base/small-float.js'

/**
 * A tensor of `elements` in row-major order. A typed array must be the dtype's storage (so 16-bit floats as bits, packed types packed)
 * and is taken without a copy; numbers are values and are rounded as in `fromNumbers`. Throws `bad-tensor` when the count does not fit `shape`.
 */
export function hostTensor(dtype: DType, shape: readonly number[], elements: readonly number[] | readonly bigint[] | readonly string[] | TensorStorage): HostTensor {
  const count = elementCount(shape)
  if (ArrayBuffer.isView(elements)) return fromStorage(dtype, shape, elements)
  checkCount(dtype, shape, elements.length, count)
  if (dtype === 'string') return { dtype, shape, data: elements as readonly string[] }
  if (typeof elements[0] !== 'bigint') return fromNumbers(dtype, shape, elements as readonly number[])
  if (dtype !== 'int64' && dtype !== 'uint64') return fromNumbers(dtype, shape, Array.from(elements as readonly bigint[], Number))
  const data = dtype === 'int64' ? BigInt64Array.from(elements as readonly bigint[]) : BigUint64Array.from(elements as readonly bigint[])
  return { dtype, shape, data }
}

function fromStorage(dtype: DType, shape: readonly number[], elements: Exclude<TensorStorage, readonly string[]>): HostTensor {
  const { array, bits } = DTYPES[dtype]
  if (array === null || !(elements instanceof array)) {
    throw new IngotError('bad-tensor', `a ${dtype} tensor is stored in ${array === null ? 'an array of strings' : `a ${array.name}`}, not in a ${elements.constructor.name}`, { where: { dtype } })
  }
  const count = elementCount(shape)
  checkCount(dtype, shape, elements.length, bits < 8 ? storageBytes(dtype, count) : count)
  return { dtype, shape, data: elements }
}

function checkCount(dtype: DType, shape: readonly number[], given: number, wanted: number): void {
  if (given !== wanted) throw new IngotError('bad-tensor', `${dtype}[${shape.join(', ')}] takes ${wanted} elements, ${given} were given`, { where: { dtype } })
}

/** The elements as numbers, a fresh array; 16-bit, 8-bit and packed types decoded, bools 0 or 1, 64-bit integers rounded to the nearest double. Throws `unsupported-dtype` for strings. */
export function toNumbers(tensor: HostTensor): Float64Array {
  const count = elementCount(tensor.shape)
  if (tensor.dtype === 'string') throw new IngotError('unsupported-dtype', 'strings have no value as numbers', { where: { dtype: 'string' } })
  if (DTYPES[tensor.dtype].bits < 8) return unpack(tensor, count)
  if (tensor.dtype === 'int64' || tensor.dtype === 'uint64') return Float64Array.from(tensor.data as unknown as ArrayLike<bigint>, Number)
  const raw = tensor.data as ArrayLike<number>
  const decode = decoderOf(tensor.dtype)
  return decode === undefined ? Float64Array.from(raw) : Float64Array.from(raw, decode)
}

function decoderOf(dtype: DType): ((bits: number) => number) | undefined {
  switch (dtype) {
    case 'float16': return float16ToNumber
    case 'bfloat16': return bfloat16ToNumber
    case 'float8e8m0': return decodeFloat8e8m0
    case 'float8e4m3fn': case 'float8e4m3fnuz': case 'float8e5m2': case 'float8e5m2fnuz': case 'float4e2m1':
      return (bits) => decodeSmallFloat(SMALL_FLOATS[dtype], bits)
    default: return undefined
  }
}

function encoderOf(dtype: DType): ((n: number) => number) | undefined {
  switch (dtype) {
    case 'float16': return numberToFloat16
    case 'bfloat16': return numberToBfloat16
    case 'float8e8m0': return encodeFloat8e8m0
    case 'float8e4m3fn': case 'float8e4m3fnuz': case 'float8e5m2': case 'float8e5m2fnuz': case 'float4e2m1':
      return (n) => encodeSmallFloat(SMALL_FLOATS[dtype], n)
    default: return undefined
  }
}

function unpack(tensor: HostTensor, count: number): Float64Array {
  const { bits, kind } = DTYPES[tensor.dtype]
  const bytes = tensor.data as Uint8Array
  const decode = decoderOf(tensor.dtype)
  const signBit = kind === 'int' ? 1 << (bits - 1) : 0
  return Float64Array.from({ length: count }, (_, i) => {
    const at = i * bits
    const field = ((bytes[at >> 3] as number) >> (at & 7)) & ((1 << bits) - 1)
    return decode === undefined ? (field ^ signBit) - signBit : decode(field)
  })
}

/**
 * A tensor of the given values: floats rounded to nearest even, integers truncated and wrapped (NaN and infinities give 0), bools true where not 0.
 * 8-bit and 4-bit floats saturate where they have no infinity. Throws `bad-tensor` on a wrong count, `unsupported-dtype` for strings.
 */
export function fromNumbers(dtype: DType, shape: readonly number[], numbers: ArrayLike<number>): HostTensor {
  const count = elementCount(shape)
  checkCount(dtype, shape, numbers.length, count)
  const data = allocate(dtype, count)
  const { bits } = DTYPES[dtype]
  const encode = encoderOf(dtype)
  if (dtype === 'string') throw new IngotError('unsupported-dtype', 'strings cannot be made from numbers', { where: { dtype } })
  if (bits < 8) {
    const bytes = data as Uint8Array
    for (let i = 0; i < count; i++) {
      const at = i * bits
      const n = numbers[i] as number
      bytes[at >> 3] = (bytes[at >> 3] as number) | (((encode === undefined ? n : encode(n)) & ((1 << bits) - 1)) << (at & 7))
    }
  } else if (dtype === 'int64' || dtype === 'uint64') {
    const out = data as BigInt64Array | BigUint64Array
    for (let i = 0; i < count; i++) { const n = Math.trunc(numbers[i] as number); out[i] = Number.isFinite(n) ? BigInt(n) : 0n }
  } else {
    const out = data as Float64Array
    if (dtype === 'bool') for (let i = 0; i < count; i++) out[i] = numbers[i] !== 0 ? 1 : 0
    else if (encode !== undefined) for (let i = 0; i < count; i++) out[i] = encode(numbers[i] as number)
    else out.set(numbers)
  }
  return { dtype, shape, data }
}

/** A generator of doubles in [0, 1) that is the same for the same seed on every machine. */
export function seededRandom(seed: number): () => number {
  let state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A tensor of seeded random elements in [low, high): [-1, 1) by default, whole numbers in [0, 8) for integers, both values for bools. */
export function seededTensor(dtype: DType, shape: readonly number[], seed: number, range?: readonly [number, number]): HostTensor {
  const random = seededRandom(seed)
  const whole = DTYPES[dtype].kind !== 'float'
  const [low, high] = range ?? (dtype === 'bool' ? [0, 2] : whole ? [0, 8] : [-1, 1])
  const numbers = Float64Array.from({ length: elementCount(shape) }, () => low + random() * (high - low))
  return fromNumbers(dtype, shape, whole ? numbers.map(Math.floor) : numbers)
}

/** True when both have the same dtype, shape and bits. */
export function tensorsEqual(a: HostTensor, b: HostTensor): boolean {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length || a.shape.some((d, i) => d !== b.shape[i])) return false
  if (a.dtype === 'string') return (a.data as readonly string[]).every((s, i) => s === (b.data as readonly string[])[i])
  const x = bytesOf(a.data), y = bytesOf(b.data)
  return x.length === y.length && x.every((byte, i) => byte === y[i])
}
