/** Tensors that callers hand over or want in buffers of the device: checks, and the copies to and from the arena. */
import { IngotError } from '../../base/error.js'
import type { NumericStorage } from '../feeds.js'
import type { Port } from '../format.js'
import type { GpuTensor } from '../gpu-tensor.js'
import type { DeviceContext } from './binding.js'

const COPY_SRC = 4, COPY_DST = 8, STORAGE = 0x80

/** The buffers that a binding keeps for results, and what was found right before. */
export class Exchange {
  readonly #context: DeviceContext
  readonly #own = new Map<string, GPUBuffer>()
  readonly #known = new WeakSet<object>()

  constructor(context: DeviceContext) { this.#context = context }

  destroy(): void { for (const buffer of this.#own.values()) buffer.destroy() }

  /** Has a fed buffer copied into the arena. Throws `feed-dtype` and `feed-extent`. */
  copyIn(encoder: GPUCommandEncoder, input: number, { buffer, offset = 0 }: GpuTensor): void {
    const port = this.#context.program.header.inputs[input] as Port
    const { at, bytes } = this.#checked(`input "${port.name}"`, port, buffer as GPUBuffer, offset, COPY_SRC)
    if (bytes > 0) encoder.copyBufferToBuffer(buffer as GPUBuffer, offset, this.#context.arena, at, bytes)
  }

  /** The buffers that results are to stay in, by output. Throws `bad-option`. */
  targets(wanted: Readonly<Record<string, object | 'own'>>): ReadonlyMap<number, GPUBuffer> {
    const { device, program: { header } } = this.#context
    return new Map(Object.entries(wanted).map(([name, given]) => {
      const output = header.outputs.findIndex((o) => o.name === name), port = header.outputs[output]
      if (port === undefined) throw new IngotError('bad-option', `"${name}" is no output of ${header.name}`, { hint: `the outputs are ${header.outputs.map((o) => `"${o.name}"`).join(', ')}` })
      let buffer = given as GPUBuffer
      if (given === 'own') {
        buffer = this.#own.get(name) ?? device.createBuffer({ label: name, size: Math.max(4, this.#context.layout.buffers[port.buffer]?.bytes as number), usage: STORAGE | COPY_SRC | COPY_DST })
        this.#own.set(name, buffer)
      }
      this.#checked(`output "${name}"`, port, buffer, 0, COPY_DST)
      return [output, buffer]
    }))
  }

  /** Has results copied out of the arena, or written where the host has them. */
  copyOut(encoder: GPUCommandEncoder, targets: ReadonlyMap<number, GPUBuffer>, hostValue: (output: number) => NumericStorage | undefined): void {
    const { device, arena, layout, program: { header } } = this.#context
    for (const [output, buffer] of targets) {
      const { offset, bytes } = layout.buffers[header.outputs[output]?.buffer as number] as (typeof layout.buffers)[number], value = hostValue(output)
      if (value !== undefined) device.queue.writeBuffer(buffer, 0, value as NumericStorage & ArrayBufferView<ArrayBuffer>)
      else if (bytes > 0) encoder.copyBufferToBuffer(arena, offset, buffer, 0, bytes)
    }
  }

  /** Whether a buffer comes for the first time, so that what the device says of it has to be waited for. */
  isNew(buffer: object): boolean {
    const known = this.#known.has(buffer)
    this.#known.add(buffer)
    return !known
  }

  #checked(what: string, { dtype, buffer: number, bounds }: Port, buffer: GPUBuffer, offset: number, usage: number): { readonly at: number; readonly bytes: number } {
    const { offset: at, bytes, dtype: stored } = this.#context.layout.buffers[number] as { offset: number; bytes: number; dtype: string }, feed = usage === COPY_SRC
    if (stored !== dtype || bounds !== undefined || !/^(float|u?int)32$/.test(dtype)) throw new IngotError(feed ? 'feed-dtype' : 'bad-option', `${what} is ${dtype}, which the device has in another form or checks`, { where: { dtype }, hint: 'float32, int32 and uint32 can be exchanged in buffers of the device' })
    if (!((buffer.usage & usage) > 0) || !(offset % 4 === 0 && buffer.size >= offset + bytes)) throw new IngotError(feed ? 'feed-extent' : 'bad-option', `${what} needs ${bytes} bytes of a GPUBuffer with the usage ${feed ? 'COPY_SRC' : 'COPY_DST'}, from a multiple of 4; the one given has ${buffer.size} and the usage ${buffer.usage}, from ${offset}`)
    return { at, bytes }
  }
}
