/**
 * Goal: of what depends on constants alone, only what costs less to make when a program is loaded is left to be made then.
 *
 *   %u = winograd_weights(w)       stays: %u has four times the bytes of w
 *   %t = transpose(w)              ⇒   %t is a constant
 *
 * A stored byte is written, sent, read and checked, about half a nanosecond of loading even from a warm disk; one that is made costs
 * a tenth to a third of that, as its few operands are in a cache. But what both could be made of has to be stored anyhow. So a result
 * is stored where it has no more bytes than the constants it is made of, or at most 4 KiB more; others run once, at load (see
 * `Prepare` in runtime/format.ts). Both take up the memory of the result for as long as a session lives.
 * Does not: touch nodes whose extents are not numbers, control flow, or results that are fused (they have no reference to ask).
 * Stage: fused; stage unchanged. Preserves bits. A policy of targets that can, so not in the default pipeline.
 */
import { elementCount, storageBytes } from '../base/dtype.js'
import { evaluateConstant } from '../ir/build.js'
import { tensorOf, type Node, type Value } from '../ir/graph.js'
import { isMadeOnce } from '../ir/once.js'
import { getOp } from '../ir/ops/index.js'
import { substitute, withoutDeadNodes } from '../ir/rewrite.js'
import type { Pass } from './pass.js'

const FREE_BYTES = 4096

export const choosePrepared: Pass = {
  name: 'choose-prepared',
  doc: 'Stores what depends on constants alone, except where making it at load costs less.',
  needs: 'fused',
  preserves: 'bits',
  run(graph) {
    const stored = new Map<Value, Value>(), there = (v: Value): Value => stored.get(v) ?? v
    for (const node of graph.nodes) {
      if (isMadeOnce(node, (v) => there(v).data !== undefined)) for (const [value, constant] of evaluated({ ...node, inputs: node.inputs.map((v) => (v === null ? null : there(v))) })) stored.set(value, constant)
    }
    return stored.size === 0 ? graph : withoutDeadNodes(substitute(graph, stored))
  },
}

/** The results of a node of constants as constants, where these are small enough to be stored. */
function evaluated({ op, inputs, attrs, outputs }: Node): readonly (readonly [Value, Value])[] {
  if (bytesOf(outputs) > bytesOf(inputs) + FREE_BYTES) return []
  const results = evaluateConstant(getOp(op), inputs, attrs, outputs.map((v) => v.type), Infinity) ?? []
  return results.map((data, i) => [outputs[i] as Value, { ...(outputs[i] as Value), data }])
}

function bytesOf(values: readonly (Value | null)[]): number {
  return [...new Set(values)].reduce((sum, v) => sum + (v === null ? 0 : storageBytes(tensorOf(v).dtype, elementCount(tensorOf(v).shape as readonly number[]))), 0)
}
