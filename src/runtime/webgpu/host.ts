/** The `wgsl` target: one arena on a WebGPU device, pipelines made at load, bind groups at bind; parts that no shader can say run in wasm. */
import type { Dim } from '../../base/dim.js'
import type { DType, TensorStorage } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { ProgramData, WgslCode } from '../format.js'
import type { Binding, Host } from '../host.js'
import type { Layout } from '../layout.js'
import { bindDevice, type DeviceBinding, type Parts } from './binding.js'
import { findDevice } from './device.js'
export { findDevice } from './device.js'
import { makePipelines } from './pipelines.js'
import { planSegments } from './segments.js'
import { uploadConstants } from './constants.js'
import type { Timestamps } from './timestamps.js'
import { Watch } from './watch.js'

/** What a program with parts on the host needs of the runtime around; given, so that bundlers leave it in the file that all pages load. */
export interface HostTools {
  readonly decode: (bytes: Uint8Array) => ProgramData
  readonly wasm: (program: ProgramData) => Promise<Host>
  readonly layOut: (header: ProgramData['header'], symbols: ReadonlyMap<string, number>) => Layout
  readonly evaluate: (dim: Dim, valueOf: (symbol: string) => number) => number
  readonly allocate: (dtype: DType, count: number) => TensorStorage
  readonly storageOf: (dtype: DType, bytes: Uint8Array) => TensorStorage
}

/** A host on `device`, or on one that it finds. Throws `target-unavailable`, `shader-invalid`, `out-of-memory` and `artefact-damaged`. */
export async function webgpuHost(program: ProgramData, given: GPUDevice | undefined, tools: HostTools): Promise<Host> {
  const device = given ?? await findDevice(), watch = new Watch(device)
  const { header } = program
  // The device compiles shaders while weights are brought to it.
  const [pipelines, parts, constants] = await Promise.all([makePipelines(device, program), openParts(program, tools), watch.checked('the constants', () => uploadConstants(device, program))])
  const itinerary = planSegments(header, (step) => (parts.get(header.steps[step]?.kernel as number)?.inputCount ?? 0))
  let arena: GPUBuffer | undefined
  const arenas: GPUBuffer[] = [], bindings: DeviceBinding[] = []
  let stamps: Promise<Timestamps> | undefined
  const timed = device.features.has('timestamp-query')
  // Runs share the arena, so each waits for the one before.
  let last: Promise<unknown> = Promise.resolve()
  const later = (things: readonly { destroy(): void }[]): void => { void last.then(() => { for (const thing of things) thing.destroy() }) }
  return {
    sync: false,
    device,
    clock: timed ? 'gpu' : 'cpu',
    release(grows) {
      arena = undefined
      later([...bindings.splice(0), ...arenas.splice(0)])
      for (const part of parts.values()) part.host.release(grows)
    },
    dispose() {
      void stamps?.then((s) => { later([s]) })
      later([{ destroy: constants.dispose }])
    },
    bind(layout): Binding {
      const bound = bindDevice({
        device, watch, program, pipelines, parts, itinerary, constants, layout, tools,
        stamps: () => (timed ? stamps ??= import('./timestamps.js').then(({ Timestamps }) => new Timestamps(device, header.steps.length)) : undefined),
      }, () => {
        if (arena === undefined || arena.size < layout.arenaBytes) arenas.push(arena = allocate(device, layout))
        return arena
      })
      bindings.push(bound)
      return {
        run(...given) {
          const result = last.then(() => bound.run(...given))
          last = result.catch(() => undefined)
          return result
        },
      }
    },
  }
}

function allocate(device: GPUDevice, { arenaBytes }: Layout): GPUBuffer {
  const most = device.limits.maxBufferSize
  if (arenaBytes > most) throw new IngotError('out-of-memory', `these shapes need ${arenaBytes} bytes in one buffer, this WebGPU device has buffers of at most ${most}`, { hint: 'feed smaller inputs' })
  return device.createBuffer({ label: 'arena', size: Math.max(256, arenaBytes), usage: STORAGE | COPY_SRC | COPY_DST })
}

const COPY_SRC = 4, COPY_DST = 8, STORAGE = 0x80

/** The parts that run on the host, by kernel number. */
async function openParts({ header, sections }: ProgramData, tools: HostTools): Promise<Parts> {
  const section = sections.host ?? new Uint8Array(0)
  const parts = await Promise.all(header.kernels.map(async ({ code: given }, number) => {
    const code = given as WgslCode
    if (code.kind !== 'host') return []
    const program = tools.decode(section.subarray(code.offset, code.offset + code.bytes))
    const symbols = program.header.symbols.length > 0
    return [[number, { program, host: await tools.wasm(program), inputCount: program.header.inputs.length - (symbols ? 1 : 0) }] as const]
  }))
  return new Map(parts.flat())
}
