/** What a tensor is made of: storage, geometry, and what is tracked of it. */
import type { Attrs } from '../ir/graph.js'
import type { GradFunction } from './grad-function.js'
import type { Storage } from './storage.js'
import type { Tensor } from './tensor.js'

/** How often a tensor, with everything that shares its elements and this counter, was changed in place. */
export interface VersionCounter { value: number }

/** In which circumstances a view was made; decides what an in-place change of it, or of its base, is told. */
export type Creation = 'default' | 'multi-output' | 'no-grad-mode' | 'inference-mode'

/** One step from the base to a view, as an op record applied to the step before. */
export interface ViewStep {
  readonly op: string
  readonly attrs: Attrs
  readonly from: readonly number[]
  readonly to: readonly number[]
}

/** A tracked view: how it came from its base, and the version it was in step with. */
export interface ViewRecord {
  readonly base: Tensor
  /** From the base in the shape that it had when the view was made; `stepsFromBase` has them from its shape now. */
  steps: readonly ViewStep[]
  /** How often the base had been given another shape in place by then. */
  readonly reshapes: number
  readonly creation: Creation
  seenVersion: number
}

const NONE: readonly ViewStep[] = []

/** The mutable part of a tensor. Inference tensors have neither counter nor view record. */
export class TensorState {
  storage: Storage
  strides: readonly number[]
  offset: number
  readonly inference: boolean
  readonly counter: VersionCounter | null
  view: ViewRecord | null
  /** The leaf's flag; what is asked is `requiresGrad`. */
  ownRequiresGrad = false
  gradFn: GradFunction | null = null
  /** Which result of `gradFn` it is. */
  outputIndex = 0
  accumulator: GradFunction | null = null
  grad: Tensor | null = null
  retainsGrad = false
  /** Changes of shape in place, of a tensor that is no view: its views' steps start before or after them. */
  reshapes: readonly ViewStep[] = NONE

  constructor(storage: Storage, strides: readonly number[], offset: number, inference: boolean, counter: VersionCounter | null, view: ViewRecord | null) {
    this.storage = storage
    this.strides = strides
    this.offset = offset
    this.inference = inference
    this.counter = counter
    this.view = view
  }
}
