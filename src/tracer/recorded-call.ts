/** A recorded application of an op: what its gradient rule needs, and running the rule on eager tensors. */
import type { DType, HostTensor } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { Attrs } from '../ir/graph.js'
import { hostTensor } from '../ir/host-tensor.js'
import type { GradContext, Op } from '../ir/op.js'
import type { TensorType } from '../ir/types.js'
import { evaluate, type Operand } from './dispatch.js'
import { dimsOfShape } from './extents.js'
import type { GradBody } from './grad-function.js'
import { saveOperand, saveResult, unpack, type SavedValue } from './saved.js'
import { Tensor } from './tensor.js'

/** Gradients of eager tensors are built of eager operations; constants are host tensors. */
export const EAGER_GRADIENTS: GradContext<Operand> = {
  emit: (op, inputs, attrs) => evaluate(op, inputs, attrs),
  shape: (value) => dimsOfShape(value.shape),
  dtype: (value) => value.dtype,
  scalar: (dtype: DType, value: number): HostTensor => hostTensor(dtype, [], [value]),
}

export interface CallTypes { readonly inputs: readonly (TensorType | null)[]; readonly outputs: readonly TensorType[] }

/** An op that was recorded. Making one saves the operands that the rule names, and throws `inference-saved` where one is an inference tensor. */
export class RecordedCall implements GradBody {
  readonly #op: Op
  readonly #attrs: Attrs
  readonly #types: CallTypes
  readonly #wants: readonly boolean[]
  readonly #inputs = new Map<number, SavedValue>()
  readonly #outputs = new Map<number, SavedValue>()
  readonly #savedOutputs: readonly number[]
  /** Whether a saved tensor has been let go of. */
  #released = false

  constructor(op: Op, attrs: Attrs, types: CallTypes, wants: readonly boolean[], inputs: readonly (Operand | null)[]) {
    this.#op = op
    this.#attrs = attrs
    this.#types = types
    this.#wants = wants
    const saves = op.grad?.saves(attrs as never, wants) ?? { inputs: [], outputs: [] }
    for (const i of saves.inputs) {
      const input = inputs[i]
      if (input !== null && input !== undefined) this.#inputs.set(i, saveOperand(input))
    }
    this.#savedOutputs = saves.outputs
  }

  /** Saves the results that the rule names; to be called once they have their history. */
  saveResults(outputs: readonly Tensor[]): void {
    for (const i of this.#savedOutputs) this.#outputs.set(i, saveResult(outputs[i] as Tensor))
  }

  run(dys: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
    const { grad, name } = this.#op
    if (grad === undefined) throw new IngotError('unsupported-op', `${name} has no gradient`, { where: { op: name }, hint: 'compute it under noGrad, or detach() its operands' })
    if (this.#released) {
      throw new IngotError('backward-twice', `the backward pass comes to ${name} a second time, and what was saved for it was let go after the first`, { hint: 'pass retainGraph: true the first time' })
    }
    const call = {
      inputs: this.#types.inputs.map((_, i) => read(this.#inputs, i)),
      outputs: this.#types.outputs.map((_, i) => read(this.#outputs, i)),
      types: this.#types, attrs: this.#attrs as never,
    }
    return grad.backward<Operand>(EAGER_GRADIENTS, call, dys, this.#wants).map(asTensor)
  }

  release(): void {
    for (const saved of [this.#inputs, this.#outputs]) {
      for (const [i, { tensor }] of saved) {
        // Constants stay: what only saved those can be gone through again.
        if (!(tensor instanceof Tensor)) continue
        saved.delete(i)
        this.#released = true
      }
    }
  }

  *saved(): Iterable<SavedValue> {
    yield* this.#inputs.values()
    yield* this.#outputs.values()
  }

  rebind(from: Tensor, to: Tensor): void {
    for (const [i, saved] of this.#outputs) if (saved.tensor === from) this.#outputs.set(i, { ...saved, tensor: to, version: to.version })
  }
}

function read(saved: ReadonlyMap<number, SavedValue>, i: number): Operand | null {
  const value = saved.get(i)
  return value === undefined ? null : unpack(value)
}

/** A gradient that is a constant becomes a tensor. */
function asTensor(value: Operand | null): Tensor | null {
  return value === null || value instanceof Tensor ? value : new Tensor(value.dtype, value.shape, value.data)
}

