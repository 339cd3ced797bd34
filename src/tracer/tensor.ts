/** Eager tensors: PyTorch's Tensor with elements in typed arrays. Methods beside the core below are the functions that the families in `functions/` export. */
import { elementCount, type DType, type TensorStorage } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import { toNumbers } from '../ir/host-tensor.js'
import { checkStorage, STORAGE, Tensor as RuntimeTensor } from '../runtime/tensor.js'
import { backward, type BackwardOptions } from './autograd.js'
import { counts } from './bookkeeping.js'
import { tensorFrom, type TensorOptions, type TensorValues } from './creation.js'
import * as arithmetic from './functions/arithmetic.js'
import * as comparison from './functions/comparison.js'
import * as contractions from './functions/contractions.js'
import * as conversion from './functions/conversion.js'
import * as copies from './functions/copies.js'
import * as extremes from './functions/extremes.js'
import * as inPlace from './functions/in-place.js'
import * as inPlacePointwise from './functions/in-place-pointwise.js'
import * as indexing from './functions/indexing.js'
import * as logic from './functions/logic.js'
import * as movement from './functions/movement.js'
import * as ordering from './functions/ordering.js'
import * as pointwise from './functions/pointwise.js'
import * as reductions from './functions/reductions.js'
import * as softmax from './functions/softmax.js'
import * as viewShorthands from './functions/view-shorthands.js'
import type { Methods } from './functions/methods.js'
import type { GradFunction } from './grad-function.js'
import { gradFnOf, requiresGradOf, retainGrad, setGrad, setRequiresGrad, versionOf } from './history.js'
import { isInferenceModeEnabled } from './modes.js'
import { findRecorder } from './dispatch.js'
import { TensorState } from './state.js'
import { TracedState } from './traced-storage.js'
import { contiguousGeometry, isContiguous, readElements, type Geometry } from './storage.js'
import { detach, detachInPlace, variableData } from './views.js'

/* oxlint-disable typescript/no-unsafe-declaration-merging -- what the interface adds, the static block of the class defines */

/** Key of a tensor's state, for the modules of the tracer. */
export const STATE: unique symbol = /* @__PURE__ */ Symbol('state')

/**
 * A tensor with dtype, shape, strides and storage that views share. It takes part in automatic differentiation as PyTorch's do; made
 * inside inference mode it is an inference tensor: without version counter, immutable outside that mode, and never saved for the backward pass.
 */
export class Tensor extends RuntimeTensor {
  readonly [STATE]: TensorState

  static {
    // In one file with the other class of this name it would get another.
    Object.defineProperty(this, 'name', { value: 'Tensor' })
    for (const family of [arithmetic, pointwise, conversion, contractions, comparison, logic, reductions, softmax, extremes, ordering, movement, viewShorthands, copies, indexing, inPlace, inPlacePointwise]) {
      for (const [name, f] of Object.entries(family)) {
        Object.defineProperty(this.prototype, name, { configurable: true, writable: true, value(this: Tensor, ...args: unknown[]) { return (f as (...all: unknown[]) => unknown)(this, ...args) } })
      }
    }
  }

  /**
   * Takes `storage`, a typed array of the dtype in row-major order, over without copying; `tensor()` makes tensors of numbers. Throws `bad-tensor`.
   * `inference` says what the tensor is whatever the mode. Code of the tracer gives the state itself.
   */
  constructor(dtype: DType, shape: readonly number[], storage: TensorStorage | TensorState, options: { readonly inference?: boolean } = {}) {
    super(dtype, shape, null, options)
    this[STATE] = storage instanceof TensorState ? storage : freshState({ data: checkStorage(dtype, shape, storage) }, shape, options.inference ?? isInferenceModeEnabled())
  }

  /** A tensor of nested values; the same as `tensor()`. */
  static override from(values: TensorValues, options: TensorOptions = {}): Tensor {
    return tensorFrom(values, options)
  }

  /** The elements in row-major order, to read only. */
  override get [STORAGE](): TensorStorage {
    findRecorder()?.checkRead(this)
    return readElements(this.dtype, this[STATE].storage, geometryOf(this))
  }

  /**
   * The elements in row-major order. Of a contiguous normal tensor, and of an inference tensor inside inference mode, they are the tensor's own memory, and writing to it changes
   * the tensor (and its views) without counting as a change; of others a copy.
   */
  override get data(): TensorStorage {
    const elements = this[STORAGE]
    return this[STATE].inference && !isInferenceModeEnabled() ? elements.slice() : elements
  }

  /** Elements to step over along each axis to come to the next. */
  get strides(): readonly number[] { return this[STATE].strides }

  /** Where the first element is in the storage. */
  get storageOffset(): number { return this[STATE].offset }

  /** Number of axes. */
  get ndim(): number { return this.shape.length }

  /** True where the elements lie in row-major order without gaps. */
  isContiguous(): boolean { return isContiguous(geometryOf(this)) }

  /** True where both see the same memory. */
  sharesStorage(other: Tensor): boolean { return this[STATE].storage === other[STATE].storage }

  override isInference(): boolean { return this[STATE].inference }

  /** How often the elements were changed in place, by this tensor or what shares its counter. Throws `inference-version` for inference tensors. */
  override get version(): number { return versionOf(this) }

  /** True where gradients are tracked: of leaves that were asked to, of results of such, and of views of either. */
  get requiresGrad(): boolean { return requiresGradOf(this) }
  set requiresGrad(value: boolean) { setRequiresGrad(this, value, 'assignment') }

  /** Switches tracking of a leaf. Throws `requires-grad-nonleaf`, `requires-grad-dtype` and `inference-requires-grad`. */
  requiresGrad_(value = true): this {
    setRequiresGrad(this, value, 'method')
    return this
  }

  /** The function that made it, if it was recorded. Throws `view-inference-inplace` and `view-nograd-inplace` for views made without recording whose base has changed since. */
  get gradFn(): GradFunction | null { return gradFnOf(this) }

  /** True without a recorded function. Throws as `gradFn` does. */
  get isLeaf(): boolean { return gradFnOf(this) === null }

  /** The gradient that `backward` has accumulated. */
  get grad(): Tensor | null { return this[STATE].grad }
  set grad(value: Tensor | null) { setGrad(this, value) }

  /** Makes `backward` keep the gradient of a tensor that is no leaf. Throws `retain-grad`. */
  retainGrad(): void { retainGrad(this) }

  /** True where it is a tracked view of another tensor. */
  isView(): boolean { return this[STATE].view !== null }

  /** The tensor that it is a tracked view of. */
  get base(): Tensor | null { return this[STATE].view?.base ?? null }

  /** The same elements without history. Changes of either are seen and counted by both. */
  detach(): Tensor { return detach(this) }

  /** Forgets the history. Throws `detach-view`. */
  detach_(): this {
    detachInPlace(this)
    return this
  }

  /** The same elements without history and with a version counter of its own. Source: at::Tensor::variable_data, `.data` in Python. */
  variableData(): Tensor { return variableData(this) }

  /** Accumulates the gradients of all leaves that it was computed from. `gradient` may be left out for a tensor of one element. Throws `backward-…`, `saved-changed`, `leaf-history`. */
  backward(gradient?: Tensor | null, options: BackwardOptions = {}): void { backward(this, gradient ?? null, options) }

  /** The only element. Throws `shape-mismatch` where there are more or none. */
  item(): number | bigint | boolean | string {
    if (this[STATE] instanceof TracedState) return this[STORAGE][0] as number
    if (elementCount(this.shape) !== 1) throw new IngotError('shape-mismatch', `a tensor of shape [${this.shape.join(', ')}] has no single element`, { hint: 'take one with select, or read data' })
    const [element] = this[STORAGE]
    if (typeof element !== 'number') return element as bigint | string
    return this.dtype === 'bool' ? element !== 0 : (toNumbers(this)[0] as number)
  }

  /** What `console.log` shows in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): string { return this.toString() }

  /** As `item()` for a tensor of one element, else the tensor itself. Throws `traced-value-read` for traced tensors. */
  override valueOf(): number | bigint | boolean | string | this {
    return this[STATE] instanceof TracedState || this.size === 1 ? this.item() : this
  }

  /** A tensor of one element in place of a number: `item()`; in place of text `toString()`. Throws `traced-value-read` for traced tensors where a number is asked for. */
  [Symbol.toPrimitive](hint: string): number | bigint | boolean | string { return hint === 'string' ? this.toString() : this.item() }

  override toString(): string {
    const state = this[STATE]
    if (state instanceof TracedState) return `Tensor ${this.dtype}[${this.shape.map(String).join(', ')}] (traced)`
    const notes = [this[STATE].inference ? 'inference' : '', this[STATE].gradFn !== null ? String(gradFnOf(this)) : this[STATE].ownRequiresGrad ? 'requiresGrad' : ''].filter((s) => s !== '')
    return `${super.toString()}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`
  }
}

export interface Tensor extends Methods<typeof arithmetic>, Methods<typeof pointwise>, Methods<typeof conversion>, Methods<typeof contractions>, Methods<typeof comparison>,
  Methods<typeof logic>, Methods<typeof reductions>, Methods<typeof softmax>, Methods<typeof ordering>, Methods<typeof movement>,
  Methods<typeof viewShorthands>, Methods<typeof copies>, Methods<typeof indexing>, Methods<typeof inPlace>, Methods<typeof inPlacePointwise>,
  extremes.ExtremeMethods, Omit<Methods<typeof extremes>, keyof extremes.ExtremeMethods> {}

/** Shape, strides and offset of a tensor. */
export function geometryOf(t: Tensor): Geometry {
  const { strides, offset } = t[STATE]
  return { shape: t.shape, strides, offset }
}

/** State of a tensor that has a storage to itself. */
export function freshState(storage: { readonly data: TensorStorage }, shape: readonly number[], inference: boolean, strides: readonly number[] = contiguousGeometry(shape).strides): TensorState {
  return new TensorState(storage, strides, 0, inference, inference ? null : newCounter(), null)
}

/** A version counter at 0. */
export function newCounter(): { value: number } {
  counts.versionCounters++
  return { value: 0 }
}

/** Gives a tensor another geometry over the same storage, for in-place changes of shape. */
export function setGeometry(t: Tensor, geometry: Geometry): void {
  (t as { shape: readonly number[] }).shape = Object.freeze([...geometry.shape])
  t[STATE].strides = geometry.strides
  t[STATE].offset = geometry.offset
}
