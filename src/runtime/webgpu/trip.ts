/** One run: commands for each segment, what the host needs of them, and the parts that run there. */
import { IngotError } from '../../base/error.js'
import type { NumericStorage } from '../feeds.js'
import type { Binding } from '../host.js'
import type { GpuTensor } from '../gpu-tensor.js'
import type { BufferPlace } from '../layout.js'
import type { DeviceContext } from './binding.js'
import { CELL, type Dispatch, type Dispatches } from './dispatches.js'
import type { Exchange } from './exchange.js'
import type { Readback } from './readback.js'
import type { Segment, Source } from './segments.js'
import type { Timestamps } from './timestamps.js'
import { checkBounds, toWords } from './words.js'

/** What a binding has made for its runs. */
export interface Prepared {
  readonly dispatches: Dispatches
  /** By segment. */
  readonly readbacks: readonly Readback[]
  readonly parts: ReadonlyMap<number, Binding>
}

/** What a run is given; `exchange` where some of it lies on the device. */
export interface Journey { readonly feeds: readonly NumericStorage[]; readonly times: Float64Array | null; readonly stamps: Timestamps | undefined; readonly exchange: Exchange | undefined; readonly targets: ReadonlyMap<number, GPUBuffer> }

/** A feed that is a buffer of the device. */
export const onDevice = (feed: unknown): feed is GpuTensor => !ArrayBuffer.isView(feed)

export class Trip {
  readonly #context: DeviceContext
  readonly #prepared: Prepared
  readonly #journey: Journey
  /** Results of the parts on the host, by step. */
  readonly #made = new Map<number, readonly NumericStorage[]>()
  #read: readonly NumericStorage[] = []

  constructor(context: DeviceContext, prepared: Prepared, journey: Journey) {
    this.#context = context
    this.#prepared = prepared
    this.#journey = journey
    context.program.header.inputs.forEach((port, i) => { checkBounds(port, journey.feeds[i] as NumericStorage) })
    for (const i of context.itinerary.uploads) { const feed = journey.feeds[i] as NumericStorage; if (!onDevice(feed)) this.#upload(context.program.header.inputs[i]?.buffer as number, feed) }
  }

  /** Runs all segments; gives the outputs, as storage of their own or where they lie on the device. */
  async results(): Promise<NumericStorage[]> {
    const { itinerary, program: { header } } = this.#context
    for (const i of itinerary.segments.keys()) await this.#segment(i)
    return itinerary.results.map((source, i) => {
      const buffer = this.#journey.targets.get(i)
      if (buffer !== undefined) return { buffer } as never
      const value = this.#valueOf(source, header.outputs[i]?.buffer as number)
      return source.kind === 'feed' || source.kind === 'part' ? value.slice() : value
    })
  }

  #placeOf(buffer: number): BufferPlace { return this.#context.layout.buffers[buffer] as BufferPlace }

  #upload(buffer: number, elements: NumericStorage): void {
    const { device, arena, program, tools } = this.#context, { offset, dtype } = this.#placeOf(buffer)
    const words = toWords(elements, program.header.buffers[buffer]?.dtype ?? dtype, dtype, tools.allocate)
    if (words.length === 0) return
    const odd = words.byteLength % 4
    // Shared memory is copied first: queues take none, and only whole words.
    device.queue.writeBuffer(arena, offset, (odd > 0 ? padded(words) : words.buffer instanceof ArrayBuffer ? words : words.slice()) as NumericStorage & ArrayBufferView<ArrayBuffer>)
  }

  async #segment(number: number): Promise<void> {
    const { device, watch, itinerary, program: { header }, tools } = this.#context, { times, stamps, exchange, targets, feeds } = this.#journey
    const segment = itinerary.segments[number] as Segment, readback = this.#prepared.readbacks[number] as Readback, last = number === itinerary.segments.length - 1
    // Parts on the host that need only what is fed come first, and ask nothing of the device.
    if (segment.part !== undefined && segment.steps.length === 0 && segment.reads.length === 0 && exchange === undefined) return this.#runPart(segment.part)
    const staying = new Set(last ? [...targets.keys()].flatMap((i) => { const source = itinerary.results[i]; return source?.kind === 'device' ? [source.read] : [] }) : [])
    try {
      const { made: reads, checked } = this.#watched(() => {
        const encoder = device.createCommandEncoder()
        if (number === 0) for (const i of itinerary.uploads) { const feed: unknown = feeds[i]; if (onDevice(feed)) exchange?.copyIn(encoder, i, feed) }
        if (times === null || stamps !== undefined) this.#encode(encoder, segment)
        if (last) {
          stamps?.copy(encoder)
          exchange?.copyOut(encoder, targets, (i) => { const source = itinerary.results[i] as Source; return source.kind === 'device' ? undefined : this.#valueOf(source, header.outputs[i]?.buffer as number) })
        }
        if (times !== null && stamps === undefined) return this.#timed(encoder, segment, readback, staying)
        const any = readback.copy(encoder, staying)
        device.queue.submit([encoder.finish()])
        return any
      })
      await checked
      this.#read = await readback.read(await reads, (place) => header.buffers[segment.reads[place] as number]?.dtype, tools.allocate, staying)
      if (last && stamps !== undefined && times !== null) await stamps.read(this.#prepared.dispatches.byStep.keys(), times)
    } catch (cause) {
      watch.check(cause)
      throw cause
    }
    this.#checkFaults(readback.faults)
    if (segment.part !== undefined) await this.#runPart(segment.part)
  }

  /** What `make` gives; what the device says of buffers that it has not been given before is waited for. */
  #watched<T>(make: () => T): { readonly made: T; readonly checked: Promise<void> | undefined } {
    const { feeds, exchange, targets } = this.#journey
    if (exchange === undefined) return { made: make(), checked: undefined }
    const given = [...feeds.flatMap((feed: unknown) => (onDevice(feed) ? [feed.buffer] : [])), ...targets.values()]
    const fresh = given.filter((buffer) => exchange.isNew(buffer))
    return fresh.length === 0 ? { made: make(), checked: undefined } : this.#context.watch.scoped('the buffers that it was given', make)
  }

  /** All dispatches of a segment: in one pass, or one each where their times are taken. */
  #encode(encoder: GPUCommandEncoder, { steps }: Segment): void {
    const { stamps } = this.#journey
    let pass: GPUComputePassEncoder | undefined
    for (const step of steps) {
      const dispatch = this.#prepared.dispatches.byStep.get(step)
      if (dispatch === undefined) continue
      if (stamps !== undefined) { pass?.end(); pass = undefined }
      pass ??= encoder.beginComputePass(stamps?.pass(step))
      dispatchIn(pass, dispatch)
    }
    pass?.end()
  }

  /** Each step by itself, from its submission to its end by the clock of the host; what was encoded before comes first. */
  async #timed(before: GPUCommandEncoder, { steps }: Segment, readback: Readback, staying: ReadonlySet<number>): Promise<boolean> {
    const { device } = this.#context, times = this.#journey.times as Float64Array
    let encoder = before
    for (const step of steps) {
      const dispatch = this.#prepared.dispatches.byStep.get(step)
      if (dispatch === undefined) continue
      const pass = encoder.beginComputePass()
      dispatchIn(pass, dispatch)
      pass.end()
      const start = performance.now()
      device.queue.submit([encoder.finish()])
      await device.queue.onSubmittedWorkDone()
      times[step] = (times[step] as number) + performance.now() - start
      encoder = device.createCommandEncoder()
    }
    const any = readback.copy(encoder, staying)
    device.queue.submit([encoder.finish()])
    return any
  }

  async #runPart({ step, inputs, outputs }: NonNullable<Segment['part']>): Promise<void> {
    const { program: { header }, parts } = this.#context, { times } = this.#journey, kernel = header.steps[step]?.kernel as number
    const feeds = inputs.map((source, i) => this.#valueOf(source, header.steps[step]?.buffers[i] as number))
    const symbols = parts.get(kernel)?.program.header.inputs.length !== feeds.length
    const start = performance.now()
    const made = await (this.#prepared.parts.get(kernel) as Binding).run(symbols ? [...feeds, new BigInt64Array(header.symbols.length)] : feeds, null)
    if (times !== null) times[step] = (times[step] as number) + performance.now() - start
    this.#made.set(step, made)
    outputs.forEach(({ buffer, upload }, i) => { if (upload) this.#upload(buffer, made[i] as NumericStorage) })
  }

  #valueOf(source: Source, buffer: number): NumericStorage {
    switch (source.kind) {
      case 'feed': {
        const feed = this.#journey.feeds[source.input] as NumericStorage
        if (onDevice(feed)) throw new IngotError('feed-dtype', `input "${this.#context.program.header.inputs[source.input]?.name}" is needed on the host, and was fed in a buffer of the device`, { hint: 'feed a tensor with its elements' })
        return feed
      }
      case 'part': return this.#made.get(source.step)?.[source.output] as NumericStorage
      case 'device': return this.#read[source.read] as NumericStorage
      case 'constant': {
        const { dtype, offset, bytes } = this.#placeOf(buffer), section = this.#context.program.sections.constants ?? new Uint8Array(0)
        return this.#context.tools.storageOf(dtype, section.subarray(offset, offset + bytes)) as NumericStorage
      }
    }
  }

  #checkFaults(cells: Int32Array | undefined): void {
    const { faults } = this.#prepared.dispatches
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

/** Half-floats and one more, so that they are whole words. */
function padded(words: NumericStorage): Uint16Array {
  const whole = new Uint16Array(words.length + 1)
  whole.set(words as Uint16Array)
  return whole
}

function dispatchIn(pass: GPUComputePassEncoder, { pipeline, group, counts }: Dispatch): void {
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, group)
  pass.dispatchWorkgroups(...counts)
}
