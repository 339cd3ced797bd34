/** Compiles a graph once and compares the program with the interpreter at several values of its symbols. */
import { expect } from 'vitest'
import { evaluateDim } from '../../src/base/dim.js'
import { DTYPES, type HostTensor } from '../../src/base/dtype.js'
import { compile } from '../../src/compile.js'
import { tensorOf, type Graph } from '../../src/ir/graph.js'
import { seededTensor, tensorsEqual } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { printGraph } from '../../src/ir/print.js'
import type { Target } from '../../src/runtime/format.js'
import { load } from '../../src/runtime/session.js'
import { distance } from '../passes/same-results.js'

export type Symbols = Readonly<Record<string, number>>

/** A seeded tensor for every input; integers are small, so that they can be indices too. */
export function feedsAt(graph: Graph, symbols: Symbols, seed = 1): Record<string, HostTensor> {
  return Object.fromEntries(graph.inputs.map((input, i) => {
    const { dtype, shape } = tensorOf(input)
    return [input.name, seededTensor(dtype, shape.map((d) => evaluateDim(d, (s) => symbols[s] ?? 1)), seed + i)]
  }))
}

/** Rounding that reordered sums may bring, of the largest element; 16-bit floats round at every store. */
const ROUNDING: Readonly<Record<string, number>> = { float16: 8e-3, bfloat16: 6e-2, float64: 1e-12 }

/** Expects the program that `graph` compiles to on `target` to give the interpreter's results: integers and bools to the bit, floats but for rounding. */
export async function expectSameOnTarget(graph: Graph, target: Target, bindings: readonly Symbols[], options: { readonly seed?: number; readonly bits?: boolean; readonly passes?: readonly string[] } = {}): Promise<void> {
  const program = await compile(graph, { target, verify: true, ...(options.passes !== undefined && { passes: options.passes }) })
  const session = await load(program.data)
  for (const symbols of bindings) {
    const feeds = feedsAt(graph, symbols, options.seed)
    const expected = interpret(graph, feeds), actual = session.runSync(feeds)
    expect(Object.keys(actual)).toEqual(Object.keys(expected))
    for (const [name, e] of Object.entries(expected)) {
      const a = actual[name] as HostTensor
      const where = (): string => `${target} ${name} at ${JSON.stringify(symbols)}: ${a.dtype}[${a.shape.join()}] ${a.data.slice(0, 6).toString()} for ${e.data.slice(0, 6).toString()} in\n${printGraph(graph, { weights: 'short' })}`
      expect({ dtype: a.dtype, shape: a.shape }, where()).toEqual({ dtype: e.dtype, shape: e.shape })
      if (options.bits === true || DTYPES[e.dtype].kind !== 'float') expect(tensorsEqual(a, e), where()).toBe(true)
      else expect(distance(a, e), where()).toBeLessThanOrEqual(ROUNDING[e.dtype] ?? 2e-5)
    }
  }
  session.dispose()
}
