/**
 * Precision `f16`: which tensors lie in memory as 16-bit floats. Kernels compute in f32 all the same, so that only what passes from one to
 * the next is rounded, and half as many bytes move. What callers feed and get keeps its dtype; so does what a kernel reads back of its own
 * results (sums must not be rounded term by term), what the host takes part in, and kernels of so many tensors that these share a binding.
 */
import { tensorOf, type Graph, type Value } from '../../ir/graph.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import { exprsOf, visitExprs, visitStmts } from '../../ir/kernel/walk.js'
import type { Lowered, LoweredStep } from '../lower.js'
import { MOST_BUFFERS } from './pool-bindings.js'

/** Values that are stored as float16: float32 and float16 ones, weights among them. */
export function chooseHalf(graph: Graph, { kernels, steps }: Lowered): ReadonlySet<Value> {
  const roots = new Map<Value, Value>(), rootOf = (value: Value): Value => roots.get(value) ?? value
  for (const s of steps) if (s.kind === 'alias') roots.set(s.value, rootOf(s.of))
  const seen = new Set<Value>(), kept = new Set<Value>()
  const keep = (value: Value): void => { if (tensorOf(value).dtype !== 'float16') kept.add(rootOf(value)) }
  for (const v of [...graph.inputs, ...graph.outputs.map((o) => o.value)]) { seen.add(v); keep(v) }
  const rereads = kernels.map(({ kernel, plain = kernel }) => new Set([...readBack(kernel), ...readBack(plain)]))
  for (const s of steps) {
    for (const v of valuesOf(s)) seen.add(v)
    if (s.kind === 'host') [...s.inputs, ...s.outputs].forEach(keep)
    else if (s.kind === 'call') s.buffers.forEach((b, i) => {
      if (b.kind === 'value' && (s.buffers.length >= MOST_BUFFERS || rereads[s.kernel]?.has(kernels[s.kernel]?.kernel.buffers[i]?.name ?? ''))) kept.add(rootOf(b.value))
    })
  }
  const isHalf = (value: Value): boolean => {
    const { dtype } = tensorOf(value), root = rootOf(value)
    return (dtype === 'float32' || dtype === 'float16') && !kept.has(root) && (root.data === undefined || root.data.data.length > 1)
  }
  return new Set([...seen].filter(isHalf))
}

function valuesOf(s: LoweredStep): readonly Value[] {
  switch (s.kind) {
    case 'alias': return [s.value, s.of]
    case 'host': return [...s.inputs, ...s.outputs]
    case 'call': return s.buffers.flatMap((b) => (b.kind === 'value' ? [b.value] : []))
  }
}

/** Results of a kernel that it also reads. */
function readBack({ buffers, body }: Kernel): ReadonlySet<string> {
  const written = new Set(buffers.filter((b) => b.role !== 'in').map((b) => b.name)), found = new Set<string>()
  visitStmts(body, (s) => visitExprs(exprsOf(s), (e) => { if (e.kind === 'load' && written.has(e.buffer)) found.add(e.buffer) }))
  return found
}

/** The greatest finite float16: weights beyond it, which stand for infinity in masks, become it. */
export const HALF_MAX = 65504
