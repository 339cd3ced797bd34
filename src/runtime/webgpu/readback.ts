/** Reading buffers of a device back: one staging buffer, made once and mapped once a run. */
import type { DType } from '../../base/dtype.js'
import type { NumericStorage } from '../feeds.js'
import type { BufferPlace } from '../layout.js'
import { fromWords, type Allocate } from './words.js'

const MAP_READ = 1, COPY_DST = 8

export class Readback {
  readonly #arena: GPUBuffer
  readonly #places: readonly BufferPlace[]
  readonly #offsets: readonly number[]
  readonly #faults: GPUBuffer | undefined
  readonly #bytes: number
  readonly #staging: GPUBuffer | undefined
  /** The fault cells as last read. */
  faults: Int32Array | undefined

  constructor({ device, arena }: { readonly device: GPUDevice; readonly arena: GPUBuffer }, places: readonly BufferPlace[], faults: GPUBuffer | undefined) {
    this.#arena = arena
    this.#places = places
    this.#faults = faults
    let end = 0
    this.#offsets = places.map(({ bytes }) => { const at = end; end += Math.ceil(bytes / 8) * 8; return at })
    this.#bytes = end
    const size = end + (faults?.size ?? 0)
    this.#staging = size === 0 ? undefined : device.createBuffer({ label: 'staging', size, usage: MAP_READ | COPY_DST })
  }

  destroy(): void { this.#staging?.destroy() }

  /** Has the places copied to where they can be read, but for those that stay; false where there is nothing to read. */
  copy(encoder: GPUCommandEncoder, staying: ReadonlySet<number>): boolean {
    if (this.#staging === undefined) return false
    let any = this.#faults !== undefined
    for (const [i, { offset, bytes }] of this.#places.entries()) if (bytes > 0 && !staying.has(i)) {
      encoder.copyBufferToBuffer(this.#arena, offset, this.#staging, this.#offsets[i] as number, Math.ceil(bytes / 4) * 4)
      any = true
    }
    if (this.#faults !== undefined) encoder.copyBufferToBuffer(this.#faults, 0, this.#staging, this.#bytes, this.#faults.size)
    return any
  }

  /** The elements of every place that does not stay, after the commands were submitted; `any` is what `copy` gave. `dtypeOf` says what a place's words stand for. */
  async read(any: boolean, dtypeOf: (place: number) => DType | undefined, allocate: Allocate, staying: ReadonlySet<number>): Promise<NumericStorage[]> {
    const staging = any ? this.#staging : undefined
    await staging?.mapAsync(MAP_READ)
    const bytes = staging?.getMappedRange() ?? new ArrayBuffer(0)
    const found = this.#places.map(({ dtype, length }, i) => (staying.has(i) ? [] as never : fromWords(bytes, this.#offsets[i] as number, length, dtypeOf(i) ?? dtype, dtype, allocate)))
    if (this.#faults !== undefined) this.faults = new Int32Array(bytes, this.#bytes).slice()
    staging?.unmap()
    return found
  }
}
