/**
 * Sessions of programs in parts: each part is an artefact of its own, and what it gives says how large the tensors of the next ones are.
 * Loaded on demand; what it needs of the runtime around is given, so that bundlers leave that in the file that all pages load.
 */
import type { Dim } from '../base/dim.js'
import type { HostTensor } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { Fed } from './feed-reader.js'
import type { Feeds, NumericStorage } from './feeds.js'
import type { ProgramData, ProgramHeader, ProgramKernel, Step, WgslCode } from './format.js'
import type { GpuTensor, RunOptions } from './gpu-tensor.js'
import type { Profile } from './profile.js'
import type { load, LoadOptions, Session, SessionMemory } from './session.js'
import type { Tensor } from './tensor.js'

interface Tools {
  readonly Session: typeof Session
  readonly load: typeof load
  readonly feedReader: (header: ProgramHeader) => (feeds: Feeds) => Fed
  readonly evaluateDim: (dim: Dim, valueOf: (symbol: string) => number) => number
  readonly damaged: (field: string) => never
}

/** A part, and the numbers of the buffers that it takes and gives; `params` are what its last input holds, where it has one more than it takes. */
interface Part { readonly session: Session; readonly takes: readonly number[]; readonly gives: readonly number[]; readonly params: readonly Dim[] }

/** The tensors and the symbols that a run has so far. */
interface Trip { readonly tensors: Map<number, HostTensor>; readonly symbols: Map<string, number> }

/** A run of one part that is due. */
interface Due { readonly session: Session; readonly feeds: Feeds }

type Results = Record<string, Tensor>

/** The session of a program in parts. Throws what `load` does. */
export async function sessionOfParts<T extends Tensor>(program: ProgramData, options: LoadOptions<T>, tools: Tools): Promise<Session<T>> {
  const { header } = program, { makeTensor, ...own } = options, { maxMemory = Infinity } = options
  const { damaged } = tools
  checkMeasured(header, tools)
  const parts: Part[] = []
  for (const step of header.steps) parts.push(await openPart(program, step, own, tools))
  const sum = (of: (memory: SessionMemory) => number): number => parts.reduce((all, { session }) => all + of(session.memory), 0)

  /** Asks for the runs of the parts one after the other, and gives the results in the end. */
  function* trip({ data, symbols }: Fed): Generator<Due, Record<string, T>, Results> {
    const run: Trip = { tensors: new Map(), symbols: new Map(symbols) }
    const valueOf = (dim: Dim): number => tools.evaluateDim(dim, (name) => run.symbols.get(name) ?? NaN)
    header.inputs.forEach((port, i) => { const fed = data[i] as NumericStorage; run.tensors.set(port.buffer, ArrayBuffer.isView(fed) ? { dtype: port.dtype, shape: port.shape.map(valueOf), data: fed } : fed as never) })
    measure(header, run)
    for (const part of parts) {
      // With a limit, there is one arena at a time.
      if (maxMemory < Infinity) for (const { session } of parts) if (session !== part.session) session.trim()
      const results = yield { session: part.session, feeds: feedsOf(part, run, valueOf, tools) }
      const held = sum((m) => m.arenaBytes + m.constantBytes)
      if (held > maxMemory) throw new IngotError('out-of-memory', `these shapes need ${held} bytes, maxMemory is ${maxMemory}`, { hint: 'feed smaller inputs or raise maxMemory' })
      part.session.outputs.forEach(({ name }, i) => { run.tensors.set(part.gives[i] as number, results[name] as Tensor) })
      measure(header, run)
    }
    return Object.fromEntries(header.outputs.map(({ name, dtype, buffer }) => {
      const tensor = run.tensors.get(buffer) ?? damaged('outputs')
      return [name, (makeTensor ? makeTensor(dtype, Object.freeze([...tensor.shape]), tensor.data) : tensor) as T]
    }))
  }

  class SessionOfParts extends tools.Session<T> {
    readonly #read = tools.feedReader(header)
    #isGone = false

    override run(feeds: Feeds): Promise<Record<string, T>>
    override run(feeds: Feeds, options: RunOptions): Promise<Record<string, T | GpuTensor>>
    override async run(feeds: Feeds, options?: RunOptions): Promise<Record<string, T>> {
      if (options?.gpu) throw new IngotError('bad-option', 'a program with extents that are only known while running leaves no results on the GPU', { hint: 'read them back' })
      const going = this.#start(feeds)
      let step = going.next()
      while (!step.done) step = going.next(await step.value.session.run(step.value.feeds))
      return step.value
    }

    override runSync(feeds: Feeds): Record<string, T> {
      const going = this.#start(feeds)
      let step = going.next()
      while (!step.done) step = going.next(step.value.session.runSync(step.value.feeds))
      return step.value
    }

    #start(feeds: Feeds): ReturnType<typeof trip> {
      if (this.#isGone) throw new IngotError('session-disposed', `the session of ${header.name} was disposed of`, { hint: 'load it again' })
      return trip(this.#read(feeds))
    }

    override get memory(): SessionMemory {
      return { arenaBytes: sum((m) => m.arenaBytes), constantBytes: sum((m) => m.constantBytes), lowerBoundBytes: sum((m) => m.lowerBoundBytes) }
    }

    override get device(): object | undefined {
      return parts[0]?.session.device
    }

    override get notices(): readonly string[] {
      return [...new Set(parts.flatMap(({ session }) => session.notices))]
    }

    override startProfile(): void {
      for (const { session } of parts) session.startProfile()
    }

    override profile(): Profile {
      const profiles = parts.map(({ session }) => session.profile()), { clock = 'cpu', runs = 0 } = profiles[0] ?? {}
      return { clock, runs, ms: profiles.reduce((ms, profile) => ms + profile.ms, 0), steps: profiles.flatMap(({ steps }) => steps) }
    }

    override trim(): void {
      for (const { session } of parts) session.trim()
    }

    override dispose(): void {
      this.#isGone = true
      for (const { session } of parts) session.dispose()
    }
  }

  return new SessionOfParts(program, { sync: header.target !== 'wgsl', release() {}, bind: () => damaged('steps') }, { ...options, profile: false })
}

async function openPart({ header, sections }: ProgramData, { kernel, buffers, params }: Step, options: LoadOptions, { load, damaged }: Tools): Promise<Part> {
  const { kind, offset, bytes } = (header.kernels[kernel] as ProgramKernel).code as WgslCode
  if (kind !== 'host') damaged('kernels')
  const session = await load((sections.host as Uint8Array).subarray(offset, offset + bytes), options)
  const count = buffers.length - session.outputs.length
  if (session.inputs.length !== count + Math.min(params.length, 1)) damaged('steps')
  return { session, takes: buffers.slice(0, count), gives: buffers.slice(count), params }
}

function feedsOf({ session, takes, params }: Part, { tensors }: Trip, valueOf: (dim: Dim) => number, { damaged }: Tools): Feeds {
  const known = (dim: Dim): bigint => { const value = valueOf(dim); return Number.isSafeInteger(value) ? BigInt(value) : damaged('measured') }
  return Object.fromEntries(session.inputs.map(({ name }, i) => [name, takes[i] === undefined ? BigInt64Array.from(params, known) : tensors.get(takes[i])])) as Feeds
}

function checkMeasured({ measured = [], buffers }: ProgramHeader, { damaged }: Tools): void {
  for (const { name, buffer, index } of measured) if (typeof name !== 'string' || !/^int(32|64)$/.test(buffers[buffer]?.dtype ?? '') || !Number.isSafeInteger(index)) damaged('measured')
}

/** Gives the symbols their values whose tensors are there. */
function measure({ measured = [] }: ProgramHeader, { tensors, symbols }: Trip): void {
  for (const { name, buffer, index } of measured) {
    const tensor = symbols.has(name) ? undefined : tensors.get(buffer)
    if (tensor) symbols.set(name, Number(tensor.data[index]))
  }
}
