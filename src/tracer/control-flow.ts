/** Choices and repetitions that depend on the elements of tensors: taken as they come in eager code, nodes with graphs in them in a trace. */
import { IngotError } from '../base/error.js'
import type { GraphBuilder } from '../ir/build.js'
import { callSite } from './call-site.js'
import { findRecorder } from './dispatch.js'
import { noGrad } from './modes.js'
import { TraceRecorder } from './recorder.js'
import { leavesOf, mapTree, type Leaf, type TensorTree } from './tensor-tree.js'
import type { Tensor } from './tensor.js'

/**
 * What `ifTrue` makes of `inputs` where `predicate`, a bool tensor of one element, holds, else what `ifFalse` makes of them. In a trace both are traced and
 * must return the same structure of tensors of the same types; nothing is recorded for a backward pass, and tensors from outside must not be changed in place
 * in them. Throws `trace-output`, `trace-mixed`, `shape-mismatch`, `dtype-mismatch`. Source: torch.cond.
 */
export function cond<Inputs extends readonly TensorTree[], Result extends TensorTree>(predicate: Tensor, ifTrue: (...inputs: Inputs) => Result, ifFalse: (...inputs: Inputs) => Result, inputs: Inputs = [] as unknown as Inputs): Result {
  const recorder = traceRecorder()
  if (recorder === null) return (predicate.item() !== false && predicate.item() !== 0 ? ifTrue : ifFalse)(...inputs)
  const origin = callSite()
  const branch = (name: string, fn: (...inputs: Inputs) => Result): Traced => traceNested(recorder, name, `the branch '${name}'`, origin, () => fn(...inputs))
  const yes = branch('then', ifTrue), no = branch('else', ifFalse)
  checkSameStructure(yes.leaves, no.leaves, 'the two branches return', origin)
  const results = recorder.emit('cond', [recorder.valueOf(predicate)], { then: yes.graph, else: no.graph }, yes.names).map((v) => recorder.tensorOf(v))
  return rebuild(yes.tree, results) as Result
}

/**
 * `init` replaced by what `body` makes of it, again and again while `condition`, a bool tensor of one element, holds. `init` is a list of tensors, or of arrays and objects of
 * them; `body` returns such a list in the same structure, with the same dtypes and shapes. Throws as `cond` does. Source: torch.while_loop.
 */
export function whileLoop<const State extends readonly TensorTree[]>(condition: (...state: State) => Tensor, body: (...state: State) => NoInfer<State>, init: State): State {
  const recorder = traceRecorder()
  if (recorder === null) return runLoop(condition, body, init)
  const origin = callSite()
  const start = leavesOf(init, 'whileLoop was given', origin)
  const values = start.map(({ value }) => recorder.valueOf(value))
  const part = (name: string, fn: (...state: State) => unknown): Traced => traceNested(recorder, name, `the loop's ${name}`, origin, (builder) => {
    const ports = values.map((v) => recorder.tensorOf(builder.input(`${name}_${v.name}`, v.type)))
    return fn(...(rebuild(init as TensorTree, ports) as State))
  })
  const test = part('condition', condition), step = part('body', body)
  checkSameStructure(start, step.leaves, 'the loop starts with and its body returns', origin)
  const results = recorder.emit('while_loop', values, { condition: test.graph, body: step.graph }, values.map((v) => `${v.name}_after`)).map((v) => recorder.tensorOf(v))
  return rebuild(init as TensorTree, results) as State
}

function runLoop<State extends readonly TensorTree[]>(condition: (...state: State) => Tensor, body: (...state: State) => State, init: State): State {
  let state = init
  for (let go = condition(...state).item(); go !== false && go !== 0; go = condition(...state).item()) state = body(...state)
  return state
}

interface Traced { readonly graph: ReturnType<GraphBuilder['finish']>; readonly tree: TensorTree; readonly leaves: readonly Leaf<Tensor>[]; readonly names: readonly string[] }

/** A graph within the one that is being written. */
function traceNested(recorder: TraceRecorder, name: string, what: string, origin: string, fn: (builder: GraphBuilder) => unknown): Traced {
  return recorder.within(name, (builder) => noGrad(() => {
    const tree = fn(builder)
    const leaves = leavesOf(tree, what, origin)
    const names = leaves.map(({ path }) => path.join('.') || 'result')
    leaves.forEach(({ value }, i) => { builder.output(names[i] as string, recorder.valueOf(value)) })
    return { graph: builder.finish(), tree: tree as TensorTree, leaves, names }
  }))
}

function rebuild(tree: TensorTree, tensors: readonly Tensor[]): TensorTree {
  let next = 0
  return mapTree(tree, () => tensors[next++] as Tensor)
}

function checkSameStructure(a: readonly Leaf<Tensor>[], b: readonly Leaf<Tensor>[], what: string, origin: string): void {
  const paths = (leaves: readonly Leaf<Tensor>[]): string => `[${leaves.map(({ path }) => path.join('.') || 'a tensor').join(', ')}]`
  if (paths(a) !== paths(b)) throw new IngotError('trace-output', `${what} different structures: ${paths(a)} and ${paths(b)}`, { where: { origin } })
}

function traceRecorder(): TraceRecorder | null {
  const recorder = findRecorder()
  return recorder instanceof TraceRecorder ? recorder : null
}

