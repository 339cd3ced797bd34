/**
 * The `wasm` target with several threads: every thread runs all steps on its share, over one shared memory. Where the calling thread may
 * wait it is one of them; a page's main thread must not, and waits for a message from workers that do it all. A run for which the workers
 * are not there yet, or in which a kernel fails, is done by the calling thread alone: results and errors are the same.
 */
import { IngotError } from '../../base/error.js'
import type { BoundCalls } from '../calls.js'
import type { NumericStorage } from '../feeds.js'
import type { ProgramData, ProgramHeader } from '../format.js'
import type { Binding, Host } from '../host.js'
import type { Layout } from '../layout.js'
import type { HostTools, WasmMemory } from './host.js'
import { prepareAll } from '../prepare.js'
import { ALONE, memberOf, RUN, TEAM_BYTES, TIME, type Member, type Membership } from './member.js'
import { withSharedMemory } from './shared-import.js'
import { mayWait, threadStarter, whyNoSharing } from './start-thread.js'
import { Team, workerLost } from './team.js'

/** Most threads of a session. */
const MOST = 64
/** A step's parts are divided into so many draws for each thread. */
const DRAWS = 8
/** Estimated microseconds below which a step is not shared: meeting and moving data to another core cost about as much. */
const WORTH_MICROSECONDS = 8
/** Milliseconds without a sign of other threads after which they are taken to be lost. */
const PATIENCE = 30_000
/** What one thread does at least in a microsecond, for the estimate. */
const FLOPS = 20_000, BYTES = 10_000

/** A host with `threads` threads; where they cannot be had, one with one thread and a notice. Steps that take less than `worth` microseconds are not shared. */
export async function threadedHost(program: ProgramData, threads: number, tools: HostTools, worth = WORTH_MICROSECONDS, patience = PATIENCE): Promise<Host> {
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST) throw new IngotError('bad-option', `threads is ${threads}; it must be an integer from 1 to ${MOST}`)
  if (program.header.target !== 'wasm') throw new IngotError('bad-option', `the ${program.header.target} target has one thread, not ${threads}`, { hint: 'compile the model for wasm' })
  const starter = await threadStarter(), missing = whyNoSharing() ?? (starter === undefined ? 'there are no workers here' : undefined)
  if (missing !== undefined || starter === undefined) return { ...(await tools.wasmHost(program)), notices: [warn(`one thread is used and not ${threads}: ${missing}`)] }
  const code = withSharedMemory(tools.codeFor(program))
  if (code === undefined) throw new IngotError('target-unavailable', `the artefact of ${program.header.name} was compiled before there were threads`, { hint: 'compile the model again, or load it with threads: 1' })
  return new ThreadedHost(program, await tools.compileModule(code), threads, { worth, patience }, tools, new Team(mayWait() ? threads - 1 : threads, starter))
}

function warn(notice: string): string {
  console.warn(`ingot: ${notice}`)
  return notice
}

/** Ends the workers of hosts that are forgotten without `dispose`. */
const FORGOTTEN = new FinalizationRegistry<Team>((team) => team.end(undefined))

/** Memory with the team's place and the tables behind the words of the calling thread alone. */
interface TeamMemory extends WasmMemory { readonly lead: number; readonly follow: number; readonly at: number; member: Member | undefined }

class ThreadedHost implements Host {
  readonly sync = true
  readonly threads: number
  readonly notices: string[] = []
  readonly #header: ProgramHeader
  readonly #module: WebAssembly.Module
  readonly #worth: number
  readonly #patience: number
  readonly #tools: HostTools
  readonly #team: Team
  readonly #waits = mayWait()
  /** Until the first memory there is. */
  #program: ProgramData | undefined
  /** What lives as long as the session, in the memory where there is one. */
  #kept: Uint8Array
  #memory: TeamMemory | undefined
  /** The memory that the workers are enrolled for, and the binding whose words stand in it. */
  #enrolled: TeamMemory | undefined
  #written: unknown
  #tail: Promise<unknown> = Promise.resolve()
  #busy = false

  constructor(program: ProgramData, module: WebAssembly.Module, threads: number, { worth, patience }: { readonly worth: number; readonly patience: number }, tools: HostTools, team: Team) {
    this.#header = program.header
    this.#program = program
    this.#kept = new Uint8Array(0)
    this.#module = module
    this.threads = threads
    this.#worth = worth
    this.#patience = patience
    this.#tools = tools
    this.#team = team
    FORGOTTEN.register(this, team, this)
  }

  release(grows: boolean): void {
    this.#team.dismiss()
    if (!grows && this.#memory !== undefined) this.#kept = this.#kept.slice()
    this.#memory = this.#enrolled = undefined
  }

  dispose(): void {
    FORGOTTEN.unregister(this)
    this.#team.end(new IngotError('session-disposed', `the session of ${this.#header.name} was disposed of while it ran`))
  }

  turn<T>(job: () => T | Promise<T>): Promise<T> {
    const turn = this.#tail.then(job)
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  bind(layout: Layout): Binding {
    const header = this.#header
    const memory = (this.#memory ??= this.#allocate(layout.arenaBytes))
    const calls = this.#tools.bindCalls(header, layout, memory), shared = header.steps.map((_, i) => this.#isShared(layout, i))
    const words = shared.includes(true) ? this.#wordsOf(calls, shared) : undefined
    return {
      run: (feeds, times, sync) => {
        if (this.#busy) throw new IngotError('target-unavailable', 'another run of this session is under way', { hint: 'await it first' })
        const alone = (): NumericStorage[] => { calls.copyIn(feeds); calls.run(times); return calls.results() }
        if (words === undefined) return alone()
        const start = (): NumericStorage[] | Promise<NumericStorage[]> => (this.#team.ready && this.#enrolled === memory ? this.#together(memory, calls, words, feeds, times, alone) : alone())
        if (this.#enrolled !== memory) this.#enrol(memory)
        if (sync === true && !this.#waits) this.#notice('runSync has one thread, because the main thread of a page must not wait for others: await run() instead')
        if (sync === true) return this.#team.ready && this.#waits ? start() : alone()
        return this.#team.ready ? start() : this.#untilReady().then(start)
      },
    }
  }

  async #untilReady(): Promise<void> {
    try {
      while (!this.#team.ready) await this.#team.next()
    } catch (cause) {
      if (cause instanceof IngotError && cause.code === 'session-disposed') throw cause
      this.#notice(`one thread is used and not ${this.threads}: ${cause}`)
    }
  }

  #notice(text: string): void {
    if (!this.notices.includes(text)) this.notices.push(warn(text))
  }

  #allocate(arenaBytes: number): TeamMemory {
    const { wordCount, memoryOf, wasmMemory, keptBytes } = this.#tools, program = this.#program, kept = this.#kept, keptLength = program === undefined ? kept.length : keptBytes(program)
    const table = 64 * Math.ceil(wordCount(this.#header) / 16), extraBytes = 3 * table + TEAM_BYTES
    const own = memoryOf(keptLength + arenaBytes + extraBytes + 128, true)
    const memory = wasmMemory(own, keptLength, this.#module, this.#header, arenaBytes, extraBytes), { behind } = memory
    this.#kept = new Uint8Array(own.buffer, 0, keptLength)
    if (program === undefined) this.#kept.set(kept)
    else prepareAll(program, memory, this.#tools)
    this.#program = undefined
    return { ...memory, lead: behind + table, follow: behind + 2 * table, at: behind + 3 * table, member: undefined }
  }

  #enrol(memory: TeamMemory): void {
    this.#enrolled = memory
    this.#written = undefined
    const header = this.#header
    const membership = (thread: number): Membership => ({
      module: this.#module, memory: memory.memory, at: memory.at, table: thread === 0 ? memory.lead : memory.follow, threads: this.threads, thread, patience: this.#patience, report: !this.#waits,
      steps: header.steps.map(({ kernel, buffers, params }) => [header.kernels[kernel]?.code as string, buffers.length + params.length]),
    })
    if (this.#waits) memory.member = memberOf(membership(0), memory.exports)
    this.#team.enrol(Array.from({ length: this.#waits ? this.threads - 1 : this.threads }, (_, i) => membership(this.#waits ? i + 1 : i)))
  }

  /** Whether threads share step `i`: where its kernel can be, and it takes long enough. */
  #isShared({ buffers, valueOf }: Layout, i: number): boolean {
    const header = this.#header, step = header.steps[i]
    if (step === undefined || header.kernels[step.kernel]?.shared !== true) return false
    const bytes = step.buffers.reduce((sum, b) => sum + (buffers[b]?.bytes ?? 0), 0)
    return valueOf(step.flops ?? 0) / FLOPS + bytes / BYTES >= this.#worth
  }

  /** The words of the first thread and of the others. All meet where one needs what others did: after a shared step, and before one. */
  #wordsOf({ args }: BoundCalls, shared: readonly boolean[]): { readonly lead: readonly number[]; readonly follow: readonly number[] } {
    const draws = 2 * this.threads * DRAWS
    const wordsFor = (alone: number): number[] => args.flatMap((own, i) => [(shared[i] === true ? draws : alone) + (shared[i] === true || shared[i + 1] === true || i + 1 === args.length ? 1 : 0), ...(own as readonly number[])])
    return { lead: wordsFor(ALONE), follow: wordsFor(0) }
  }

  #together(memory: TeamMemory, calls: BoundCalls, words: { readonly lead: readonly number[]; readonly follow: readonly number[] }, feeds: readonly NumericStorage[], times: Float64Array | null, alone: () => NumericStorage[]): NumericStorage[] | Promise<NumericStorage[]> {
    if (this.#written !== words) {
      new Int32Array(memory.memory.buffer, memory.lead).set(words.lead)
      new Int32Array(memory.memory.buffer, memory.follow).set(words.follow)
      this.#written = words
    }
    calls.copyIn(feeds)
    this.#team.post(times === null ? RUN : TIME)
    if (!this.#waits) return this.#report(calls, times, alone)
    try {
      if (times === null) memory.member?.run()
      else memory.member?.time(times)
    } catch {
      // The same again in one thread says what is wrong.
      this.#team.recover(this.#patience)
      return alone()
    }
    return calls.results()
  }

  async #report(calls: BoundCalls, times: Float64Array | null, alone: () => NumericStorage[]): Promise<NumericStorage[]> {
    this.#busy = true
    try {
      const report = await this.#team.next()
      if (report.kind === 'failed') this.#team.recover(this.#patience)
      else {
        if (report.kind === 'done') report.times?.forEach((ms, i) => { if (times !== null) times[i] = (times[i] as number) + ms })
        return calls.results()
      }
    } catch (cause) {
      throw cause instanceof IngotError ? cause : workerLost(cause)
    } finally {
      this.#busy = false
    }
    return alone()
  }
}
