/** PyTorch's default initialisation, from the program's sequence of seeds (`manualSeed`). */
import { rand } from '../creation.js'
import { noGrad } from '../modes.js'
import type { Tensor } from '../tensor.js'

/** Numbers drawn evenly from [-bound, bound). */
export function uniform(shape: readonly number[], bound: number): Tensor {
  return noGrad(() => rand(shape).mul(2 * bound).sub(bound))
}

/** The bound within which layers draw weights and biases: one over the root of the inputs of one output. Source: torch.nn.init.kaiming_uniform_ with a = √5. */
export function fanInBound(fanIn: number): number {
  return fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0
}

/** The bound of Glorot's initialisation of a matrix. Source: torch.nn.init.xavier_uniform_. */
export function xavierBound(outputs: number, inputs: number): number {
  return Math.sqrt(6 / (inputs + outputs))
}
