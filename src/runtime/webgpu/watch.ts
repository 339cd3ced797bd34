/** What goes wrong on a device: its loss, and the errors of what it is asked to do. */
import { IngotError } from '../../base/error.js'

/** Turns a device's errors into `device-lost`, `out-of-memory` and `internal`. */
export class Watch {
  readonly #device: GPUDevice
  #lost: GPUDeviceLostInfo | undefined

  constructor(device: GPUDevice) {
    this.#device = device
    void device.lost.then((info) => { this.#lost = info })
  }

  /** Throws `device-lost` where the device is. */
  check(cause?: unknown): void {
    if (this.#lost !== undefined) throw new IngotError('device-lost', `the WebGPU device was lost (${this.#lost.reason}): ${this.#lost.message}`, { hint: 'load the program again', cause })
  }

  /** What `make` gives, and a promise that throws where the device refused it. `what` names it. */
  scoped<T>(what: string, make: () => T): { readonly made: T; readonly checked: Promise<void> } {
    this.#device.pushErrorScope('validation')
    this.#device.pushErrorScope('out-of-memory')
    try {
      const made = make()
      return { made, checked: this.#popped(what) }
    } catch (cause) {
      void this.#popped(what).catch(() => undefined)
      throw cause
    }
  }

  async checked<T>(what: string, make: () => T): Promise<T> {
    const { made, checked } = this.scoped(what, make)
    await checked
    return made
  }

  async #popped(what: string): Promise<void> {
    const [memory, validation] = await Promise.all([this.#device.popErrorScope(), this.#device.popErrorScope()])
    this.check()
    if (memory !== null) throw new IngotError('out-of-memory', `the WebGPU device has no memory for ${what}: ${memory.message}`, { hint: 'feed smaller inputs, or dispose of sessions that are no longer needed' })
    // Bind groups have the name of their kernel and its origin for a label.
    if (validation !== null) throw new IngotError('internal', `the WebGPU device refuses ${what}: ${validation.message}`, { where: { origin: /BindGroup\w* "+\S+ of ([^"]*)/.exec(validation.message)?.[1] ?? '' }, hint: 'this is a bug in Ingot; please report it with the model that shows it' })
  }
}
