/** What fusing costs, derived from op records: how dear an elementwise op is, and how often a reduction reads an element. */
import { visitSymbols } from '../base/dim.js'
import { DTYPES, type DType } from '../base/dtype.js'
import { product, sub, type Dim } from '../ir/dims.js'
import { tensorOf, type Attrs, type Node, type Value } from '../ir/graph.js'
import type { Compute, ComputeContext, Stage } from '../ir/kernel/compute.js'
import { local, REGISTER, type Expr } from '../ir/kernel/expr.js'
import { operandsOf } from '../ir/kernel/walk.js'
import { getOp } from '../ir/ops/index.js'

const DEAR = 16
/** Costs in additions; measured ratios vary by target, the order does not. */
const UNARY_COST: Readonly<Record<string, number>> = {
  neg: 1, abs: 1, not: 1, bitnot: 1, floor: 1, ceil: 1, trunc: 1, round: 1, sign: 2, isnan: 1, isinf: 1, sqrt: 4, rsqrt: 4, recip: 4,
}
const BINARY_COST: Readonly<Record<string, number>> = { div: 4, rem: 4, mod: 4, pow: DEAR, atan2: DEAR }

/** The cost of one element of an elementwise node: additions and the like 1, divisions and roots 4, transcendental functions 16. Infinite where the op has no scalar body for these types. */
export function elementwiseCost(node: Node): number {
  const op = getOp(node.op)
  const output = node.outputs[0]
  if (op.scalar === undefined || output === undefined) return Infinity
  const inputs = node.inputs.map((v, i) => local(`x${i}`, v === null ? 'f32' : REGISTER[tensorOf(v).dtype]))
  return exprCost(op.scalar(inputs, node.attrs, tensorOf(output).dtype))
}

function exprCost(e: Expr): number {
  switch (e.kind) {
    case 'const': case 'index': case 'load': case 'local': return 0
    case 'unary': return (UNARY_COST[e.op] ?? DEAR) + exprCost(e.x)
    case 'binary': return (BINARY_COST[e.op] ?? 1) + exprCost(e.a) + exprCost(e.b)
    case 'select': return 1 + exprCost(e.condition) + exprCost(e.a) + exprCost(e.b)
    default: return operandsOf(e).reduce((cost, x) => cost + exprCost(x), 1)
  }
}

/** True where the result has at most half as many elements again as the input: a pad, a slice, a transpose. False where that is not known. */
export function growsLittle(from: readonly Dim[], to: readonly Dim[]): boolean {
  const before = product(from), after = product(to)
  if (sub(before, after) === 0) return true
  return typeof before === 'number' && typeof after === 'number' && after <= 1.5 * before
}

/**
 * How often a reduction's kernel reads one element of its first input: the number of stages and expressions that load it;
 * an index that mixes axes (a sliding window) counts four times.
 */
export function readsPerElement(node: Node): number {
  return Math.max(1, readsOf(computeOf(node), 'x0').reduce((sum, index) => sum + (index.some(mixesNames) ? 4 : 1), 0))
}

/** The index of every load of a buffer. */
export function readsOf(compute: Compute, from: string): readonly (readonly Dim[])[] {
  const reads: (readonly Dim[])[] = []
  for (const stage of compute.stages) for (const e of expressionsOf(stage)) visitLoads(e, (buffer, index) => { if (buffer === from) reads.push(index) })
  return reads
}

/** A node's compute, with its inputs in buffers `x0`, `x1`… and its outputs in `y0`, `y1`…; one without stages where its op has none. */
export function computeOf(node: Node): Compute {
  const op = getOp(node.op)
  if (op.compute === undefined) return { name: node.op, buffers: [], axes: [], stages: [] }
  const buffer = (role: 'in' | 'out', letter: string) => (v: Value | null, i: number): ComputeContext<Attrs>['buffers'] =>
    v === null ? [] : [{ name: `${letter}${i}`, dtype: tensorOf(v).dtype, shape: tensorOf(v).shape, role }]
  return op.compute({
    inputs: node.inputs.map((v) => (v === null ? null : tensorOf(v))),
    outputs: node.outputs.map(tensorOf),
    attrs: node.attrs,
    values: node.inputs,
    buffers: [...node.inputs.flatMap(buffer('in', 'x')), ...node.outputs.flatMap(buffer('out', 'y'))],
  })
}

function expressionsOf(stage: Stage): Expr[] {
  const lets = stage.lets.map((l) => l.value)
  switch (stage.kind) {
    case 'reduce': return [...lets, ...stage.accumulators.map((a) => a.value)]
    case 'store': return [...lets, stage.value]
    case 'let': return lets
  }
}

function visitLoads(e: Expr, visit: (buffer: string, index: readonly Dim[]) => void): void {
  if (e.kind === 'load') visit(e.buffer, e.index)
  else for (const x of operandsOf(e)) visitLoads(x, visit)
}

function mixesNames(index: Dim): boolean {
  const names = new Set<string>()
  visitSymbols(index, (name) => names.add(name))
  return names.size > 1
}

/** True for a dtype whose elements kernels load and store one by one. */
export const hasKernels = (dtype: DType): boolean => DTYPES[dtype].bits >= 8 && dtype !== 'string' && !dtype.startsWith('float8')
