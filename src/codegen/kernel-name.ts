/** Names of kernels: an address made of the ops and the extents, `matmul_relu_64x32x64`, and the count of their operations. */
import { evaluateDim } from '../base/dim.js'
import { add, mul, type Dim } from '../ir/dims.js'
import type { Axis, Compute } from '../ir/kernel/compute.js'
import type { Expr } from '../ir/kernel/expr.js'
import { operandsOf } from '../ir/kernel/walk.js'

const LONGEST_CHAIN = 4

/** Ops joined by `_` (long chains shortened), then the extents of the outer and reduced axes. */
export function kernelName(ops: readonly string[], compute: Compute | undefined, symbolName: (param: string) => string): string {
  const chain = ops.length <= LONGEST_CHAIN ? ops.join('_') : `${ops.slice(0, LONGEST_CHAIN - 1).join('_')}_and_${ops.length - LONGEST_CHAIN + 1}_more`
  const reduce = compute?.stages.find((s) => s.kind === 'reduce')
  const axes = compute === undefined ? [] : [...compute.axes, ...(reduce?.kind === 'reduce' ? reduce.axes : [])]
  const extents = axes.map((a) => extentText(longest(a), symbolName)).filter((t) => t !== '1')
  return extents.length === 0 ? chain : `${chain}_${extents.join('x')}`
}

function extentText(d: Dim, symbolName: (param: string) => string): string {
  if (typeof d === 'number') return String(d)
  if (typeof d === 'string') return symbolName(d).replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '') || 'n'
  return 'n'
}

/** The greatest extent an axis can have: of a clamped axis, the bound that does not depend on others. */
function longest(axis: Axis): Dim {
  if (typeof axis.hi !== 'object' || axis.hi[0] !== 'min') return axis.hi
  return (axis.hi.slice(1) as Dim[]).find((d) => typeof d === 'number') ?? axis.hi
}

/** Arithmetic operations of one call, clamped axes counted in full; a multiply-add counts 2. */
export function countOperations(compute: Compute): Dim {
  const points = mul(1, ...compute.axes.map(longest))
  const perPoint = compute.stages.map((s): Dim => {
    const exprs = s.kind === 'reduce' ? s.accumulators.map((a) => a.value) : s.kind === 'store' ? [s.value] : []
    const combines = s.kind === 'reduce' ? s.accumulators.filter((a) => a.combine !== undefined).length : 0
    const operations = exprs.reduce((n, e) => n + operationsIn(e), combines)
    return s.kind === 'let' ? 0 : mul(operations, ...s.axes.map(longest))
  })
  return mul(points, add(0, ...perPoint))
}

function operationsIn(root: Expr): number {
  const seen = new Set<Expr>()
  let n = 0
  const walk = (e: Expr): void => {
    if (seen.has(e)) return
    seen.add(e)
    n += e.kind === 'madd' ? 2 : e.kind === 'binary' && e.op === 'dot16' ? 3 : e.kind === 'unary' || e.kind === 'binary' || e.kind === 'select' ? 1 : 0
    operandsOf(e).forEach(walk)
  }
  walk(root)
  return n
}

/** True for a dim that is a number once its symbols are; false where it names loop variables. */
export function isParametric(dim: Dim, params: ReadonlySet<string>): boolean {
  let yes = true
  evaluateDim(dim, (s) => { yes &&= params.has(s); return 1 })
  return yes
}
