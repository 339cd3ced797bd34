/** Runs a graph before and after a pass by the interpreter and compares. */
import { expect } from 'vitest'
import { evaluateDim } from '../../src/base/dim.js'
import { DTYPES, type HostTensor } from '../../src/base/dtype.js'
import type { Graph } from '../../src/ir/graph.js'
import { tensorOf } from '../../src/ir/graph.js'
import { seededTensor, tensorsEqual, toNumbers } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'

export interface FeedOptions {
  readonly seed?: number
  /** The value of each symbol; 3 where absent. */
  readonly symbols?: Readonly<Record<string, number>>
}

/** A seeded tensor for every input. Extents must be numbers or symbols. */
export function feedsFor(graph: Graph, { seed = 1, symbols = {} }: FeedOptions = {}): Record<string, HostTensor> {
  return Object.fromEntries(graph.inputs.map((input, i) => {
    const { dtype, shape } = tensorOf(input)
    return [input.name, seededTensor(dtype, shape.map((d) => evaluateDim(d, (s) => symbols[s] ?? 3)), seed + i)]
  }))
}

/** Expects both graphs to give the same outputs: to the bit, or floats within 1e-5 of the largest element (`rounding`). */
export function expectSameResults(before: Graph, after: Graph, keeps: 'bits' | 'rounding', options: FeedOptions = {}): void {
  const feeds = feedsFor(before, options)
  const expected = interpret(before, feeds), actual = interpret(after, feeds)
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [name, tensor] of Object.entries(expected)) {
    const other = actual[name] as HostTensor
    if (keeps === 'bits' || DTYPES[tensor.dtype].kind !== 'float') {
      expect(tensorsEqual(other, tensor), `${name}: ${tensor.data.slice(0, 8).toString()} became ${other.data.slice(0, 8).toString()}`).toBe(true)
      continue
    }
    expect({ dtype: other.dtype, shape: other.shape }).toEqual({ dtype: tensor.dtype, shape: tensor.shape })
    expect(distance(other, tensor), name).toBeLessThanOrEqual({ float16: 4e-3, bfloat16: 3e-2 }[tensor.dtype as string] ?? 1e-5)
  }
}

/** The largest difference over the largest element, or over 1 if that is less; infinite where one has a NaN and the other not. */
export function distance(a: HostTensor, b: HostTensor): number {
  const x = toNumbers(a), y = toNumbers(b)
  let peak = 1, worst = 0
  for (const n of y) if (Number.isFinite(n)) peak = Math.max(peak, Math.abs(n))
  x.forEach((n, i) => {
    const m = y[i] ?? NaN
    if (Object.is(n, m) || n === m) return
    const difference = Math.abs(n - m)
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference)
  })
  return worst / peak
}
