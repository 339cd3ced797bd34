/** What is tracked of a tensor: requiring gradients, its recorded function, its version; and views that come to know that their base changed. */
import { DTYPES } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import { getOp } from '../ir/ops/index.js'
import { tensorType } from '../ir/types.js'
import { accumulateInto } from './accumulate.js'
import { dimsOfShape } from './extents.js'
import { backwardName, GradFunction, type Edge } from './grad-function.js'
import { currentFrame } from './modes.js'
import { RecordedCall } from './recorded-call.js'
import type { Creation, ViewRecord, ViewStep } from './state.js'
import { STATE, type Tensor } from './tensor.js'

/** True where gradients are tracked for `t`; a tracked view borrows it from its base. */
export function requiresGradOf(t: Tensor): boolean {
  const { ownRequiresGrad, gradFn, view } = t[STATE]
  return ownRequiresGrad || gradFn !== null || (view !== null && requiresGradOf(view.base))
}

/** The version; throws `inference-version`. */
export function versionOf(t: Tensor): number {
  const { counter } = t[STATE]
  if (counter === null) throw new IngotError('inference-version', 'inference tensors do not track a version counter', { hint: 'a clone made outside inference mode is a normal tensor, and has one' })
  return counter.value
}

/** The recorded function; that of a view whose base has changed is derived anew from the base's. Throws `view-…-inplace`. */
export function gradFnOf(t: Tensor): GradFunction | null {
  const state = t[STATE]
  const { view, counter } = state
  if (view === null || counter === null || view.seenVersion === counter.value) return state.gradFn
  if (state.gradFn === null && !requiresGradOf(view.base)) return null
  refuseView(view.creation, 'indirect')
  const edge = deriveEdge(edgeOf(view.base), stepsFromBase(view), t)
  state.gradFn = edge?.fn ?? null
  state.outputIndex = edge?.index ?? 0
  view.seenVersion = counter.value
  return state.gradFn
}

/** The steps from a base as it is now to its view: changes of the base's shape since are undone first. */
export function stepsFromBase({ base, reshapes, steps }: ViewRecord): readonly ViewStep[] {
  return [...base[STATE].reshapes.slice(reshapes).reverse().map(undone), ...steps]
}

function undone({ op, attrs, from, to }: ViewStep): ViewStep {
  const perm = attrs['perm'] as readonly number[] | undefined
  return { op, attrs: perm === undefined ? { shape: from } : { perm: perm.map((_, i) => perm.indexOf(i)) }, from: to, to: from }
}

/** History of the steps from a base to its view. */
function deriveEdge(from: Edge | null, steps: readonly ViewStep[], t: Tensor): Edge | null {
  let edge = from
  for (const step of steps) edge = { fn: viewFunction(step, t, edge), index: 0 }
  return edge
}

/** The recorded function of one step of a view; views save nothing. */
export function viewFunction(step: ViewStep, { dtype }: Tensor, edge: Edge | null): GradFunction {
  const types = { inputs: [tensorType(dtype, dimsOfShape(step.from))], outputs: [tensorType(dtype, dimsOfShape(step.to))] }
  const call = new RecordedCall(getOp(step.op), step.attrs, types, [edge !== null], [])
  return new GradFunction(backwardName(step.op), [edge], [{ dtype, shape: step.to }], call)
}

/** Where the gradient of `t` goes: its function, or the accumulator of a leaf that was asked for gradients; null where nowhere. Throws as `gradFnOf`. */
export function edgeOf(t: Tensor): Edge | null {
  const fn = gradFnOf(t)
  if (fn !== null) return { fn, index: t[STATE].outputIndex }
  return t[STATE].ownRequiresGrad ? { fn: accumulatorOf(t), index: 0 } : null
}

function accumulatorOf(t: Tensor): GradFunction {
  const state = t[STATE]
  state.accumulator ??= new GradFunction('AccumulateGrad', [], [{ dtype: t.dtype, shape: t.shape }], {
    run([dy]) {
      if (gradFnOf(t) !== null) throw new IngotError('leaf-history', 'a leaf tensor has been moved into the interior of the graph: it was changed in place by something recorded after it was used', { hint: 'change a copy, or change the leaf under noGrad' })
      if (dy !== null && dy !== undefined && requiresGradOf(t)) accumulateInto(t, dy)
      return []
    },
    release: () => undefined,
  })
  return state.accumulator
}

/** Throws for views that recorded in-place changes must not reach. `direct` is a change of the view itself, `indirect` one of its base or of another view of it. */
export function refuseView(creation: Creation, how: 'direct' | 'indirect'): void {
  if (creation === 'default') return
  if (creation === 'multi-output') {
    throw new IngotError('view-multi-inplace', 'this tensor is one of several views that one function returned, and such views must not be changed in place while gradients are recorded', { hint: 'use the functional form of the operation, or clone the view first' })
  }
  const [code, mode, block] = creation === 'inference-mode' ? (['view-inference-inplace', 'in inference mode', 'inference mode'] as const) : (['view-nograd-inplace', 'under noGrad', 'noGrad'] as const)
  const changed = how === 'direct' ? 'is now changed in place' : 'its base, or another view of it, has been changed in place'
  throw new IngotError(code, `a view was made ${mode} and ${changed} with gradients recorded; what its gradient should be is ambiguous`, {
    hint: `make the view and the change both inside ${block} (not recorded), or both outside (recorded)`,
  })
}

/** Sets the leaf flag. `assignment` refuses tensors with history also where it would change nothing. */
export function setRequiresGrad(t: Tensor, value: boolean, by: 'assignment' | 'method'): void {
  const state = t[STATE]
  if (state.gradFn !== null && (!value || by === 'assignment')) {
    throw new IngotError('requires-grad-nonleaf', 'requiresGrad can only be changed on leaf tensors, and this one was computed by a recorded operation', { hint: 'to use its value without gradients take detach()' })
  }
  if (value && state.inference && !currentFrame().inference) {
    throw new IngotError('inference-requires-grad', 'an inference tensor cannot be made to require gradients outside inference mode', { hint: 'clone() it here: the clone is a normal tensor' })
  }
  if (value) checkDifferentiable(t.dtype)
  if (state.gradFn === null) state.ownRequiresGrad = value
}

/** Throws `requires-grad-dtype` unless `dtype` is a float. */
export function checkDifferentiable(dtype: Tensor['dtype']): void {
  if (DTYPES[dtype].kind !== 'float') throw new IngotError('requires-grad-dtype', `only tensors of floating point can require gradients, not ${dtype}`, { where: { dtype } })
}

/** Replaces the accumulated gradient; null removes it. Throws `shape-mismatch` and `dtype-mismatch`. */
export function setGrad(t: Tensor, value: Tensor | null): void {
  if (value !== null && (value.shape.length !== t.shape.length || value.shape.some((d, i) => d !== t.shape[i]))) throw new IngotError('shape-mismatch', `a gradient of shape [${value.shape.join(', ')}] is assigned to a tensor of shape [${t.shape.join(', ')}]`)
  if (value !== null && value.dtype !== t.dtype) throw new IngotError('dtype-mismatch', `a gradient of ${value.dtype} is assigned to a tensor of ${t.dtype}`)
  t[STATE].grad = value
}

/** Makes the backward pass keep the gradient of `t`; leaves keep theirs anyway. Throws `retain-grad`. */
export function retainGrad(t: Tensor): void {
  if (!requiresGradOf(t)) throw new IngotError('retain-grad', 'a tensor that does not require gradients cannot retain its gradient', { hint: 'call requiresGrad_() on the leaf it is computed from, before' })
  const fn = gradFnOf(t)
  if (fn === null) return
  t[STATE].retainsGrad = true
  fn.retained.set(t[STATE].outputIndex, t)
}

/** Gives `t` the history of a recorded in-place change. */
export function setHistory(t: Tensor, edge: Edge): void {
  const state = t[STATE]
  if (state.retainsGrad) state.gradFn?.retained.delete(state.outputIndex)
  state.gradFn = edge.fn
  state.outputIndex = edge.index
  if (state.retainsGrad) edge.fn.retained.set(edge.index, t)
}

/** A record of a view of `x`, or undefined where views of it are not tracked. */
export function viewRecordOf(x: Tensor, step: ViewStep, multi: boolean): ViewRecord {
  const { view } = x[STATE]
  const frame = currentFrame()
  const here: Creation = frame.inference ? 'inference-mode' : !frame.grad ? 'no-grad-mode' : multi ? 'multi-output' : 'default'
  const creation = here === 'default' ? (view?.creation ?? 'default') : view?.creation === 'inference-mode' ? 'inference-mode' : here
  const base = view?.base ?? x
  return { base, steps: [...(view === null ? [] : stepsFromBase(view)), step], reshapes: base[STATE].reshapes.length, creation, seenVersion: versionOf(x) }
}
