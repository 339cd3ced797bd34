/**
 * The one way in which an op is applied to eager tensors: its record's `infer` and `reference`, results that are inference tensors or
 * normal ones as the mode has it, and a recorded function where gradients are tracked.
 */
import { DTYPES, type HostTensor } from '../base/dtype.js'
import { IngotError, invariant } from '../base/error.js'
import { printDim } from '../ir/dims-text.js'
import { sub, type Dim } from '../ir/dims.js'
import type { Attrs, Value } from '../ir/graph.js'
import type { ConcreteType, InferContext, Op } from '../ir/op.js'
import { getOp } from '../ir/ops/index.js'
import { tensorType, type TensorType } from '../ir/types.js'
import { STORAGE } from '../runtime/tensor.js'
import { backwardName, GradFunction, type Edge } from './grad-function.js'
import { callSite } from './call-site.js'
import { dimsOfShape } from './extents.js'
import { edgeOf, requiresGradOf } from './history.js'
import { currentFrame } from './modes.js'
import { RecordedCall } from './recorded-call.js'
import type { TensorState, VersionCounter, ViewRecord, ViewStep } from './state.js'
import type { Geometry } from './storage.js'
import { freshState, STATE, Tensor } from './tensor.js'
import { TracedState, usedOutside } from './traced-storage.js'
import { findView } from './views.js'

/** What ops are applied to: tensors, and constants, which are no operands in the sense of the gradient modes. */
export type Operand = Tensor | HostTensor

/** What takes every op in place of evaluation, as tracing does; tensors keep their history, views and versions all the same. */
export interface Recorder {
  /** The results of an op that allocates, without history. */
  apply(op: Op, inputs: readonly (Operand | null)[], attrs: Attrs): readonly Tensor[]
  /** The state of a view of `x`. */
  stateOfView(x: Tensor, step: ViewStep, geometry: Geometry, record: ViewRecord | null): TensorState
  /** The state of another tensor that sees what `x` sees, without history. */
  stateOfAlias(x: Tensor, counter: VersionCounter | null): TensorState
  /** A shape of the graph as tensors have it. */
  extentsOf(shape: readonly Dim[]): readonly number[]
  /** A tensor with the elements that `x` has now, without history. */
  snapshot(x: Tensor): Tensor
  /** Takes `result` for the elements of `t` from now on. */
  write(t: Tensor, result: Tensor): void
  /** Lets `t` see its elements through one more step from now on. */
  reshapeInPlace(t: Tensor, step: ViewStep): void
  /** Leaves a mark of bookkeeping on the value of `t`. */
  mark(op: string, t: Tensor): void
  /** Leaves the mark of a raised version on the memory of `t`. */
  markBump(t: Tensor): void
  /** Says that what is tracked of `t` is about to change. */
  touch(t: Tensor): void
  /** Throws where the elements of an ordinary tensor are no longer what the recorder takes them to be. */
  checkRead(t: Tensor): void
}

/** True for operands that are tensors and no constants. */
export function isTensor(x: Operand | null | undefined): x is Tensor {
  return x instanceof Tensor
}

/** The recorder of the mode, if one takes all ops. */
export function findRecorder(): Recorder | null {
  return currentFrame().recorder as Recorder | null
}

/**
 * Whether an op on `operands` is recorded: gradients are on, inference mode is off, one operand is a normal tensor and one requires gradients.
 * Then the edges of all operands, which may throw `view-…-inplace`; null where it is not recorded.
 */
export function findEdges(operands: readonly (Operand | null)[]): readonly (Edge | null)[] | null {
  return isRecorded(operands) ? operands.map((x) => (isTensor(x) ? edgeOf(x) : null)) : null
}

/** The same question without the edges. */
export function isRecorded(operands: readonly (Operand | null)[]): boolean {
  const frame = currentFrame()
  if (frame.inference || !frame.grad) return false
  return operands.some((x) => isTensor(x) && !x[STATE].inference) && operands.some((x) => isTensor(x) && requiresGradOf(x))
}

/** All results of an op that allocates. Throws what its record throws, `inference-saved`, and `view-…-inplace` for stale views. */
export function apply(name: string, inputs: readonly (Operand | null)[], attrs: Attrs = {}): readonly Tensor[] {
  const op = getOp(name)
  const recorder = findRecorder()
  if (recorder === null) refuseTraced(inputs)
  const made = recorder?.apply(op, inputs, attrs)
  const types = made?.map((t) => ({ kind: 'tensor' as const, dtype: t.dtype, shape: t.shape })) ?? inferTypes(op, inputs, attrs)
  const edges = types.some((t) => DTYPES[t.dtype].kind === 'float') ? findEdges(inputs) : null
  const call = edges === null ? null : new RecordedCall(op, attrs, { inputs: inputs.map((x) => (x === null ? null : tensorType(x.dtype, dimsOfShape(x.shape)))), outputs: types.map((t) => tensorType(t.dtype, dimsOfShape(t.shape))) }, edges.map((e) => e !== null), inputs)
  const { inference } = currentFrame()
  const outputs = made ?? compute(op, inputs, attrs, types).map((t) => new Tensor(t.dtype, t.shape, freshState(t, t.shape, inference)))
  if (call !== null && edges !== null) record(name, call, edges, types, outputs)
  return outputs
}

function record(name: string, call: RecordedCall, edges: readonly (Edge | null)[], types: readonly (TensorType & ConcreteType)[], outputs: readonly Tensor[]): void {
  const fn = new GradFunction(backwardName(name), edges, types, call)
  outputs.forEach((t, i) => {
    if (DTYPES[t.dtype].kind !== 'float') return
    t[STATE].gradFn = fn
    t[STATE].outputIndex = i
    findRecorder()?.mark('autograd.record', t)
  })
  call.saveResults(outputs)
}

/** The first (mostly only) result of an op that allocates. */
export function apply1(name: string, inputs: readonly (Operand | null)[], attrs: Attrs = {}): Tensor {
  const [first] = apply(name, inputs, attrs)
  invariant(first !== undefined, `${name} has no result`)
  return first
}

/** The first result of an op, as a view of its input where that is possible. */
export function evaluate(name: string, inputs: readonly (Operand | null)[], attrs: Attrs = {}): Tensor {
  const [x] = inputs
  return (isTensor(x) && inputs.length === 1 ? findView(name, x, attrs) : undefined) ?? apply1(name, inputs, attrs)
}

/** Throws `trace-mixed` where one of `operands` belongs to a trace, for ops that are evaluated. */
export function refuseTraced(operands: readonly (Operand | null)[]): void {
  for (const x of operands) if (isTensor(x) && x[STATE] instanceof TracedState) throw usedOutside((x[STATE] as TracedState).root.trace)
}

const ASSUMPTIONS: InferContext = {
  assume(a, b, why, kind = 'eq') {
    const difference = sub(a, b)
    if (typeof difference !== 'number' && findRecorder() !== null) return
    const holds = typeof difference === 'number' && (kind === 'eq' ? difference === 0 : difference <= 0)
    if (!holds) throw new IngotError('shape-mismatch', `${printDim(a)} must ${kind === 'eq' ? 'equal' : 'not exceed'} ${printDim(b)}: ${why}`)
  },
}

/** The types of an op's results; assumptions about extents that are symbols wait until a recorder adds the op. Errors name the op. */
export function inferTypes(op: Op, inputs: readonly (Operand | null)[], attrs: Attrs): readonly (TensorType & ConcreteType)[] {
  const values = inputs.map((x, i): Value | null => (x === null ? null : { name: `x${i}`, type: tensorType(x.dtype, dimsOfShape(x.shape)) }))
  return withOp(op.name, () => op.infer({ inputs: values, attrs: attrs as never }, ASSUMPTIONS)) as readonly (TensorType & ConcreteType)[]
}

function compute(op: Op, inputs: readonly (Operand | null)[], attrs: Attrs, outputs: readonly ConcreteType[]): readonly HostTensor[] {
  const hosts = inputs.map(hostOf)
  // A cast to the same dtype is a copy; references of movement ops may hand out their input's elements.
  if (op.name === 'cast' && attrs['to'] === inputs[0]?.dtype && hosts[0] !== null && hosts[0] !== undefined) return [{ ...hosts[0], data: hosts[0].data.slice() }]
  const results = withOp(op.name, () => op.reference({ inputs: hosts, attrs: attrs as never, outputs }))
  return results.map((t) => (hosts.some((h) => h?.data === t.data) ? { ...t, data: t.data.slice() } : t))
}

/** An operand as references take it: contiguous elements, copied only where they are strided. */
export function hostOf(x: Operand | null): HostTensor | null {
  return isTensor(x) ? { dtype: x.dtype, shape: x.shape, data: x[STORAGE] } : x
}

/** Runs `run`, whose errors then name the op and the line of user code that called it. */
export function withOp<T>(op: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof IngotError) || error.where.op !== undefined || error.code === 'internal') throw error
    throw new IngotError(error.code, error.what, { where: { origin: callSite(), ...error.where, op }, ...(error.hint !== undefined && { hint: error.hint }), cause: error })
  }
}
