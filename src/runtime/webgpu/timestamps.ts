/** Times of steps by the device's own clock: two timestamps around a compute pass for each. */

/** Queries that a set holds at most, and bytes of one. */
const MOST = 4096, BYTES = 8
const MAP_READ = 1, COPY_SRC = 4, COPY_DST = 8, QUERY_RESOLVE = 0x200

export class Timestamps {
  readonly #sets: readonly GPUQuerySet[]
  readonly #resolved: GPUBuffer
  readonly #staging: GPUBuffer

  /** For steps number 0 to `count`. */
  constructor(device: GPUDevice, count: number) {
    this.#sets = Array.from({ length: Math.ceil(count * 2 / MOST) }, (_, k) => device.createQuerySet({ type: 'timestamp', count: Math.min(MOST, count * 2 - k * MOST) }))
    const size = this.#sets.length * MOST * BYTES
    this.#resolved = device.createBuffer({ label: 'timestamps', size, usage: QUERY_RESOLVE | COPY_SRC })
    this.#staging = device.createBuffer({ label: 'timestamps read', size, usage: MAP_READ | COPY_DST })
  }

  /** What to begin the pass of a step with. */
  pass(step: number): GPUComputePassDescriptor {
    const at = step * 2 % MOST
    return { timestampWrites: { querySet: this.#sets[Math.floor(step * 2 / MOST)] as GPUQuerySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } }
  }

  /** Has the timestamps copied to where they can be read; after the last pass. */
  copy(encoder: GPUCommandEncoder): void {
    this.#sets.forEach((set, k) => encoder.resolveQuerySet(set, 0, set.count, this.#resolved, k * MOST * BYTES))
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, this.#staging.size)
  }

  /** Adds the milliseconds of these steps to `times`, after the commands were submitted. */
  async read(steps: Iterable<number>, times: Float64Array): Promise<void> {
    await this.#staging.mapAsync(MAP_READ)
    const stamps = new BigUint64Array(this.#staging.getMappedRange())
    for (const step of steps) {
      // A clock that was reset in between gives an end before its beginning.
      const ns = Number(BigInt.asIntN(64, (stamps[step * 2 + 1] as bigint) - (stamps[step * 2] as bigint)))
      times[step] = (times[step] as number) + Math.max(0, ns) / 1e6
    }
    this.#staging.unmap()
  }

  destroy(): void { for (const thing of [...this.#sets, this.#resolved, this.#staging]) thing.destroy() }
}
