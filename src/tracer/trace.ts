/** Tracing: running a function on tensors without elements, and writing down what it does as a graph. */
import { isDType, type DType, type HostTensor } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { Graph } from '../ir/graph.js'
import { printGraph } from '../ir/print.js'
import { tensorType } from '../ir/types.js'
import { callSite, siteIn, withDeepStacks } from './call-site.js'
import { isSymbolic } from './extents.js'
import { checkDifferentiable, requiresGradOf } from './history.js'
import { currentFrame, runInFrame } from './modes.js'
import { Module } from './nn/module.js'
import { TraceRecorder, type CapturedWrite } from './recorder.js'
import { checkSavedOf } from './saved-checks.js'
import { isThenable, leavesOf, type Leaf, type TensorTree } from './tensor-tree.js'
import { STATE, Tensor } from './tensor.js'

/** The type of one tensor argument: a string in `shape` is a symbol, of which equal ones are equal extents. */
export interface TensorSpec {
  readonly shape: readonly (number | string)[]
  /** float32 unless given. */
  readonly dtype?: DType
  /** Traces the argument as a leaf that requires gradients. */
  readonly requiresGrad?: boolean
}

/** What stands for an argument: a type, an example whose type is taken, or arrays and plain objects of such. */
export type Spec = TensorSpec | HostTensor | readonly Spec[] | { readonly [key: string]: Spec }

export interface TraceOptions {
  /** Names of the inputs, one per argument; `x0`, `x1`… where absent. Within arrays and objects the keys follow: `state.h`. */
  readonly names?: readonly string[]
  /** Names of the outputs, in order; by the keys of what is returned where absent, `output` for a single tensor. */
  readonly outputs?: readonly string[]
  /** The graph's name; the function's where absent. */
  readonly name?: string
  /**
   * Called for each in-place change of a captured tensor. Such a change holds for the rest of the trace; the tensor itself is left as it is, and each run
   * of the graph starts from the elements that it had when it was traced.
   */
  readonly onCapturedWrite?: (write: CapturedWrite) => void
}

/** A graph that prints itself. */
export type TracedGraph = Graph & { toString(): string }

/**
 * The graph of what `fn`, a function of tensors or a module, does to arguments of the given types, in the gradient mode of the caller. Tensors that it uses
 * beside its arguments become constants (named as the module that holds them calls them), with the elements they have now. Views and in-place changes
 * become ordinary nodes. Where operations are recorded, marks of what automatic differentiation would do are left in the graph; `compile` strips them, and
 * what eager backward would refuse (`saved-changed`) is refused here. Throws `traced-value-read` for a function that looks at elements, `trace-output`,
 * `trace-mixed`, `trace-spec`, and what operations throw, each with the line that it comes from.
 */
export function trace(fn: ((...args: never[]) => unknown) | Module, specs: readonly Spec[], options: TraceOptions = {}): TracedGraph {
  const origin = callSite()
  const recorder = new TraceRecorder(options.name ?? (fn instanceof Module ? fn.constructor.name : fn.name || 'traced'), options.onCapturedWrite)
  if (fn instanceof Module) nameState(fn)
  const run = fn instanceof Module ? (...args: never[]): unknown => (fn as unknown as { forward(...all: never[]): unknown }).forward(...args) : fn
  try {
    return withDeepStacks(() => runInFrame({ recorder }, () => record(recorder, run, specs, options, origin)))
  } catch (error) {
    throw placed(error, origin)
  } finally {
    recorder.close()
  }
}

/** Lets the constants of the graph have the names of the module's state. */
function nameState(module: Module): void {
  module.namedParameters()
  module.namedBuffers()
}

function record(recorder: TraceRecorder, fn: (...args: never[]) => unknown, specs: readonly Spec[], options: TraceOptions, origin: string): TracedGraph {
  const ports = new Ports(recorder, origin)
  const args = specs.map((spec, i) => ports.argument(spec, options.names?.[i] ?? `x${i}`))
  const result = fn(...(args as never[]))
  if (isThenable(result)) result.then(undefined, () => undefined)
  const leaves = leavesOf(result, 'the traced function', origin)
  const outputs = leaves.map(({ value }) => value)
  if (currentFrame().grad && !currentFrame().inference) checkSavedOf(outputs.filter(requiresGradOf), recorder)
  const names = outputNames(leaves, options.outputs, origin)
  leaves.forEach(({ value }, i) => { recorder.builder.output(names[i] as string, recorder.valueOf(value)) })
  const graph = recorder.builder.finish()
  return Object.defineProperty({ ...graph }, 'toString', { enumerable: false, value(this: Graph) { return printGraph(this) } }) as TracedGraph
}

function outputNames(leaves: readonly Leaf<Tensor>[], wished: readonly string[] | undefined, origin: string): readonly string[] {
  if (wished !== undefined && wished.length !== leaves.length) throw new IngotError('trace-spec', `${wished.length} names are given for ${leaves.length} outputs`, { where: { origin } })
  const names = wished ?? leaves.map(({ path }) => (path.length === 0 ? 'output' : typeof path[0] === 'number' ? `output${path.join('.')}` : path.join('.')))
  const twice = names.find((n, i) => names.indexOf(n) !== i)
  if (twice !== undefined) throw new IngotError('trace-spec', `two outputs are named '${twice}'`, { where: { origin }, hint: 'give other names with the option outputs' })
  return names
}

/** Makes the inputs of a trace. */
class Ports {
  readonly #recorder: TraceRecorder
  readonly #origin: string
  #count = 0
  readonly #names = new Set<string>()

  constructor(recorder: TraceRecorder, origin: string) {
    this.#recorder = recorder
    this.#origin = origin
  }

  argument(spec: Spec, name: string): TensorTree {
    if (Array.isArray(spec)) return (spec as readonly Spec[]).map((s, i) => this.argument(s, `${name}.${i}`))
    if (typeof spec !== 'object' || spec === null) return this.#refuse(name, `is ${String(spec)}`)
    if (!('shape' in spec && Array.isArray(spec.shape))) {
      return Object.fromEntries(Object.entries(spec as Readonly<Record<string, Spec>>).map(([key, s]) => [key, this.argument(s, `${name}.${key}`)]))
    }
    return this.#input(spec as TensorSpec | HostTensor, name)
  }

  #input(spec: TensorSpec | HostTensor, name: string): Tensor {
    const dtype = spec.dtype ?? 'float32', index = this.#count++
    if (!isDType(dtype)) return this.#refuse(name, `has the dtype ${String(dtype)}`)
    if (this.#names.has(name)) return this.#refuse(name, 'has the name of another')
    this.#names.add(name)
    const shape = (spec.shape as readonly unknown[]).map((d, axis) => this.#extent(d, name, index, axis))
    const t = this.#recorder.tensorOf(this.#recorder.builder.input(name, tensorType(dtype, shape)))
    const wanted = spec instanceof Tensor ? spec.requiresGrad : (spec as TensorSpec).requiresGrad === true
    if (wanted) {
      checkDifferentiable(dtype)
      t[STATE].ownRequiresGrad = true
    }
    return t
  }

  #extent(d: unknown, name: string, input: number, axis: number): number | string {
    if (typeof d === 'number' && Number.isSafeInteger(d) && d >= 0) return d
    if (typeof d === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(d)) {
      this.#recorder.builder.symbol(d, { kind: 'extent', input, axis })
      return d
    }
    return this.#refuse(name, `has the extent ${isSymbolic(d) ? 'of another trace' : JSON.stringify(d) ?? String(d)} at axis ${axis}`)
  }

  #refuse(name: string, what: string): never {
    throw new IngotError('trace-spec', `the spec of '${name}' ${what}`, { where: { origin: this.#origin }, hint: "a spec is an example tensor or { shape: ['batch', 3, 224, 224], dtype: 'float32' }; a string names a symbol" })
  }
}

/** The error with the user's line in it, as its stack or else the call of `trace` says. */
function placed(error: unknown, origin: string): unknown {
  if (!(error instanceof IngotError) || error.where.origin !== undefined || error.code === 'internal') return error
  const found = siteIn(error.stack?.slice(error.stack.indexOf('\n    at ') + 1))
  return new IngotError(error.code, error.what, { where: { ...error.where, origin: found === '?' ? origin : found }, ...(error.hint !== undefined && { hint: error.hint }), cause: error })
}
