/** Views: tensors over the storage of another. Each is an op record's result whose elements need not move; normal ones remember their base. */
import { callError } from './call-error.js'
import type { Attrs } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { counts } from './bookkeeping.js'
import { findEdges, findRecorder, inferTypes, refuseTraced } from './dispatch.js'
import { dims, graphAttrs } from './extents.js'
import type { GradFunction } from './grad-function.js'
import { viewFunction, viewRecordOf } from './history.js'
import { currentFrame } from './modes.js'
import { TensorState, type VersionCounter, type ViewRecord, type ViewStep } from './state.js'
import { reshapeStrides, type Geometry } from './storage.js'
import { geometryOf, newCounter, STATE, Tensor } from './tensor.js'

/** Geometry of a movement op's result over its input's storage, or undefined where the elements have to move. */
type Viewing = (from: Geometry, attrs: Attrs, shape: readonly number[]) => Geometry | undefined

const VIEWS: Readonly<Record<string, Viewing | undefined>> = {
  reshape(from, _, shape) {
    const strides = reshapeStrides(from, shape)
    return strides === undefined ? undefined : { shape, strides, offset: from.offset }
  },
  transpose: (from, attrs, shape) => ({ shape, strides: (attrs['perm'] as readonly number[]).map((p) => from.strides[p] as number), offset: from.offset }),
  expand(from, _, shape) {
    const missing = shape.length - from.shape.length
    return { shape, strides: shape.map((d, i) => (i < missing || (from.shape[i - missing] === 1 && d !== 1) ? 0 : (from.strides[i - missing] as number))), offset: from.offset }
  },
  slice(from, attrs, shape) {
    const { axes, starts, steps } = attrs as { readonly axes: readonly number[]; readonly starts: readonly number[]; readonly steps: readonly number[] }
    const strides = [...from.strides]
    let { offset } = from
    axes.forEach((axis, i) => {
      offset = dims.add(offset, dims.mul(starts[i] as number, strides[axis] as number))
      strides[axis] = dims.mul(strides[axis] as number, steps[i] as number)
    })
    return { shape, strides, offset }
  },
}

/** The result of a movement op as a view, or undefined where the op or the strides do not allow one. `multi`: one of several views that one function returns. */
export function findView(op: string, x: Tensor, attrs: Attrs, multi = false): Tensor | undefined {
  if (VIEWS[op] === undefined) return undefined
  if (findRecorder() === null) refuseTraced([x])
  const geometry = findGeometry(op, x, attrs)
  return geometry === undefined ? undefined : makeView(x, { op, attrs, from: x.shape, to: geometry.shape }, geometry, multi)
}

/** The result of a movement op as a view. Throws `shape-mismatch` where the strides do not allow one. */
export function applyView(op: string, x: Tensor, attrs: Attrs, multi = false): Tensor {
  const view = findView(op, x, attrs, multi)
  if (view === undefined) {
    throw callError('shape-mismatch', `a tensor of shape [${x.shape.join(', ')}] and strides [${x.strides.join(', ')}] cannot be viewed as ${JSON.stringify(attrs['shape'] ?? attrs)} without moving its elements`, { hint: 'use reshape, which copies where it must' })
  }
  return view
}

/** Geometry of a movement op's result, for changes of shape in place; undefined where elements have to move. */
export function findGeometry(op: string, x: Tensor, attrs: Attrs): Geometry | undefined {
  const recorder = findRecorder()
  const [type] = inferTypes(getOp(op), [x], recorder === null ? attrs : graphAttrs(getOp(op), attrs))
  return type === undefined ? undefined : VIEWS[op]?.(geometryOf(x), attrs, recorder === null ? type.shape : recorder.extentsOf(type.shape))
}

function makeView(x: Tensor, step: ViewStep, geometry: Geometry, multi: boolean): Tensor {
  const { storage, inference, counter } = x[STATE]
  const recorder = findRecorder()
  const stateOf = (record: ViewRecord | null): TensorState => recorder?.stateOfView(x, step, geometry, record) ?? new TensorState(storage, geometry.strides, geometry.offset, inference, counter, record)
  if (inference) return new Tensor(x.dtype, geometry.shape, stateOf(null))
  const edges = findEdges([x])
  counts.viewRecords++
  const state = stateOf(viewRecordOf(x, step, multi))
  if (edges !== null) state.gradFn = viewFunction(step, x, edges[0] ?? null)
  const view = new Tensor(x.dtype, geometry.shape, state)
  recorder?.mark('view.track', view)
  return view
}

function alias(x: Tensor, counter: VersionCounter | null): Tensor {
  const { storage, strides, offset, inference } = x[STATE]
  return new Tensor(x.dtype, x.shape, findRecorder()?.stateOfAlias(x, counter) ?? new TensorState(storage, strides, offset, inference, counter, null))
}

/** The same elements and counter with another history. */
export function withHistory(x: Tensor, gradFn: GradFunction | null, outputIndex: number): Tensor {
  const t = alias(x, x[STATE].counter)
  t[STATE].gradFn = gradFn
  t[STATE].outputIndex = outputIndex
  return t
}

/** The same elements and counter without history, in every mode; an inference tensor if `x` is one, and as immutable. */
export function detach(x: Tensor): Tensor {
  return alias(x, x[STATE].counter)
}

/** The same elements without history, with a counter of its own. */
export function variableData(x: Tensor): Tensor {
  return alias(x, x[STATE].inference ? null : newCounter())
}

/** Clears flag and history. Does nothing in inference mode or to inference tensors. Throws `detach-view`. */
export function detachInPlace(x: Tensor): void {
  const state = x[STATE]
  if (state.inference || currentFrame().inference) return
  if (state.view !== null) throw callError('detach-view', 'a view cannot be detached in place, because its base would keep its history', { hint: 'use detach(), which gives another tensor' })
  state.ownRequiresGrad = false
  state.gradFn = null
  state.outputIndex = 0
}
