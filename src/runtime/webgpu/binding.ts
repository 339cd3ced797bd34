/** A layout on a device: bind groups, parameters and staging memory are made once; a run makes nothing but its commands. */
import { IngotError } from '../../base/error.js'
import type { NumericStorage } from '../feeds.js'
import type { ProgramData } from '../format.js'
import type { Binding, Host } from '../host.js'
import type { BufferPlace, Layout } from '../layout.js'
import type { HostTools } from './host.js'
import type { Constants } from './constants.js'
import type { Pipeline } from './pipelines.js'
import { CELL, makeDispatches, type Dispatch } from './dispatches.js'
import { Readback } from './readback.js'
import type { Itinerary, Segment, Source } from './segments.js'
import type { Watch } from './watch.js'
import { toWords } from './words.js'

/** The parts of a program that run on the host, by kernel number. */
export type Parts = ReadonlyMap<number, { readonly program: ProgramData; readonly host: Host; readonly inputCount: number }>

export interface DeviceContext {
  readonly device: GPUDevice
  readonly watch: Watch
  readonly program: ProgramData
  readonly pipelines: readonly (Pipeline | undefined)[]
  readonly parts: Parts
  readonly itinerary: Itinerary
  readonly constants: Constants
  readonly arena: GPUBuffer
  readonly layout: Layout
  readonly tools: HostTools
}

/** A binding with memory of its own beside the arena. */
export interface DeviceBinding extends Binding { destroy(): void }

/** A binding of the program to `layout`. What the device refuses is thrown by the first run. */
export function bindDevice(context: DeviceContext): DeviceBinding {
  const { watch, itinerary } = context
  const { made, checked } = watch.scoped('a binding', () => {
    const { byStep: dispatches, faults, uniforms } = makeDispatches(context)
    const readbacks = itinerary.segments.map(({ reads }, i) => new Readback(context.device, context.arena, reads.map((b) => placeOf(context, b)), i === itinerary.segments.length - 1 ? faults : undefined))
    return { dispatches, faults, uniforms, readbacks }
  })
  // An error is the first run's to throw.
  checked.catch(() => undefined)
  const parts = new Map([...context.parts].map(([kernel, part]) => {
    const layout = context.tools.layOut(part.program.header, new Map(part.program.header.symbols.map(({ name }) => [name, context.layout.valueOf(name)])))
    part.host.release(true)
    return [kernel, part.host.bind(layout)] as const
  }))
  let first: Promise<void> | undefined = checked
  return {
    destroy() { for (const buffer of [made.faults, made.uniforms, ...made.readbacks]) buffer?.destroy() },
    async run(feeds, times) {
      watch.check()
      await first
      first = undefined
      const trip = new Trip(context, made.dispatches, parts, feeds, times)
      for (const [i, segment] of itinerary.segments.entries()) await trip.segment(segment, made.readbacks[i] as Readback, made.faults)
      return itinerary.results.map((source, i) => trip.result(source, context.program.header.outputs[i]?.buffer as number))
    },
  }
}

const placeOf = ({ layout }: DeviceContext, buffer: number): BufferPlace => layout.buffers[buffer] as BufferPlace

/** One run. */
class Trip {
  readonly #context: DeviceContext
  readonly #dispatches: ReadonlyMap<number, Dispatch>
  readonly #parts: ReadonlyMap<number, Binding>
  readonly #feeds: readonly NumericStorage[]
  readonly #times: Float64Array | null
  /** Results of the parts on the host, by step. */
  readonly #made = new Map<number, readonly NumericStorage[]>()
  #read: readonly NumericStorage[] = []

  constructor(context: DeviceContext, dispatches: ReadonlyMap<number, Dispatch>, parts: ReadonlyMap<number, Binding>, feeds: readonly NumericStorage[], times: Float64Array | null) {
    this.#context = context
    this.#dispatches = dispatches
    this.#parts = parts
    this.#feeds = feeds
    this.#times = times
    const { itinerary, program } = context
    for (const i of itinerary.uploads) this.#upload(program.header.inputs[i]?.buffer as number, feeds[i] as NumericStorage)
  }

  #upload(buffer: number, elements: NumericStorage): void {
    const { device, arena, program, tools } = this.#context, { offset, dtype } = placeOf(this.#context, buffer)
    const words = toWords(elements, program.header.buffers[buffer]?.dtype ?? dtype, dtype, tools.allocate)
    if (words.length === 0) return
    // Shared memory is copied first: queues take none.
    device.queue.writeBuffer(arena, offset, (words.buffer instanceof ArrayBuffer ? words : words.slice()) as NumericStorage & ArrayBufferView<ArrayBuffer>)
  }

  async segment(segment: Segment, readback: Readback, faults: GPUBuffer | undefined): Promise<void> {
    const { device, watch } = this.#context, times = this.#times
    try {
      let encoder = device.createCommandEncoder()
      let pass: GPUComputePassEncoder | undefined
      for (const step of segment.steps) {
        const dispatch = this.#dispatches.get(step)
        if (dispatch === undefined) continue
        pass ??= encoder.beginComputePass()
        pass.setPipeline(dispatch.pipeline)
        pass.setBindGroup(0, dispatch.group)
        pass.dispatchWorkgroups(...dispatch.counts)
        if (times === null) continue
        // Each step by itself, from its submission to its end.
        pass.end()
        pass = undefined
        const start = performance.now()
        device.queue.submit([encoder.finish()])
        await device.queue.onSubmittedWorkDone()
        times[step] = (times[step] as number) + performance.now() - start
        encoder = device.createCommandEncoder()
      }
      pass?.end()
      readback.copy(encoder)
      device.queue.submit([encoder.finish()])
      this.#read = await readback.read((place) => this.#context.program.header.buffers[segment.reads[place] as number]?.dtype, this.#context.tools.allocate)
    } catch (cause) {
      watch.check(cause)
      throw cause
    }
    this.#checkFaults(readback.faults, faults)
    if (segment.part !== undefined) await this.#runPart(segment.part)
  }

  async #runPart({ step, inputs, outputs }: NonNullable<Segment['part']>): Promise<void> {
    const { program: { header }, parts } = this.#context, kernel = header.steps[step]?.kernel as number
    const feeds = inputs.map((source, i) => this.#valueOf(source, header.steps[step]?.buffers[i] as number))
    const symbols = parts.get(kernel)?.program.header.inputs.length !== feeds.length
    const start = performance.now()
    const made = await (this.#parts.get(kernel) as Binding).run(symbols ? [...feeds, new BigInt64Array(header.symbols.length)] : feeds, null)
    const times = this.#times
    if (times !== null) times[step] = (times[step] as number) + performance.now() - start
    this.#made.set(step, made)
    outputs.forEach(({ buffer, upload }, i) => { if (upload) this.#upload(buffer, made[i] as NumericStorage) })
  }

  #valueOf(source: Source, buffer: number): NumericStorage {
    switch (source.kind) {
      case 'feed': return this.#feeds[source.input] as NumericStorage
      case 'part': return this.#made.get(source.step)?.[source.output] as NumericStorage
      case 'device': return this.#read[source.read] as NumericStorage
      case 'constant': {
        const { dtype, offset, bytes } = placeOf(this.#context, buffer), section = this.#context.program.sections.constants ?? new Uint8Array(0)
        return this.#context.tools.storageOf(dtype, section.subarray(offset, offset + bytes)) as NumericStorage
      }
    }
  }

  /** An output, as storage of its own. */
  result(source: Source, buffer: number): NumericStorage {
    const value = this.#valueOf(source, buffer)
    return source.kind === 'feed' || source.kind === 'part' ? value.slice() : value
  }

  #checkFaults(cells: Int32Array | undefined, faults: GPUBuffer | undefined): void {
    if (cells === undefined || faults === undefined) return
    const at = cells.findIndex((x, i) => i % (CELL / 4) === 0 && x !== 0)
    if (at < 0) return
    const { device, program: { header }, pipelines } = this.#context
    device.queue.writeBuffer(faults, 0, new Uint8Array(faults.size))
    const faulting = header.steps.filter((s) => pipelines[s.kernel]?.code.fault === true)[at / (CELL / 4)]
    throw new IngotError('index-out-of-range', `index ${cells[at + 1]} is outside an axis of extent ${cells[at + 2]} in kernel ${header.kernels[faulting?.kernel ?? -1]?.name}`, {
      where: { origin: faulting?.origin ?? '' }, hint: 'an input holds an index that is outside the tensor it indexes',
    })
  }
}
