/** What traced tensors have in place of memory: a value of a graph, which in-place changes replace. */
import type { TensorStorage } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { GraphBuilder } from '../ir/build.js'
import type { HostTensor } from '../base/dtype.js'
import type { Value } from '../ir/graph.js'
import { callSite } from './call-site.js'
import { TensorState, type VersionCounter, type ViewRecord, type ViewStep } from './state.js'
import type { Geometry, Storage } from './storage.js'

/** A graph being written: of the traced function, or of a branch or loop body in it. */
export interface Scope { readonly builder: GraphBuilder; readonly outer: Scope | null }

/** What a storage knows of its trace. */
export interface TraceIdentity {
  readonly name: string
  /** False once the traced function has returned. */
  readonly open: boolean
}

/** One step from a root to what a tensor sees of it. `indices` stands with `gather`, for captured memory that no movement op describes. */
export interface TracedStep extends ViewStep { readonly indices?: HostTensor }

/** The root of a traced tensor and its views. */
export class TracedStorage implements Storage {
  readonly trace: TraceIdentity
  readonly scope: Scope
  /** All elements as they are now. */
  value: Value
  /** Raised by every change, so that views know to be read anew. */
  stamp = 0
  /** Call site of the last change. */
  writtenAt: string | undefined

  constructor(trace: TraceIdentity, scope: Scope, value: Value) {
    this.trace = trace
    this.scope = scope
    this.value = value
  }

  /** Throws `traced-value-read`, or `trace-mixed` once the trace has ended. */
  get data(): TensorStorage { throw this.trace.open ? valueRead(this.value.name) : usedOutside(this.trace) }
}

/** What a tensor sees of a traced root: the tensor's own state, or what a trace keeps about a captured tensor. */
export interface TracedView {
  readonly root: TracedStorage
  steps: readonly TracedStep[]
  /** The value that `steps` gave when the root had this stamp, and the scope that holds it. */
  seen: { readonly value: Value; readonly stamp: number; readonly scope: Scope } | null
}

/** State of a traced tensor. */
export class TracedState extends TensorState implements TracedView {
  readonly root: TracedStorage
  steps: readonly TracedStep[]
  seen: TracedView['seen'] = null

  constructor(root: TracedStorage, steps: readonly TracedStep[], { strides, offset }: Geometry, inference: boolean, counter: VersionCounter | null, view: ViewRecord | null) {
    super(root, strides, offset, inference, counter, view)
    this.root = root
    this.steps = steps
  }
}

/** The error of code that needs the elements of a traced tensor. */
export function valueRead(name: string): IngotError {
  return new IngotError('traced-value-read', `the elements of the traced tensor %${name} are read, and there are none until the graph runs`, {
    where: { origin: callSite() },
    hint: 'to choose between values use where(condition, a, b); to choose what is computed cond(predicate, a, b, inputs); to repeat whileLoop(condition, body, init)',
  })
}

/** The error of a tensor that has left its trace. */
export function usedOutside({ name }: TraceIdentity): IngotError {
  return new IngotError('trace-mixed', `a tensor of the trace '${name}' is used outside of it`, {
    where: { origin: callSite() },
    hint: 'what a traced function computes leaves it as its result only; values from elsewhere come in as arguments, or as ordinary tensors',
  })
}
