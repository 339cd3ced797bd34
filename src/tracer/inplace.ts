/**
 * In-place operations: the functional operation's result written through the receiver's strides, under PyTorch's checks. Unlike PyTorch every
 * refusal comes before the write, so a tensor whose change was refused has not changed.
 */
import { callError } from './call-error.js'
import type { Attrs } from '../ir/graph.js'
import { STORAGE } from '../runtime/tensor.js'
import { counts } from './bookkeeping.js'
import { copySlices, overwrite } from './copy-slices.js'
import { apply1, evaluate, findRecorder, isRecorded, type Operand } from './dispatch.js'
import { isSymbolic } from './extents.js'
import type { Edge } from './grad-function.js'
import { edgeOf, gradFnOf, refuseView, requiresGradOf, setHistory, stepsFromBase, viewFunction } from './history.js'
import { currentFrame } from './modes.js'
import { canCast } from './promotion.js'
import { overlapsItself, writeElements } from './storage.js'
import { freshState, geometryOf, setGeometry, STATE, Tensor } from './tensor.js'
import { findGeometry } from './views.js'

/** The checks before anything is computed. True where the change is to be recorded. Throws `view-…-inplace`, `view-of-leaf-inplace` and `leaf-inplace`. */
function checkReceiver(t: Tensor, others: readonly Operand[]): boolean {
  if (!isRecorded([t, ...others])) return false
  const { view, gradFn } = t[STATE]
  if (view !== null) {
    refuseView(view.creation, 'direct')
    if (requiresGradOf(t) && view.base[STATE].gradFn === null) {
      throw callError('view-of-leaf-inplace', 'a view of a leaf tensor that requires gradients is changed in place', { hint: 'change it under noGrad, or use the functional form of the operation' })
    }
  }
  if (requiresGradOf(t) && gradFn === null) {
    throw callError('leaf-inplace', 'a leaf tensor that requires gradients is changed in place', { hint: 'change it under noGrad, or use the functional form of the operation' })
  }
  return true
}

/** The check that PyTorch makes after the write. Throws `inference-inplace` and `overlap-inplace`. */
function checkWritable(t: Tensor): void {
  if (t[STATE].inference && !currentFrame().inference) {
    throw callError('inference-inplace', 'an inference tensor is changed in place outside inference mode', { hint: 'clone() it first: outside inference mode the clone is a normal tensor' })
  }
  if (overlapsItself(geometryOf(t))) throw callError('overlap-inplace', 'several elements of the changed tensor are one element in memory', { hint: 'clone() the expanded tensor first' })
}

/** Counts a change; inference tensors do not count. */
function bump(t: Tensor): void {
  const { counter } = t[STATE]
  if (counter === null) return
  counter.value++
  counts.versionBumps++
  findRecorder()?.markBump(t)
}

/** `result` in the receiver's dtype. Throws `dtype-mismatch` where it is of a higher category, `shape-mismatch` where the receiver would have to grow. */
function fitted(t: Tensor, result: Tensor): Tensor {
  const differs = (d: number, i: number): boolean => d !== t.shape[i]
  if (result.shape.length !== t.shape.length || result.shape.some((d, i) => differs(d, i) && !isSymbolic(d) && !isSymbolic(t.shape[i]))) {
    throw callError('shape-mismatch', `a result of shape [${result.shape.join(', ')}] is written in place to a tensor of shape [${t.shape.join(', ')}]`, { hint: 'the other operands may be stretched to the receiver, not the receiver to them' })
  }
  // Extents that are symbols are taken to be equal, which is checked when the graph runs.
  if (result.shape.some(differs)) return fitted(t, apply1('expand', [result], { shape: t.shape }))
  if (result.dtype === t.dtype) return result
  if (!canCast(result.dtype, t.dtype)) throw callError('dtype-mismatch', `a result of ${result.dtype} cannot be stored in a tensor of ${t.dtype}`, { hint: 'cast the receiver first, or use the functional form' })
  return apply1('cast', [result], { to: t.dtype })
}

/** What the operation of a recorded change sees in place of the receiver: its old elements with its history, to be saved or not. */
function snapshot(t: Tensor): Tensor {
  const old = findRecorder()?.snapshot(t) ?? new Tensor(t.dtype, t.shape, freshState({ data: t[STORAGE].slice() }, t.shape, false))
  old[STATE].gradFn = gradFnOf(t)
  old[STATE].outputIndex = t[STATE].outputIndex
  return old
}

/** Gives the receiver the history of the change; of a view, its base. */
function rebase(t: Tensor, edge: Edge): void {
  const { view } = t[STATE]
  if (view === null) setHistory(t, edge)
  else setHistory(view.base, { fn: copySlices(view.base, geometryOf(t), stepsFromBase(view), edgeOf(view.base), edge), index: 0 })
}

function write(t: Tensor, result: Tensor): void {
  const recorder = findRecorder()
  if (recorder !== null) {
    recorder.write(t, result)
    bump(t)
    return
  }
  const elements = result[STORAGE]
  // What is read while it is written has to be read before.
  const own = result[STATE].storage === t[STATE].storage ? elements.slice() : elements
  writeElements(t.dtype, t[STATE].storage, geometryOf(t), own)
  bump(t)
}

/**
 * Changes `t` to what `compute` makes of it and returns `t`. `others` are all further tensors that `compute` uses. Throws what `compute` does, then `inference-inplace`;
 * before either `leaf-inplace` and its like. What `compute` saves of the receiver is a copy.
 */
export function applyInPlace(t: Tensor, others: readonly Operand[], compute: (self: Tensor) => Tensor): Tensor {
  const recorded = checkReceiver(t, others)
  const result = fitted(t, compute(recorded ? snapshot(t) : t))
  checkWritable(t)
  const edge = recorded ? edgeOf(result) : null
  write(t, result)
  if (edge !== null) {
    edge.fn.body.rebind?.(result, t)
    rebase(t, edge)
  }
  return t
}

/** Replaces the elements of `t` by those of `source`, broadcast and cast, and returns `t`. The old value gets a gradient of zeros. */
export function overwriteInPlace(t: Tensor, source: Operand): Tensor {
  const recorded = checkReceiver(t, [source])
  const cast = source.dtype === t.dtype ? source : apply1('cast', [source], { to: t.dtype })
  const result = evaluate('expand', [cast], { shape: t.shape })
  checkWritable(t)
  const edge = recorded ? { fn: overwrite(t, edgeOf(t), edgeOf(result)), index: 0 } : null
  write(t, result)
  if (edge !== null) rebase(t, edge)
  return t
}

/** `t += dy`, as accumulation does it. */
export function addInPlace(t: Tensor, dy: Tensor): Tensor {
  return applyInPlace(t, [dy], (self) => apply1('add', [self, dy]))
}

/** Gives `t` the shape that a movement op would, over the same elements; counts as a change. The history of a view's base stays. */
export function reshapeInPlace(t: Tensor, op: string, attrs: Attrs): Tensor {
  const recorded = checkReceiver(t, [])
  const geometry = findGeometry(op, t, attrs)
  if (geometry === undefined) throw callError('shape-mismatch', `${op} cannot be done in place: the elements would have to move`)
  const edge = recorded ? edgeOf(t) : null
  if (t[STATE].inference && !currentFrame().inference) checkWritable(t)
  const step = { op, attrs, from: t.shape, to: geometry.shape }
  findRecorder()?.reshapeInPlace(t, step)
  setGeometry(t, geometry)
  bump(t)
  const { view, counter } = t[STATE]
  if (view !== null) view.steps = [...view.steps, step]
  else if (counter !== null) t[STATE].reshapes = [...t[STATE].reshapes, step]
  if (recorded) {
    setHistory(t, { fn: viewFunction(step, t, edge), index: 0 })
    if (view !== null && counter !== null) view.seenVersion = counter.value
  }
  return t
}

/** Writes what `compute` makes of `inputs` to `out` and returns `out`. Throws `out-requires-grad` where the operation would be recorded. */
export function writeOut(out: Tensor, inputs: readonly Operand[], compute: () => Tensor): Tensor {
  if (isRecorded([out, ...inputs])) {
    throw callError('out-requires-grad', 'an operation that writes to `out` cannot be differentiated, and one of the tensors requires gradients', { hint: 'leave `out` away, or compute under noGrad' })
  }
  const result = fitted(out, compute())
  checkWritable(out)
  write(out, result)
  return out
}

