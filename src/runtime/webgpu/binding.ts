/** A layout on a device: bind groups, parameters and staging memory are made once; a run makes nothing but its commands. */
import type { ProgramData } from '../format.js'
import type { Binding, Host } from '../host.js'
import type { BufferPlace, Layout } from '../layout.js'
import type { HostTools } from './host.js'
import type { Constants } from './constants.js'
import { makeDispatches } from './dispatches.js'
import type { Exchange } from './exchange.js'
import type { Pipeline } from './pipelines.js'
import { Readback } from './readback.js'
import type { Itinerary } from './segments.js'
import type { Timestamps } from './timestamps.js'
import { onDevice, Trip } from './trip.js'
import type { Watch } from './watch.js'

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
  /** What takes the times of steps; undefined where the device cannot. */
  readonly stamps: () => Promise<Timestamps> | undefined
}

/** A binding with memory of its own beside the arena. */
export interface DeviceBinding extends Binding { destroy(): void }

const NONE: ReadonlyMap<number, GPUBuffer> = new Map()

/** A binding of the program to `layout`. What the device refuses is thrown by the first run. */
export function bindDevice(given: Omit<DeviceContext, 'arena'>, arenaOf: () => GPUBuffer): DeviceBinding {
  const { watch, itinerary, layout, tools } = given
  const { made: { context, dispatches, readbacks }, checked } = watch.scoped('a binding', () => {
    const context: DeviceContext = { ...given, arena: arenaOf() }, dispatches = makeDispatches(context)
    const readbacks = itinerary.segments.map(({ reads }, i) => new Readback(context, reads.map((b) => layout.buffers[b] as BufferPlace), i === itinerary.segments.length - 1 ? dispatches.faults : undefined))
    return { context, dispatches, readbacks }
  })
  // An error is the first run's to throw.
  checked.catch(() => undefined)
  const parts = new Map([...context.parts].map(([kernel, { program: { header }, host }]) => {
    const inner = tools.layOut(header, new Map(header.symbols.map(({ name }) => [name, layout.valueOf(name)])))
    host.release(true)
    return [kernel, host.bind(inner)] as const
  }))
  let first: Promise<void> | undefined = checked
  let exchange: Exchange | undefined
  return {
    destroy() { for (const thing of [dispatches.faults, dispatches.uniforms, exchange, ...readbacks]) thing?.destroy() },
    async run(feeds, times, _, options) {
      watch.check()
      await first
      first = undefined
      const stamps = times === null ? undefined : await context.stamps(), wanted = options?.gpu ?? {}, exchanged = options?.gpu !== undefined || feeds.some(onDevice)
      if (exchanged) exchange ??= new (await import('./exchange.js')).Exchange(context)
      return new Trip(context, { dispatches, readbacks, parts }, { feeds, times, stamps, exchange: exchanged ? exchange : undefined, targets: exchange?.targets(wanted) ?? NONE }).results()
    },
  }
}
