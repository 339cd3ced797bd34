/** The engine of reverse-mode differentiation: walks recorded functions from results to leaves. Source: torch.autograd.backward and grad. */
import { IngotError } from '../base/error.js'
import { constantOf } from './promotion.js'
import { apply1 } from './dispatch.js'
import { countOf } from './extents.js'
import type { Edge, GradFunction } from './grad-function.js'
import { edgeOf, requiresGradOf } from './history.js'
import { runInFrame } from './modes.js'
import { STATE, type Tensor } from './tensor.js'

export interface BackwardOptions {
  /** Keeps what was saved, so that there can be another backward pass; as `createGraph` where absent. */
  readonly retainGraph?: boolean
  /** Records the backward pass itself, for gradients of gradients. Without effect in inference mode. */
  readonly createGraph?: boolean
}

export interface GradOptions extends BackwardOptions {
  /** One per output; null for outputs of one element. */
  readonly gradOutputs?: readonly (Tensor | null)[]
  /** Gives null for inputs that the outputs do not depend on, instead of an error. */
  readonly allowUnused?: boolean
}

/** Accumulates gradients in the leaves that `output` was computed from. */
export function backward(output: Tensor, gradient: Tensor | null, options: BackwardOptions = {}): void {
  run([output], [gradient], new Map(), options)
}

/**
 * The gradients of the sum of `outputs` with respect to `inputs`, which need not be leaves; nothing is accumulated. In inference mode they are inference tensors.
 * Throws `backward-…`, `saved-changed`, and `grad-unused` for an input that the outputs do not depend on.
 */
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor, options?: GradOptions & { readonly allowUnused?: false }): Tensor
export function grad(outputs: Tensor | readonly Tensor[], inputs: readonly Tensor[], options?: GradOptions & { readonly allowUnused?: false }): Tensor[]
export function grad(outputs: Tensor | readonly Tensor[], inputs: readonly Tensor[], options: GradOptions): (Tensor | null)[]
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options: GradOptions = {}): Tensor | (Tensor | null)[] {
  const roots = Array.isArray(outputs) ? (outputs as readonly Tensor[]) : [outputs as Tensor]
  const wanted = Array.isArray(inputs) ? (inputs as readonly Tensor[]) : [inputs as Tensor]
  const captures: Captures = new Map()
  const slots = wanted.map((t, i) => {
    const edge = edgeOf(t)
    if (edge === null) throw new IngotError('backward-no-graph', `input ${i} of grad does not require gradients`, { hint: 'call requiresGrad_() on it before it is used' })
    const slot = { index: edge.index, value: null }
    captures.set(edge.fn, [...(captures.get(edge.fn) ?? []), slot])
    return slot as { readonly value: Tensor | null }
  })
  run(roots, options.gradOutputs ?? roots.map(() => null), captures, options)
  const found = slots.map(({ value }, i) => {
    if (value === null && options.allowUnused !== true) throw new IngotError('grad-unused', `the outputs do not depend on input ${i} of grad`, { hint: 'pass allowUnused: true to get null for it' })
    return value
  })
  return Array.isArray(inputs) ? found : (found[0] as Tensor)
}

interface Slot { readonly index: number; value: Tensor | null }
type Captures = Map<GradFunction, readonly Slot[]>

function run(outputs: readonly Tensor[], gradients: readonly (Tensor | null)[], captures: Captures, options: BackwardOptions): void {
  const createGraph = options.createGraph === true
  runInFrame({ grad: createGraph }, () => {
    const seeds = outputs.map((t, i) => seedOf(t, gradients[i] ?? null))
    walk(seeds.map((s) => s.edge), seeds.map((s) => s.dy), captures, options.retainGraph ?? createGraph)
  })
}

/** Where the backward pass starts, and with which gradient. */
function seedOf(output: Tensor, gradient: Tensor | null): { readonly edge: Edge; readonly dy: Tensor } {
  if (gradient === null && requiresGradOf(output) && countOf(output.shape) !== 1) {
    throw new IngotError('backward-nonscalar', `a gradient to start from is implied only for outputs of one element, and this one has shape [${output.shape.join(', ')}]`, { hint: 'reduce it, to a sum or mean, or pass a gradient of its shape' })
  }
  if (gradient !== null && (gradient.shape.length !== output.shape.length || gradient.shape.some((d, i) => d !== output.shape[i]))) {
    throw new IngotError('shape-mismatch', `the gradient of shape [${gradient.shape.join(', ')}] is given for an output of shape [${output.shape.join(', ')}]`)
  }
  if (gradient !== null && gradient.dtype !== output.dtype) throw new IngotError('dtype-mismatch', `the gradient of ${gradient.dtype} is given for an output of ${output.dtype}`, { hint: 'cast it' })
  const edge = edgeOf(output)
  if (edge === null) throw new IngotError('backward-no-graph', 'the tensor neither requires gradients nor was computed by a recorded operation', { hint: 'was it computed under noGrad, in inference mode, or from tensors without requiresGrad?' })
  return { edge, dy: gradient ?? apply1('fill', [], { shape: output.shape, value: constantOf(1, output.dtype) }) }
}

/** Runs the functions in an order in which each has all its gradients; only those that lead to captured ones, if any are. */
function walk(roots: readonly Edge[], dys: readonly Tensor[], captures: Captures, retain: boolean): void {
  const order = topologicalOrder(roots.map((e) => e.fn))
  const needed = captures.size === 0 ? null : leadingTo(captures, order)
  const arrived = new Map<GradFunction, (Tensor | null)[]>()
  const deliver = ({ fn, index }: Edge, dy: Tensor): void => {
    const at = arrived.get(fn) ?? fn.results.map(() => null)
    const before = at[index] ?? null
    at[index] = before === null ? dy : apply1('add', [before, dy])
    arrived.set(fn, at)
  }
  roots.forEach((edge, i) => deliver(edge, dys[i] as Tensor))
  for (const fn of order) {
    const gradients = arrived.get(fn)
    arrived.delete(fn)
    if (gradients === undefined || needed?.has(fn) === false) continue
    for (const slot of captures.get(fn) ?? []) slot.value = gradients[slot.index] ?? null
    for (const [index, t] of fn.retained) keepGradient(t, gradients[index] ?? null)
    if (needed !== null && !fn.edges.some((e) => e !== null && needed.has(e.fn))) continue
    const results = fn.body.run(gradients)
    fn.edges.forEach((edge, i) => {
      const dy = results[i] ?? null
      if (edge !== null && dy !== null && needed?.has(edge.fn) !== false) deliver(edge, dy)
    })
    if (!retain) fn.body.release()
  }
}

function keepGradient(t: Tensor, dy: Tensor | null): void {
  const state = t[STATE]
  if (dy !== null) state.grad = state.grad === null ? dy : apply1('add', [state.grad, dy])
}

/** All functions reachable from `roots`, each before those that its edges lead to. */
function topologicalOrder(roots: readonly GradFunction[]): readonly GradFunction[] {
  const done = new Set<GradFunction>(), finished: GradFunction[] = []
  for (const root of roots) {
    const stack: { readonly fn: GradFunction; next: number }[] = []
    const visit = (fn: GradFunction): void => { if (!done.has(fn)) { done.add(fn); stack.push({ fn, next: 0 }) } }
    visit(root)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.next === top.fn.edges.length) { finished.push(top.fn); stack.pop(); continue }
      const edge = top.fn.edges[top.next++]
      if (edge !== null && edge !== undefined) visit(edge.fn)
    }
  }
  return finished.reverse()
}

/** The functions from which a captured one can be reached. */
function leadingTo(captures: Captures, order: readonly GradFunction[]): ReadonlySet<GradFunction> {
  const needed = new Set<GradFunction>(captures.keys())
  for (const fn of [...order].reverse()) if (fn.edges.some((e) => e !== null && needed.has(e.fn))) needed.add(fn)
  return needed
}

