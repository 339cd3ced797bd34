/** Tensors as users hold them: dtype, shape, elements. */
import { DTYPES, elementCount, storageBytes, type DType, type HostTensor, type TensorStorage } from '../base/dtype.js'
import { bfloat16ToNumber, float16ToNumber } from '../base/float16.js'
import { IngotError } from '../base/error.js'
import { readNested, type NestedValues } from './nested.js'
export type { NestedValues } from './nested.js'

/** Key of a tensor's own storage, for code that promises not to change it; `data` is what everyone else reads. */
export const STORAGE: unique symbol = /* @__PURE__ */ Symbol('storage')

/** Options of inference tensors that code of Ingot makes of frozen shapes and storage that fits: nothing is checked. */
export const RESULT = { inference: true } as const

/**
 * A tensor with its data on the host. `data` is a typed array of the dtype in row-major order (float16 and bfloat16 as
 * their bits, packed types as bytes with the first element in the low bits, strings as an array).
 * A tensor that a session returned is an inference tensor: it never changes, so `data` is a copy each time it is read.
 */
export class Tensor implements HostTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly #storage: TensorStorage
  readonly #inference: boolean

  /** Takes `storage` over without copying. Throws `bad-tensor` where its kind or length does not fit dtype and shape. `null` is for subclasses that keep the elements themselves and override `[STORAGE]`. */
  constructor(dtype: DType, shape: readonly number[], storage: TensorStorage | null, options: { readonly inference?: boolean } = {}) {
    this.dtype = dtype
    if (options !== RESULT) {
      if (!Object.isFrozen(shape)) shape = Object.freeze([...shape])
      if (storage !== null) storage = checkStorage(dtype, shape, storage)
    }
    this.shape = shape
    this.#storage = storage as TensorStorage
    this.#inference = options.inference === true
  }

  /** A tensor of nested numbers, bigints, booleans or strings, `[[1, 2], [3, 4]]`; float32 unless said otherwise. Throws `bad-tensor` for ragged nesting or values the dtype cannot hold. */
  static from(values: NestedValues, options: { readonly dtype?: DType } = {}): Tensor {
    const dtype = options.dtype ?? 'float32'
    const { shape, data } = readNested(values, dtype, (what, hint) => new IngotError('bad-tensor', what, { where: { dtype }, hint }))
    return new this(dtype, shape, data)
  }

  get [STORAGE](): TensorStorage {
    return this.#storage
  }

  /** Elements; a fresh copy for inference tensors, else the tensor's own storage. */
  get data(): TensorStorage {
    return this.#inference ? this[STORAGE].slice() : this[STORAGE]
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.shape)
  }

  /** Whether the tensor came out of inference: no version counter, no changes. */
  isInference(): boolean {
    return this.#inference
  }

  /** How often the tensor was changed in place; throws `inference-version` for inference tensors, which do not count. */
  get version(): number {
    if (this.#inference) throw new IngotError('inference-version', 'inference tensors do not track a version counter', { hint: 'a tensor made of its data is a normal one' })
    return 0
  }

  toString(): string {
    return `Tensor ${this.dtype}[${this.shape.join(', ')}] ${formatElements(this)}`
  }
}

/** `storage`, or what it stores as bits, if it fits dtype and shape; else throws `bad-tensor`. */
export function checkStorage(dtype: DType, shape: readonly number[], storage: TensorStorage): TensorStorage {
  const bad = (what: string): IngotError => new IngotError('bad-tensor', what, { where: { dtype } })
  const info = DTYPES[dtype]
  for (const d of shape) if (!Number.isSafeInteger(d) || d < 0) throw bad(`[${shape.join(', ')}] is no shape`)
  const count = elementCount(shape)
  const wanted = info.array === null || info.bits >= 8 ? count : storageBytes(dtype, count)
  const stored = dtype === 'float16' ? float16Bits(storage) : storage
  // Asked first: naming a kind takes longer than all the rest.
  if (info.array === null || !(stored instanceof info.array)) {
    const kind = kindOf(stored), wantedKind = info.array?.name ?? 'Array'
    if (kind !== wantedKind) throw bad(`the elements of ${dtype} come in ${wantedKind}, not ${kind}`)
  }
  if (stored.length !== wanted) throw bad(`shape [${shape.join(', ')}] has ${count} elements, the data ${stored.length}`)
  return stored
}

/** `Float32Array`, `Array`… of any realm. */
export const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1)

/** A Float16Array, where the platform has them, seen as its bits; anything else as it is. */
export function float16Bits<T>(storage: T): T | Uint16Array {
  return ArrayBuffer.isView(storage) && kindOf(storage) === 'Float16Array'
    ? new Uint16Array(storage.buffer, storage.byteOffset, storage.byteLength / 2)
    : storage
}

const SHOWN = 6

/** Elements as nested brackets; of long axes the first and last three. */
function formatElements(t: Tensor): string {
  const storage = t[STORAGE]
  if (DTYPES[t.dtype].bits < 8 && t.dtype !== 'string') return `(${storage.length} bytes)`
  const element = (i: number): string => {
    const v = storage[i]
    if (typeof v === 'string') return JSON.stringify(v)
    if (typeof v !== 'number') return String(v)
    if (t.dtype === 'bool') return String(v !== 0)
    const n = t.dtype === 'float16' ? float16ToNumber(v) : t.dtype === 'bfloat16' ? bfloat16ToNumber(v) : v
    return String(Number.isInteger(n) ? n : Number(n.toPrecision(6)))
  }
  const level = (axis: number, at: number): string => {
    const extent = t.shape[axis]
    if (extent === undefined) return element(at)
    const inner = elementCount(t.shape.slice(axis + 1))
    const parts: string[] = []
    for (let i = 0; i < extent; i++) {
      if (extent > SHOWN && i === SHOWN / 2) { parts.push('…'); i = extent - SHOWN / 2 }
      parts.push(level(axis + 1, at + i * inner))
    }
    return `[${parts.join(', ')}]`
  }
  return level(0, 0)
}
