/** The workers of a session: started at the first job that wants them, given each memory that jobs work in, ended with the session. */
import { IngotError } from '../../base/error.js'
import { FAILED, JOBS, KIND, LEAVE, RESTING, type Membership } from './member.js'
import type { Enrolment, Report } from './worker.js'

/** A worker of Node or of a browser. */
export interface Thread {
  post(enrolment: Enrolment): void
  /** Whether it keeps the process alive, where that is a question. */
  hold(alive: boolean): void
  end(): void
}

/** Starts a worker; what it says goes to `hear`, that it cannot be or is no more to `fail`. */
export type StartThread = (hear: (report: Report) => void, fail: (cause: unknown) => void) => Thread

export const workerLost = (cause?: unknown): IngotError => new IngotError('worker-lost', 'a worker that shared the run is gone or does not answer', { hint: 'run again: one thread does it all from now on', cause })

type Task = { readonly resolve: (report: Report) => void; readonly reject: (cause: unknown) => void }

export class Team {
  readonly #start: StartThread
  readonly #size: number
  readonly #threads: Thread[] = []
  /** Counts memories, so that a worker that is late for the last one is not taken to be ready for this. */
  #enrolled = 0
  #ready = 0
  #words: Int32Array | null = null
  #at = 0
  #waiting: Task | null = null
  #lost: unknown = null

  /** A team of `size` workers that `start` makes. */
  constructor(size: number, start: StartThread) {
    this.#size = size
    this.#start = start
  }

  /** Why there is no team any more; null while there is one, or may be. */
  get lost(): unknown { return this.#lost }

  /** Whether all workers wait for jobs in the memory that they were enrolled for last. */
  get ready(): boolean { return this.#lost === null && this.#words !== null && this.#ready === this.#size }

  /** Lets workers (those of index 0 and on) take jobs in a memory; they start where there are none. */
  enrol(memberships: readonly Membership[]): void {
    this.dismiss()
    const [first] = memberships
    if (first === undefined || this.#lost !== null) return
    this.#words = new Int32Array(first.memory.buffer)
    this.#at = first.at / 4
    const enrolment = ++this.#enrolled
    this.#ready = 0
    memberships.forEach((membership, i) => {
      const thread = (this.#threads[i] ??= this.#start((report) => this.#hear(report), (cause) => this.#lose(cause)))
      thread.hold(true)
      thread.post({ enrolment, membership })
    })
  }

  /** Lets workers go from the memory they are in, so that it can be freed. */
  dismiss(): void {
    if (this.#words !== null && this.#lost === null) this.post(LEAVE)
    this.#words = null
  }

  /** Resolves with the next thing that matters: all are ready, a job is done or has failed. Rejects where the team is lost. */
  next(): Promise<Report> {
    if (this.#lost !== null) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => { this.#waiting = { resolve, reject } })
  }

  /** Gives all workers a job. */
  post(kind: number): void {
    const words = this.#words as Int32Array
    Atomics.store(words, this.#at + KIND, kind)
    Atomics.add(words, this.#at + JOBS, 1)
    if (Atomics.load(words, this.#at + RESTING) > 0) Atomics.notify(words, this.#at + JOBS)
  }

  /** After a failed job: waits until all workers have failed too, if they have not said so, and makes the team as new. Throws `worker-lost` and ends the team where one does not within `patience` milliseconds: it is no more, or still at work in the memory. */
  recover(patience: number): void {
    const words = this.#words as Int32Array
    for (let failed = 0; (failed = Atomics.load(words, this.#at + FAILED)) < this.#size;) {
      if (Atomics.wait(words, this.#at + FAILED, failed, patience) !== 'timed-out') continue
      this.#lose(workerLost())
      throw this.#lost
    }
    words.fill(0, this.#at, this.#at + JOBS)
    Atomics.store(words, this.#at + FAILED, 0)
  }

  /** Ends all workers. */
  end(cause: unknown): void {
    this.#lose(cause)
  }

  #hear(report: Report): void {
    if (report.kind === 'ready') {
      if (report.enrolment !== this.#enrolled || ++this.#ready < this.#size) return
      for (const thread of this.#threads) thread.hold(false)
    }
    this.#settle((task) => task.resolve(report))
  }

  #lose(cause: unknown): void {
    this.#lost ??= cause ?? new IngotError('internal', 'a worker ended')
    for (const thread of this.#threads.splice(0)) thread.end()
    this.#words = null
    this.#settle((task) => task.reject(this.#lost))
  }

  #settle(how: (task: Task) => void): void {
    const task = this.#waiting
    this.#waiting = null
    if (task !== null) how(task)
  }
}
