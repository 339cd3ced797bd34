/**
 * How functions become methods. A family file exports function declarations whose first parameter is the tensor, and nothing else; `tensor.ts` lists the
 * families. Declarations and not constants, because modules of the tracer import each other and only declarations are there from the start.
 */
import type { Tensor } from '../tensor.js'

/** The functions of a family as methods: without their first parameter. A rest parameter must be of a mutable array type, or TypeScript finds no parameters. */
export type Methods<Family> = { [Name in keyof Family]: Family[Name] extends (self: Tensor, ...args: infer Args) => infer Result ? (...args: Args) => Result : never }
