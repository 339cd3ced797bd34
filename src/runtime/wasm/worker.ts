/** A worker of a team: waits for jobs in shared memory and does its part of them. Between memories it waits for a message, which enrols it for another. */
import { FAILED, JOBS, KIND, LEAVE, MEETINGS, memberOf, RESTING, TIME, type Membership } from './member.js'

/** What a worker says: it is ready for jobs; a job is done, with times where they were taken; all threads have failed in it. */
export type Report = { readonly kind: 'ready'; readonly enrolment: number } | { readonly kind: 'done'; readonly times: Float64Array | null } | { readonly kind: 'failed' }

/** A number for what is to be answered with it when ready, and what the worker has to know. */
export interface Enrolment { readonly enrolment: number; readonly membership: Membership }

interface Port { postMessage(report: Report): void }
interface NodePort extends Port { on(event: 'message', listener: (data: Enrolment) => void): void }
interface PagePort extends Port { addEventListener(event: 'message', listener: (event: { readonly data: Enrolment }) => void): void }

/** Looks for a job before the worker sleeps: some tens of microseconds. */
const LOOKS = 20_000

/** Tells the others that this worker ends, whether they wait for it in a job or not. */
let giveUp = (): void => undefined

function serve({ enrolment, membership: m }: Enrolment, port: Port): void {
  const words = new Int32Array(m.memory.buffer), team = m.at / 4
  const member = memberOf(m, new WebAssembly.Instance(m.module, { env: { memory: m.memory } }).exports)
  giveUp = () => {
    Atomics.store(words, team + MEETINGS, -1)
    Atomics.notify(words, team + MEETINGS)
    Atomics.add(words, team + FAILED, 1)
    Atomics.notify(words, team + FAILED)
  }
  // It may be told to leave before it is here.
  let seen = 0
  port.postMessage({ kind: 'ready', enrolment })
  for (;;) {
    for (let look = 0; look < LOOKS && Atomics.load(words, team + JOBS) === seen;) look++
    while (Atomics.load(words, team + JOBS) === seen) {
      Atomics.add(words, team + RESTING, 1)
      Atomics.wait(words, team + JOBS, seen)
      Atomics.sub(words, team + RESTING, 1)
    }
    seen = Atomics.load(words, team + JOBS)
    const kind = Atomics.load(words, team + KIND)
    if (kind === LEAVE) return
    const times = kind === TIME ? new Float64Array(m.steps.length) : null
    try {
      if (times === null) member.run()
      else member.time(times)
      if (m.report && m.thread === 0) port.postMessage({ kind: 'done', times })
    } catch {
      const failed = Atomics.add(words, team + FAILED, 1) + 1
      Atomics.notify(words, team + FAILED)
      if (m.report && failed === m.threads) port.postMessage({ kind: 'failed' })
    }
  }
}

if (typeof process === 'object' && process?.versions?.node) {
  // The name stands in a variable so that bundlers for browsers do not look for the module.
  const name = 'node:worker_threads'
  // Bundlers make workers in a format that cannot wait at its top level.
  void (import(/* webpackIgnore: true */ /* @vite-ignore */ name) as Promise<{ readonly parentPort: NodePort }>).then(({ parentPort: port }) => { port.on('message', (data) => serve(data, port)) })
  process.on('exit', () => giveUp())
} else {
  const port = globalThis as unknown as PagePort
  port.addEventListener('message', ({ data }) => serve(data, port))
}
