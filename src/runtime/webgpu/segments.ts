/** The order of events of a run: dispatches in one submit, then, where a part runs on the host, what it needs is read back. */
import type { ProgramHeader, WgslCode } from '../format.js'

/** Where the host has a value: fed, or made by the part that is step `step`. */
export type Source =
  | { readonly kind: 'feed'; readonly input: number }
  | { readonly kind: 'part'; readonly step: number; readonly output: number }
  | { readonly kind: 'device'; readonly read: number }
  | { readonly kind: 'constant' }

/** Dispatches, then reads of buffers from the device, then perhaps a part on the host. */
export interface Segment {
  readonly steps: readonly number[]
  /** Buffers of the device that the host needs after the dispatches. */
  readonly reads: readonly number[]
  readonly part?: { readonly step: number; readonly inputs: readonly Source[]; readonly outputs: readonly { readonly buffer: number; readonly upload: boolean }[] }
}

export interface Itinerary {
  readonly segments: readonly Segment[]
  /** Inputs that the device needs. */
  readonly uploads: readonly number[]
  readonly results: readonly Source[]
}

/** The segments of a program. `inputCount` says how many of a part's buffers are inputs. */
export function planSegments(header: ProgramHeader, inputCount: (step: number) => number): Itinerary {
  const { buffers, steps, kernels } = header
  const rootOf = (buffer: number): number => { const { alias } = buffers[buffer] ?? {}; return alias === undefined ? buffer : rootOf(alias) }
  const sources = new Map<number, Source>()
  header.inputs.forEach(({ buffer }, input) => sources.set(rootOf(buffer), { kind: 'feed', input }))
  const uploads = header.inputs.flatMap(({ buffer }, i) => (buffers[rootOf(buffer)]?.place === 'arena' ? [i] : []))
  const segments: Segment[] = []
  let pending: number[] = []
  const locate = (list: readonly number[]): { readonly reads: number[]; readonly found: Source[] } => {
    const reads: number[] = []
    const found = list.map((buffer): Source => {
      const known = sources.get(rootOf(buffer))
      if (known !== undefined) return known
      return buffers[rootOf(buffer)]?.place === 'constant' ? { kind: 'constant' } : { kind: 'device', read: reads.push(buffer) - 1 }
    })
    return { reads, found }
  }
  steps.forEach((step, i) => {
    const code = kernels[step.kernel]?.code as WgslCode | undefined
    if (code?.kind !== 'host') { pending.push(i); return }
    const count = inputCount(i), { reads, found } = locate(step.buffers.slice(0, count))
    const outputs = step.buffers.slice(count).map((buffer) => ({ buffer, upload: buffers[rootOf(buffer)]?.place === 'arena' }))
    segments.push({ steps: pending, reads, part: { step: i, inputs: found, outputs } })
    step.buffers.slice(count).forEach((buffer, output) => sources.set(rootOf(buffer), { kind: 'part', step: i, output }))
    pending = []
  })
  const { reads, found } = locate(header.outputs.map((o) => o.buffer))
  segments.push({ steps: pending, reads })
  return { segments, uploads, results: found }
}
