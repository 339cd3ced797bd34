/// <reference lib="esnext.disposable" preserve="true" />
/** Loading programs and running them. */
import { evaluateDim, type Dim } from '../base/dim.js'
import { allocate, storageOf, type DType, type TensorStorage } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import { decodeProgram, decoding } from './decode.js'
import { digest } from './digest.js'
import { feedReader, type Fed } from './feed-reader.js'
import type { Feeds, NumericStorage } from './feeds.js'
import type { Port, ProgramData, ProgramHeader } from './format.js'
import type { GpuTensor, RunOptions } from './gpu-tensor.js'
import type { Binding, Host } from './host.js'
import { callingHost, type KernelFunction } from './calls.js'
import { keptBytes, layOut, type Layout } from './layout.js'
import { liveLowerBound } from './plan.js'
import { makeProfile, type Profile } from './profile.js'
import { RESULT, Tensor } from './tensor.js'
import { damaged, validateProgram } from './validate.js'
import { HOST_TOOLS, wasmHost, type Kept } from './wasm/host.js'

/** What holds a program: the compiler's result, or (with its kernels) an ES module as `ingot compile --emit module` writes it, `import * as model from './model.mjs'`. */
export interface ProgramModule { readonly data: ProgramData; readonly kernels?: readonly KernelFunction[] }

/** A program, its module, its bytes, or where they are: a path (Node) or a URL; in a browser a string is a URL relative to the page. */
export type ProgramSource = ProgramData | ProgramModule | Uint8Array | ArrayBuffer | string | URL

export interface LoadOptions<T extends Tensor = Tensor> {
  /** Most bytes that arena and constants together may take; above it a run throws `out-of-memory`. */
  readonly maxMemory?: number
  /** Threads that share the work of a run (wasm; a runtime that cannot have them uses one and says so in `Session.notices`); when absent, what the program was compiled for, which is 1 by default. Results are the same for any number. */
  readonly threads?: number
  /** Times every step from the first run on; `startProfile` does so later. */
  readonly profile?: boolean
  /** The WebGPU device (a `GPUDevice`) that a wgsl program runs on; one is found where absent. */
  readonly device?: object
  /** Makes the results, of storage that is theirs alone; runtime tensors where absent. */
  readonly makeTensor?: TensorMaker<T>
}

type TensorMaker<T> = (dtype: DType, shape: readonly number[], storage: TensorStorage) => T

const makeRuntimeTensor: TensorMaker<Tensor> = (dtype, shape, storage) => new Tensor(dtype, shape, storage, RESULT)

/** An input or output; an extent is a number, a symbol or an expression over symbols. */
export interface SessionPort { readonly name: string; readonly dtype: DType; readonly shape: readonly Dim[] }

/** Bytes that a session holds; wasm memory comes in pages of 64 KiB, so up to one more there. */
export interface SessionMemory {
  /** As planned for the largest shapes so far. */
  readonly arenaBytes: number
  /** Constants, and what was made of constants when the program was loaded. */
  readonly constantBytes: number
  /** What the arena cannot be smaller than at the last run's shapes; 0 before there are any. */
  readonly lowerBoundBytes: number
}

/** Shapes whose bindings a session keeps. */
const KEPT_BINDINGS = 8

interface Bound { readonly layout: Layout; readonly binding: Binding; symbols: ReadonlyMap<string, number> }

/**
 * A program ready to run. Its memory is one arena, exactly as large as the largest shapes so far need, and the constants.
 * `trim` gives the arena back until the next run, `dispose` everything for good.
 */
export class Session<T extends Tensor = Tensor> {
  readonly inputs: readonly SessionPort[]
  readonly outputs: readonly SessionPort[]
  readonly #header: ProgramHeader
  readonly #constantBytes: number
  readonly #options: LoadOptions<T>
  readonly #noResults: Record<string, T>
  readonly #readFeeds: (feeds: Feeds) => Fed
  #host: Host | null
  /** By the values of the symbols; what ran last is last. */
  readonly #bound = new Map<string, Bound>()
  #last: Bound | null = null
  #arenaBytes = 0
  #times: Float64Array | null = null
  #timedRuns = 0

  /** Use `load`. */
  constructor(program: ProgramData, host: Host, options: LoadOptions<T>) {
    const { header } = program, port = ({ name, dtype, shape }: Port): SessionPort => ({ name, dtype, shape })
    this.inputs = header.inputs.map(port)
    this.outputs = header.outputs.map(port)
    this.#header = header
    this.#constantBytes = keptBytes(program)
    this.#options = options
    this.#noResults = Object.fromEntries(this.outputs.map(({ name }) => [name, null as never]))
    this.#readFeeds = feedReader(header)
    this.#host = host
    if (options.profile) this.startProfile()
  }

  /**
   * Runs the program. Feeds by input name: a Tensor or `{dtype, shape, data}`, a typed array where the declared shape leaves
   * at most one extent open, or nested numbers. Results by output name are inference tensors that own their data. Throws the
   * `feed-…` errors, `constraint-violated`, `out-of-memory`, `index-out-of-range` and `session-disposed`. On wgsl, feeds may be
   * tensors in buffers of `device`, and with `options` so are results.
   */
  run(feeds: Feeds): Promise<Record<string, T>>
  run(feeds: Feeds, options: RunOptions): Promise<Record<string, T | GpuTensor>>
  async run(feeds: Feeds, options?: RunOptions): Promise<Record<string, T>> {
    const host = this.#host
    return host?.turn ? host.turn(() => this.#start(feeds, false, options)) : this.#start(feeds, false, options)
  }

  /** `run` without a promise, where the target can; else `target-unavailable`. */
  runSync(feeds: Feeds): Record<string, T> {
    if (this.#host?.sync === false) throw new IngotError('target-unavailable', `the ${this.#header.target} target cannot run synchronously`, { hint: 'await session.run(feeds)' })
    return this.#start(feeds, true) as Record<string, T>
  }

  #start(feeds: Feeds, sync?: boolean, options?: RunOptions): Record<string, T> | Promise<Record<string, T>> {
    const host = this.#host
    if (!host) throw new IngotError('session-disposed', `the session of ${this.#header.name} was disposed of`, { hint: 'load it again' })
    if (options?.gpu && !host.device) throw new IngotError('bad-option', `the ${this.#header.target} target has no GPU to leave results on`)
    const { data, symbols } = this.#readFeeds(feeds), last = this.#last
    const { layout, binding } = last?.symbols === symbols ? last : this.#bind(host, symbols)
    const results = binding.run(data, this.#times, sync, options)
    if (this.#times) this.#timedRuns++
    return Array.isArray(results) ? this.#wrap(results, layout) : results.then((storages) => this.#wrap(storages, layout))
  }

  #wrap(storages: readonly NumericStorage[], { outputShapes }: Layout): Record<string, T> {
    // A copy has the properties already, and any name can be set.
    const results = { ...this.#noResults }, { makeTensor = makeRuntimeTensor as TensorMaker<T> } = this.#options
    for (let i = 0; i < storages.length; i++) {
      const { name, dtype } = this.outputs[i] as SessionPort, storage = storages[i] as NumericStorage, shape = outputShapes[i] as readonly number[]
      results[name] = ArrayBuffer.isView(storage) ? makeTensor(dtype, shape, storage) : { dtype, shape, ...storage as object } as never
    }
    return results
  }

  #bind(host: Host, symbols: ReadonlyMap<string, number>): Bound {
    const key = [...symbols.values()].join()
    let bound = this.#bound.get(key)
    if (!bound) {
      const { maxMemory = Infinity } = this.#options
      const layout = layOut(this.#header, symbols)
      const needed = layout.arenaBytes + this.#constantBytes
      if (needed > maxMemory) throw new IngotError('out-of-memory', `these shapes need ${needed} bytes, maxMemory is ${maxMemory}`, { hint: 'feed smaller inputs or raise maxMemory' })
      // A larger arena replaces the old one, and views of that are of no use any more.
      if (layout.arenaBytes > this.#arenaBytes) this.#release(true)
      bound = { layout, binding: host.bind(layout), symbols }
      this.#arenaBytes ||= layout.arenaBytes
    }
    bound.symbols = symbols
    this.#bound.delete(key)
    this.#bound.set(key, bound)
    if (this.#bound.size > KEPT_BINDINGS) this.#bound.delete(this.#bound.keys().next().value as string)
    return (this.#last = bound)
  }

  /** The WebGPU device (a `GPUDevice`) that a wgsl program runs on; undefined for others. */
  get device(): object | undefined {
    return this.#host?.device
  }

  /** What is not as it was asked for: that there is one thread where more were wanted, and why. The console has it as a warning. */
  get notices(): readonly string[] {
    return this.#host?.notices ?? []
  }

  /** Bytes held now. */
  get memory(): SessionMemory {
    return {
      arenaBytes: this.#arenaBytes,
      constantBytes: this.#host ? this.#constantBytes : 0,
      lowerBoundBytes: this.#last ? liveLowerBound(this.#last.layout.owners) : 0,
    }
  }

  /** Times every step from the next run on, from zero. Runs that are not profiled pay nothing for this. */
  startProfile(): void {
    this.#times = new Float64Array(this.#header.steps.length)
    this.#timedRuns = 0
  }

  /** What the runs since `startProfile` (or since `load` with `profile: true`) cost, step by step; times are 0 where none was profiled. */
  profile(): Profile {
    return makeProfile(this.#header, this.#last?.layout, this.#times, this.#timedRuns, this.#host?.clock)
  }

  /** Gives the arena back; the next run takes what it needs. */
  trim(): void {
    this.#release(false)
  }

  #release(grows: boolean): void {
    this.#bound.clear()
    this.#last = null
    this.#arenaBytes = 0
    this.#host?.release(grows)
  }

  /** Gives all memory back; runs throw `session-disposed` from then on. */
  dispose(): void {
    this.#release(true)
    this.#host?.dispose?.()
    this.#host = null
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Makes a session of a program. Bytes given to a session for js or wgsl are kept, not copied, so do not change them while it lives; one for wasm copies its constants. Throws `not-ingot`, `artefact-version`, `artefact-damaged`, `file-…`, `eval-forbidden` or `target-unavailable`. */
export async function load<T extends Tensor = Tensor>(source: ProgramSource, options: LoadOptions<T> = {}): Promise<Session<T>> {
  const { program, kernels, kept } = await open(source, options)
  const { target, measured } = program.header
  if (measured) return (await import('./parts.js')).sessionOfParts(program, options, { Session, load, feedReader, evaluateDim, damaged })
  const { threads = program.header.threads ?? 1 } = options
  const host = target === 'wasm' || threads !== 1 ? wasmHost(program, threads, kept) : target === 'js' ? (await import('./js/functions.js')).jsHost(program, kernels, { callingHost, damaged }) : (await webgpu()).webgpuHost(program, options.device as GPUDevice | undefined, { decode: decodeProgram, wasm: wasmHost, layOut, evaluate: evaluateDim, allocate, storageOf })
  return new Session(program, await host, options)
}

interface Opened { readonly program: ProgramData; readonly kernels?: readonly KernelFunction[] | undefined; readonly kept?: Kept | undefined }

const webgpu = () => import('./webgpu/host.js')

async function open(source: ProgramSource, { threads, device }: Pick<LoadOptions, 'threads' | 'device'>): Promise<Opened> {
  if (typeof source === 'string' || source instanceof URL) return (await import('./source.js')).readSource(source, threads, { decoding, digest, ...HOST_TOOLS }, device ? undefined : webgpu)
  if (source instanceof ArrayBuffer) source = new Uint8Array(source)
  if (source instanceof Uint8Array) return { program: decodeProgram(source) }
  const { data, kernels } = 'data' in Object(source) ? (source as ProgramModule) : { data: source as ProgramData }
  if (!('header' in Object(data))) throw new IngotError('bad-option', 'load takes a program, an emitted module, bytes, a path or a URL', { hint: 'compile a graph first' })
  validateProgram(data.header, data.sections ?? {})
  return { program: data, kernels }
}
