/**
 * Recurrences on a GPU: a workgroup for each direction of each sequence, its invocations share the units of a step, and states
 * are in shared memory. Steps stay in order: each waits for all units of the one before.
 */
import { mod, mul } from '../dims.js'
import { binary, indexValue } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { kernelAround, operandOf, type Site } from './recurrence-kernel.js'

/** Bytes of shared memory and invocations of a workgroup that every device has. */
const SHARED_BYTES = 16384, MOST = 256, LEAST = 32

/** True where `states` of a sequence fit in shared memory, and no lengths that are read make steps of a number that a shader does not know to be the same for all. */
export function fitsGroup(site: Site, states: number): boolean {
  return site.type === 'f32' && site.layout.batch !== 0 && operandOf(site, 4) == null && 4 * states * site.layout.hidden <= SHARED_BYTES
}

/** The kernel of sequences written by `sequence` for each direction, with `states` in shared memory. */
export function groupKernel(site: Site, states: readonly string[], sequence: (d: number) => readonly Stmt[]): Kernel {
  const { layout: { hidden, batch, directions } } = site, threads = Math.min(MOST, Math.max(LEAST, 2 ** Math.ceil(Math.log2(hidden))))
  const bodies = directions.map((_, d) => shared(sequence(d), threads)), [first, second] = bodies as [readonly Stmt[], (readonly Stmt[])?]
  const body: readonly Stmt[] = second === undefined ? first : [{ kind: 'if', condition: binary('lt', indexValue('sequence'), indexValue(batch)), then: first, else: second }]
  const kernel = kernelAround(site, [], [{ kind: 'for', variable: 'sequence', lo: 0, hi: mul(directions.length, batch), step: 1, parallel: true, body: [
    { kind: 'index', name: 'n', value: second === undefined ? 'sequence' : mod('sequence', batch) },
    { kind: 'for', variable: 'unit', lo: 0, hi: threads, step: 1, local: true, body },
  ] }])
  return { ...kernel, shared: states.map((name) => ({ name, dtype: 'float32', length: hidden })) }
}

/** `body` with its loops over units shared among invocations, each of which waits for the others after them. */
function shared(body: readonly Stmt[], threads: number): readonly Stmt[] {
  return body.flatMap((s): readonly Stmt[] => {
    if (s.kind !== 'for') return [s]
    return s.parallel === true ? [{ kind: 'for', variable: s.variable, lo: 'unit', hi: s.hi, step: threads, body: s.body }, { kind: 'barrier' }] : [{ ...s, body: shared(s.body, threads) }]
  })
}
