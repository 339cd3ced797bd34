/**
 * The recorder of a trace: takes every op in place of evaluation and adds it to a graph. Tensors keep all else that they have: views, versions, recorded
 * functions, so gradients can be traced too. In-place changes replace the value of a root, and what views see is read anew.
 */
import { DTYPES, elementCount, storageBytes, type HostTensor } from '../base/dtype.js'
import { IngotError, invariant } from '../base/error.js'
import { GraphBuilder } from '../ir/build.js'
import type { Dim } from '../ir/dims.js'
import type { Attrs, Value } from '../ir/graph.js'
import { tensorOf } from '../ir/graph.js'
import { hostTensor } from '../ir/host-tensor.js'
import type { Op } from '../ir/op.js'
import { getOp } from '../ir/ops/index.js'
import { callSite } from './call-site.js'
import { CapturedStates } from './captured-states.js'
import type { Operand, Recorder } from './dispatch.js'
import { extentOf, graphAttrs, SymbolicExtent, type ExtentTable } from './extents.js'
import { currentFrame } from './modes.js'
import { contiguousGeometry, elementOffsets, type Geometry, type Storage } from './storage.js'
import type { VersionCounter } from './state.js'
import { geometryOf, newCounter, STATE, Tensor } from './tensor.js'
import { nameOf } from './tensor-names.js'
import { TracedState, TracedStorage, usedOutside, valueRead, type Scope, type TraceIdentity, type TracedStep, type TracedView } from './traced-storage.js'
import { writeBack, type Emit } from './view-inverse.js'

/** A change of a captured tensor that a traced function makes. */
export interface CapturedWrite { readonly tensor: Tensor; readonly name: string; readonly origin: string }

/** Memory of captured tensors as the trace sees it, and the shape that its value has. */
interface Shadow { readonly name: string; readonly root: TracedStorage; readonly shape: readonly number[]; written: boolean }

export class TraceRecorder implements Recorder, TraceIdentity {
  readonly name: string
  readonly #extents: ExtentTable = new Map()
  open = true
  readonly #outermost: Scope
  #scope: Scope
  readonly #shadows = new Map<Storage, Shadow>()
  readonly #captured = new Map<Tensor, TracedView>()
  readonly #states = new CapturedStates()
  readonly #constants = new Map<HostTensor, Value>()
  readonly #onCapturedWrite: ((write: CapturedWrite) => void) | undefined

  constructor(name: string, onCapturedWrite?: (write: CapturedWrite) => void) {
    this.name = name
    this.#outermost = this.#scope = { builder: new GraphBuilder({ name, stage: 'traced' }), outer: null }
    this.#onCapturedWrite = onCapturedWrite
  }

  get builder(): GraphBuilder { return this.#scope.builder }

  /** The graph that is being written. */
  get scope(): Scope { return this.#scope }

  /** Runs `fn` while another graph is written, nested in the present one. */
  within<T>(name: string, fn: (builder: GraphBuilder) => T): T {
    const outer = this.#scope
    this.#scope = { builder: new GraphBuilder({ name, stage: 'traced', outer: outer.builder }), outer }
    try {
      return fn(this.#scope.builder)
    } finally {
      this.#scope = outer
    }
  }

  /** Ends the trace: its tensors can no longer be used, and captured tensors are as they were. */
  close(): void {
    this.open = false
    this.#states.restore()
  }

  apply(op: Op, inputs: readonly (Operand | null)[], attrs: Attrs): readonly Tensor[] {
    return this.emit(op.name, inputs.map((x) => (x === null ? null : this.valueOf(x))), attrs).map((value) => this.tensorOf(value))
  }

  /** Adds a node; extents in `attrs` may be symbolic. Nothing is evaluated, so that the graph says what the code does and captured tensors keep their names; folding is a pass. */
  emit(op: string, inputs: readonly (Value | null)[], attrs: Attrs, names?: readonly string[]): readonly Value[] {
    return this.builder.add(op, inputs, graphAttrs(getOp(op), attrs), { origin: callSite(), evaluate: false, ...(names !== undefined && { names }) })
  }

  /** A new tensor for a value: an inference tensor as the mode has it. */
  tensorOf(value: Value): Tensor {
    const { dtype, shape } = tensorOf(value)
    const extents = this.extentsOf(shape)
    const { inference } = currentFrame()
    const state = new TracedState(new TracedStorage(this, this.#scope, value), [], contiguousGeometry(extents), inference, inference ? null : newCounter(), null)
    return new Tensor(dtype, extents, state)
  }

  /** What an operand is in the graph: the value of a traced tensor as it is now, or a constant. */
  valueOf(x: Operand): Value {
    if (x instanceof Tensor) return this.#read(this.#viewOf(x))
    if (x instanceof SymbolicExtent) throw new IngotError('internal', 'an extent stands where an operand should')
    let value = this.#constants.get(x)
    if (value === undefined) this.#constants.set(x, (value = this.builder.constant(x)))
    return value
  }

  stateOfView(x: Tensor, step: TracedStep, geometry: Geometry, record: TracedState['view']): TracedState {
    const seen = this.#viewOf(x), { inference, counter } = x[STATE]
    const state = new TracedState(seen.root, [...seen.steps, step], geometry, inference, counter, record)
    const value = this.#step(this.#read(seen), step)
    state.seen = { value, stamp: seen.root.stamp, scope: this.#scope }
    return state
  }

  stateOfAlias(x: Tensor, counter: VersionCounter | null): TracedState {
    const { root, steps, seen } = this.#viewOf(x)
    const state = new TracedState(root, steps, geometryOf(x), x[STATE].inference, counter, null)
    state.seen = seen
    return state
  }

  extentsOf(shape: readonly Dim[]): readonly number[] { return shape.map((d) => extentOf(d, this.#extents)) }

  snapshot(x: Tensor): Tensor { return this.tensorOf(this.valueOf(x)) }

  write(t: Tensor, result: Tensor): void {
    const value = this.valueOf(result), view = this.#viewOf(t), { root, steps } = view
    if (root.scope !== this.#scope) {
      throw new IngotError('trace-mixed', 'a tensor from outside of a branch or loop body is changed in place within it', { where: { origin: callSite() }, hint: 'return the new value from the branch or body instead' })
    }
    const chain: Value[] = [root.value]
    const before = (i: number): Value => (chain[i] ??= this.#step(before(i - 1), steps[i - 1] as TracedStep))
    const emit: Emit = (op, inputs, attrs) => this.#emit1(op, inputs, attrs)
    root.value = steps.reduceRight<Value>((after, step, i) => writeBack(emit, step, () => before(i), after, step.indices === undefined ? null : this.valueOf(step.indices)), value)
    root.stamp++
    root.writtenAt = callSite()
    view.seen = { value, stamp: root.stamp, scope: this.#scope }
    this.#reportWrite(t, root.writtenAt)
  }

  reshapeInPlace(t: Tensor, step: TracedStep): void {
    const view = this.#viewOf(t)
    view.steps = [...view.steps, step]
    view.seen = null
  }

  mark(op: string, t: Tensor): void {
    const view = this.#viewOf(t)
    const value = this.#emit1(op, [this.#read(view)], {})
    if (view.steps.length > 0) view.seen = { value, stamp: view.root.stamp, scope: this.#scope }
    else if (view.root.scope === this.#scope) view.root.value = value
  }

  markBump(t: Tensor): void {
    const { root } = this.#viewOf(t)
    root.value = this.#emit1('version.bump', [root.value], {})
  }

  touch(t: Tensor): void { if (!(t[STATE] instanceof TracedState)) this.#states.remember(t) }

  checkRead(t: Tensor): void {
    if (this.#shadows.get(t[STATE].storage)?.written === true) throw valueRead(this.#shadows.get(t[STATE].storage)?.name ?? 'captured')
  }

  knows(t: Tensor): boolean { return t[STATE] instanceof TracedState || this.#captured.has(t) }

  writtenAt(t: Tensor): string | undefined { return this.#viewOf(t).root.writtenAt }

  #reportWrite(tensor: Tensor, origin: string): void {
    const shadow = this.#shadows.get(tensor[STATE].storage)
    if (shadow === undefined) return
    shadow.written = true
    this.#onCapturedWrite?.({ tensor, name: shadow.name, origin })
  }

  #emit1(op: string, inputs: readonly Value[], attrs: Attrs): Value {
    const [value] = this.emit(op, inputs, attrs)
    invariant(value !== undefined, `${op} has no result`)
    return value
  }

  #step(value: Value, step: TracedStep): Value {
    return this.#emit1(step.op, step.indices === undefined ? [value] : [value, this.valueOf(step.indices)], step.attrs)
  }

  #read(view: TracedView): Value {
    const { root, steps, seen } = view
    if (!this.#isVisible(root.scope)) throw usedOutside(this)
    if (steps.length === 0) return root.value
    if (seen !== null && seen.stamp === root.stamp && this.#isVisible(seen.scope)) return seen.value
    const value = steps.reduce((v, step) => this.#step(v, step), root.value)
    view.seen = { value, stamp: root.stamp, scope: this.#scope }
    return value
  }

  #isVisible(scope: Scope): boolean {
    for (let s: Scope | null = this.#scope; s !== null; s = s.outer) if (s === scope) return true
    return false
  }

  #viewOf(x: Tensor): TracedView {
    const state = x[STATE]
    if (!(state instanceof TracedState)) return this.#captured.get(x) ?? this.#capture(x)
    if (state.root.trace !== this) throw usedOutside(state.root.trace)
    return state
  }

  #capture(x: Tensor): TracedView {
    const { storage, view: record } = x[STATE]
    if (storage instanceof TracedStorage) throw usedOutside(storage.trace)
    this.#states.remember(x)
    if (record !== null) this.#states.remember(record.base)
    const shadow = this.#shadows.get(storage) ?? this.#shadowOf(x, record?.base ?? null)
    this.#shadows.set(storage, shadow)
    const view: TracedView = { root: shadow.root, steps: stepsTo(x, shadow.shape), seen: null }
    this.#captured.set(x, view)
    return view
  }

  /** The elements are copied: what happens to the tensor after the trace is not the graph's business. */
  #shadowOf(x: Tensor, base: Tensor | null): Shadow {
    const whole = [x, base].find((t): t is Tensor => t !== null && isWhole(t))
    const { data } = x[STATE].storage
    const shape = whole?.shape ?? [data.length]
    const constant = this.builder.constant({ dtype: x.dtype, shape, data: data.slice() }, nameOf(whole ?? x) ?? nameOf(x) ?? 'captured')
    return { name: constant.name, root: new TracedStorage(this, this.#outermost, constant), shape, written: false }
  }
}

/** True where the tensor is all that its memory holds, in row-major order. */
function isWhole(t: Tensor): boolean {
  const { length } = t[STATE].storage.data
  return t.storageOffset === 0 && t.isContiguous() && (DTYPES[t.dtype].bits < 8 && t.dtype !== 'string' ? storageBytes(t.dtype, elementCount(t.shape)) : elementCount(t.shape)) === length
}

/** The steps from captured memory, seen in `shape`, to a tensor over it. */
function stepsTo(x: Tensor, shape: readonly number[]): readonly TracedStep[] {
  const same = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i])
  const reshape = (from: readonly number[], to: readonly number[]): readonly TracedStep[] => (same(from, to) ? [] : [{ op: 'reshape', attrs: { shape: to }, from, to }])
  if (isWhole(x)) return reshape(shape, x.shape)
  const { view } = x[STATE]
  if (view !== null && isWhole(view.base)) return [...reshape(shape, view.base.shape), ...view.steps]
  const all = [elementCount(shape)], some = [elementCount(x.shape)]
  const indices = hostTensor('int64', some, BigInt64Array.from(elementOffsets(geometryOf(x)), BigInt))
  return [...reshape(shape, all), { op: 'gather', attrs: { axis: 0 }, from: all, to: some, indices }, ...reshape(some, x.shape)]
}
