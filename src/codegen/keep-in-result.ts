/**
 * A function of each element that a reduction folds, and that the result is made of again, is computed once: it waits in the
 * result's own memory.
 *
 *   softmax: sum += exp(x[j] - m) · y[j] = exp(x[j] - m) / sum
 *   ⇒ y[j] = exp(x[j] - m) · sum += y[j] · y[j] = y[j] * (1 / sum)
 *
 * Only where the result is of f32 and is written in one place.
 */
import { load, typeOfExpr, unary, binary, type Expr, type UnaryOp } from '../ir/kernel/expr.js'
import type { Compute, ReduceStage, StoreStage } from '../ir/kernel/compute.js'
import { loadsFrom, mapExpr, operandsOf, visitExprs } from '../ir/kernel/walk.js'

/** Functions that take longer than storing and loading an element. */
const LONG: ReadonlySet<UnaryOp> = new Set<UnaryOp>(['exp', 'expm1', 'log', 'log1p', 'tanh', 'erf', 'sin', 'cos'])

/** `compute` with what its last two stages share kept in its result; `compute` itself where there is nothing such. */
export function keepInResult(compute: Compute): Compute {
  const [reduce, store] = compute.stages.slice(-2)
  if (reduce?.kind !== 'reduce' || store?.kind !== 'store' || store.axes.length === 0 || JSON.stringify(reduce.axes) !== JSON.stringify(store.axes)) return compute
  if (reduce.lets.length > 0 || store.lets.length > 0 || compute.buffers.find((b) => b.name === store.buffer)?.dtype !== 'float32') return compute
  if (compute.stages.some((s) => s !== store && s.kind === 'store') || compute.stages.some((s) => loadsFrom(s, store.buffer))) return compute
  const kept = sharedFunction(compute, reduce, store)
  if (kept === undefined) return compute
  const key = JSON.stringify(kept), waiting = load(store.buffer, store.index)
  const replace = (e: Expr): Expr => mapExpr(e, (x) => (x.kind === 'unary' && JSON.stringify(x) === key ? waiting : x))
  const value = replace(store.value), sums = new Set(reduce.accumulators.map((a) => a.name))
  // The sum is the same for all elements: one division for all of them.
  const scaled = value.kind === 'binary' && value.op === 'div' && value.b.kind === 'local' && sums.has(value.b.name) ? binary('mul', value.a, unary('recip', value.b)) : value
  return {
    ...compute, stages: [
      ...compute.stages.slice(0, -2), { ...store, value: kept },
      { ...reduce, accumulators: reduce.accumulators.map((a) => ({ ...a, value: replace(a.value) })) }, { ...store, value: scaled },
    ],
  }
}

/** The first long function of f32 that both stages have, of what is known before the reduction. */
function sharedFunction(compute: Compute, reduce: ReduceStage, store: StoreStage): Expr | undefined {
  const dtypes = new Map(compute.buffers.map((b) => [b.name, b.dtype])), own = new Set(reduce.accumulators.map((a) => a.name))
  const functions = (roots: readonly Expr[]): Expr[] => {
    const found: Expr[] = []
    visitExprs(roots, (e) => { if (e.kind === 'unary' && LONG.has(e.op) && typeOfExpr(e, (name) => dtypes.get(name) ?? 'float64') === 'f32' && !readsLocals(e, own)) found.push(e) })
    return found
  }
  const again = new Set(functions([store.value]).map((e) => JSON.stringify(e)))
  return functions(reduce.accumulators.map((a) => a.value)).find((e) => again.has(JSON.stringify(e)))
}

function readsLocals(e: Expr, names: ReadonlySet<string>): boolean {
  return (e.kind === 'local' && names.has(e.name)) || operandsOf(e).some((x) => readsLocals(x, names))
}
