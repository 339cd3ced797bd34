/** Random inputs for a program, the same for the same numbers. */
import { DTYPES, evaluateDim, IngotError, seededTensor, type HostTensor, type ProgramData } from '../../src/index.js'
import type { RunOptions } from './messages.js'

/** Floats from -1 to 1, integers from 0 to the largest that was chosen. */
export function randomFeeds({ header }: ProgramData, { symbols, largest }: RunOptions): Record<string, HostTensor> {
  return Object.fromEntries(header.inputs.map(({ name, dtype, shape }, i) => {
    if (dtype === 'string') throw new IngotError('unsupported-dtype', `the input '${name}' is text, and this page makes numbers only`, { where: { dtype } })
    const extents = shape.map((d) => evaluateDim(d, (s) => symbols[s] ?? 1))
    const range: readonly [number, number] | undefined = ['int', 'uint'].includes(DTYPES[dtype].kind) ? [0, (largest[name] ?? 1) + 1] : undefined
    return [name, seededTensor(dtype, extents, i + 1, range)]
  }))
}
