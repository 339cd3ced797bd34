/** Runs a program on its target, a few times, and tells what it cost. */
import { load, printShape, toNumbers, type HostTensor, type Session } from '../../src/index.js'
import { failureOf } from './failure.js'
import type { KernelTime, OutputInfo, RunInfo, RunOptions, StepTime } from './messages.js'

/** Runs whose steps are timed, after those that are timed whole. */
const PROFILED = 3

export interface TargetRun { readonly info: RunInfo; readonly outputs: Readonly<Record<string, HostTensor>> | null }

/** One line of the results; what fails is told in it. */
export async function timedRun(target: string, bytes: Uint8Array, feeds: Readonly<Record<string, HostTensor>>, { runs, threads }: RunOptions): Promise<TargetRun> {
  let session: Session | undefined
  try {
    const start = performance.now()
    session = await load(bytes, target === 'wasm' ? { threads } : {})
    const loaded = performance.now(), outputs = await session.run(feeds), first = performance.now()
    const times: number[] = []
    for (let i = 0; i < runs; i++) {
      const before = performance.now()
      await session.run(feeds)
      times.push(performance.now() - before)
    }
    session.startProfile()
    for (let i = 0; i < PROFILED; i++) await session.run(feeds)
    return { outputs, info: { kind: 'ran', target, loadMs: loaded - start, firstMs: first - loaded, medianMs: median(times), runs, outputs: Object.entries(outputs).map(([name, t]) => summary(name, t)), ...profileOf(session), notices: [...session.notices], arenaBytes: session.memory.arenaBytes } }
  } catch (error) {
    return { info: { kind: 'failed', target, failure: failureOf(error) }, outputs: null }
  } finally {
    session?.dispose()
  }
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0
}

function summary(name: string, tensor: HostTensor): OutputInfo {
  const numbers = toNumbers(tensor)
  let low = Infinity, high = -Infinity
  for (const n of numbers) { low = Math.min(low, n); high = Math.max(high, n) }
  const first = Array.from(numbers.subarray(0, 4), (n) => String(Number(n.toPrecision(5)))).join(', ')
  return { name, dtype: tensor.dtype, shape: printShape(tensor.shape), low, high, first: numbers.length > 4 ? `${first}, …` : first }
}

function profileOf(session: Session): { readonly kernels: readonly KernelTime[]; readonly steps: readonly StepTime[] } {
  const { steps } = session.profile(), kernels = new Map<string, KernelTime>()
  const lines = steps.map(({ kernel, origin, ms: all, flops }): StepTime => {
    const ms = all / PROFILED, sum = kernels.get(kernel)
    kernels.set(kernel, { kernel, calls: (sum?.calls ?? 0) + 1, ms: (sum?.ms ?? 0) + ms })
    return { kernel, origin, ms, gflops: flops === undefined || ms === 0 ? null : flops / ms / 1e6 }
  })
  return { kernels: [...kernels.values()].sort((a, b) => b.ms - a.ms), steps: lines }
}
