/** Elements of tensors as the 32-bit words that shaders have for them, and back. */
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../../base/float16.js'
import type { DType, TensorStorage } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { NumericStorage } from '../feeds.js'
import type { Port } from '../format.js'

/** Makes storage of a dtype; handed in, because the file that every page loads has it. */
export type Allocate = (dtype: DType, count: number) => TensorStorage

const WORDS = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array, float16: Uint16Array } as const

/** Throws `feed-bounds` where a fed element is not what the program was compiled for. */
export function checkBounds({ name, bounds }: Port, elements: NumericStorage): void {
  if (bounds === undefined) return
  const [lo, hi] = bounds
  for (let i = 0; i < elements.length; i++) {
    const x = elements[i] as number | bigint
    // Numbers and bigints compare by value.
    if (!(x >= lo && x <= hi)) throw new IngotError('feed-bounds', `element ${i} of input "${name}" is ${x}, the program was compiled for ${lo} to ${hi}`, { hint: 'feed what is within, or compile with other bounds' })
  }
}

/** `elements` of `dtype` in words of `stored`. Integers beyond 32 bits become the nearest that fit: the compiler lets only indices be such. */
export function toWords(elements: NumericStorage, dtype: DType, stored: DType, allocate: Allocate): NumericStorage {
  if (dtype === stored) return elements
  const words = allocate(stored, elements.length) as Int32Array
  if (dtype === 'int64' || dtype === 'uint64') {
    const [lo, hi] = stored === 'uint32' ? [0n, 2n ** 32n - 1n] : [-(2n ** 31n), 2n ** 31n - 1n]
    for (let i = 0; i < words.length; i++) { const x = elements[i] as bigint; words[i] = Number(x < lo ? lo : x > hi ? hi : x) }
  } else if (dtype === 'float16' || dtype === 'bfloat16') {
    const decode = dtype === 'float16' ? float16ToNumber : bfloat16ToNumber
    for (let i = 0; i < words.length; i++) words[i] = decode(elements[i] as number)
  } else if (dtype === 'bool') for (let i = 0; i < words.length; i++) words[i] = elements[i] === 0 ? 0 : 1
  else words.set(elements as Int32Array)
  return words
}

/** The elements of `dtype` that the words of `stored` from byte `offset` of `bytes` on stand for, copied. */
export function fromWords(bytes: ArrayBuffer, offset: number, length: number, dtype: DType, stored: DType, allocate: Allocate): NumericStorage {
  const words = new WORDS[stored as keyof typeof WORDS](bytes, offset, length)
  if (dtype === stored) return words.slice()
  const out = allocate(dtype, length)
  if (dtype === 'int64' || dtype === 'uint64') for (let i = 0; i < length; i++) (out as BigInt64Array)[i] = BigInt(words[i] as number)
  else if (dtype === 'float16' || dtype === 'bfloat16') {
    const encode = dtype === 'float16' ? numberToFloat16 : numberToBfloat16
    for (let i = 0; i < length; i++) (out as Uint16Array)[i] = encode(words[i] as number)
  } else (out as Uint8Array).set(words)
  return out as NumericStorage
}
