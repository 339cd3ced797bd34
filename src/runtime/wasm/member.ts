/**
 * One thread of a team: an instance of the program's module over the memory that all share, and what it does for a job. Every
 * thread runs all steps on its share; where a step is not shared, the first thread does it and the others wait.
 */

/** Offsets in words from where the team keeps what it shares. The first four are the module's own: see `codegen/wasm/sharing.ts`. */
export const MEETINGS = 0, ARRIVED = 16, SLEEPING = 32, GIVEN = 48
/** The number of jobs so far, what the last is, the threads that sleep until the next, and those that have failed. */
export const JOBS = 64, KIND = 65, RESTING = 80, FAILED = 96
/** Bytes of all of it, a cache line for each part. */
export const TEAM_BYTES = 512

/** Kinds of job: run all steps; run them one by one and take times; go back to the event loop, where a message is waiting. */
export const RUN = 0, TIME = 1, LEAVE = 2

/** The word of a step that a thread does alone and all at once, as in `calls.ts`; it is 0 where another thread does the step, plus 1 where all meet after it. */
export const ALONE = 0x20000

/** What a thread needs to know. Addresses are in bytes. */
export interface Membership {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  /** Where the team keeps what it shares. */
  readonly at: number
  /** The words of all steps for this thread: for each its word, then its arguments. */
  readonly table: number
  readonly threads: number
  readonly thread: number
  /** Milliseconds after which a thread that sleeps takes the others to be lost. */
  readonly patience: number
  /** Whether all threads are workers, so that the first one has to say when a job is done. */
  readonly report: boolean
  /** For each step its kernel's export and the number of its arguments. */
  readonly steps: readonly (readonly [string, number])[]
}

type Wasm = (...args: number[]) => void

/** A thread's part in jobs. */
export interface Member {
  /** Runs all steps. Throws where a kernel of any thread does, after the others were told. */
  run(): void
  /** The same step by step; adds the milliseconds of each to its entry. */
  time(times: Float64Array): void
}

/** The member with an instance of its module. */
export function memberOf(m: Membership, exports: WebAssembly.Exports): Member {
  const words = new Int32Array(m.memory.buffer), team = m.at / 4
  const global = (name: string): { value: number } => exports[name] as WebAssembly.Global<'i32'>
  const kernels = m.steps.map(([name]) => exports[name] as Wasm), meet = exports['share.meet'] as Wasm, steps = exports['steps.share'] as Wasm
  const draws = global('share.draws')
  global('share.at').value = m.at
  global('share.threads').value = m.threads
  // Modules of earlier compilers wait for ever.
  if (exports['share.patience'] !== undefined) global('share.patience').value = m.patience
  const guarded = (job: () => void): void => {
    try {
      job()
    } catch (cause) {
      // Whoever waits for this thread is let go, and fails too.
      draws.value = 0
      Atomics.store(words, team + MEETINGS, -1)
      Atomics.notify(words, team + MEETINGS)
      throw cause
    }
  }
  const timeSteps = (times: Float64Array): void => {
    let at = m.table / 4
    kernels.forEach((kernel, i) => {
      const start = performance.now(), word = words[at] as number, end = at + 1 + (m.steps[i]?.[1] ?? 0)
      draws.value = (word >> 1) % (ALONE / 2)
      if (word > 1) kernel(...words.subarray(at + 1, end))
      draws.value = 0
      meet()
      times[i] = (times[i] as number) + performance.now() - start
      at = end
    })
  }
  return { run: () => guarded(() => steps(m.table)), time: (times) => guarded(() => timeSteps(times)) }
}
