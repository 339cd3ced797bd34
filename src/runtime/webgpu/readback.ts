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

  constructor(device: GPUDevice, arena: GPUBuffer, places: readonly BufferPlace[], faults: GPUBuffer | undefined) {
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

  /** Has the places copied to where they can be read. */
  copy(encoder: GPUCommandEncoder): void {
    if (this.#staging === undefined) return
    for (const [i, { offset, bytes }] of this.#places.entries()) if (bytes > 0) encoder.copyBufferToBuffer(this.#arena, offset, this.#staging, this.#offsets[i] as number, bytes)
    if (this.#faults !== undefined) encoder.copyBufferToBuffer(this.#faults, 0, this.#staging, this.#bytes, this.#faults.size)
  }

  /** The elements of every place, after the commands were submitted. `dtypeOf` says what a place's words stand for. */
  async read(dtypeOf: (place: number) => DType | undefined, allocate: Allocate): Promise<NumericStorage[]> {
    if (this.#staging === undefined) return this.#places.map(({ dtype }, i) => fromWords(new ArrayBuffer(0), 0, 0, dtypeOf(i) ?? dtype, dtype, allocate))
    await this.#staging.mapAsync(MAP_READ)
    const bytes = this.#staging.getMappedRange()
    const found = this.#places.map(({ dtype, length }, i) => fromWords(bytes, this.#offsets[i] as number, length, dtypeOf(i) ?? dtype, dtype, allocate))
    if (this.#faults !== undefined) this.faults = new Int32Array(bytes, this.#bytes).slice()
    this.#staging.unmap()
    return found
  }
}
