/** Control flow: nodes that hold graphs, which may use values of the graphs around them. */
import type { HostTensor } from '../../base/dtype.js'
import { IngotError, invariant } from '../../base/error.js'
import { tensorOf, type Graph, type Value } from '../graph.js'
import { toNumbers } from '../host-tensor.js'
import { interpret } from '../interpret.js'
import { defineOp, type InferContext, type Op } from '../op.js'
import { printType, type ValueType } from '../types.js'

/** Takes two types to be the same. Throws `dtype-mismatch` or `shape-mismatch` where they cannot be; `what` names both. */
function assumeSame(a: ValueType, b: ValueType, what: string, ctx: InferContext): void {
  const mismatch = (code: 'dtype-mismatch' | 'shape-mismatch'): IngotError => new IngotError(code, `${what}: ${printType(a)} and ${printType(b)}`)
  if (a.kind !== 'tensor' || b.kind !== 'tensor' || a.dtype !== b.dtype) throw mismatch('dtype-mismatch')
  if (a.shape.length !== b.shape.length) throw mismatch('shape-mismatch')
  a.shape.forEach((d, i) => {
    const e = b.shape[i] ?? 0
    if (typeof d === 'number' && typeof e === 'number' && d !== e) throw mismatch('shape-mismatch')
    ctx.assume(d, e, what)
  })
}

function checkCondition(value: Value | null | undefined, what: string): void {
  const type = value === null || value === undefined ? undefined : tensorOf(value)
  if (type === undefined || type.dtype !== 'bool') throw new IngotError('dtype-mismatch', `${what} must be a bool, not ${type === undefined ? 'absent' : printType(type)}`)
  if (type.shape.some((d) => typeof d === 'number' && d !== 1)) throw new IngotError('shape-mismatch', `${what} must have one element, but is ${printType(type)}`)
}

const holds = (t: HostTensor | null | undefined): boolean => {
  invariant(t !== null && t !== undefined, 'a condition is given')
  return toNumbers(t)[0] !== 0
}

function run(graph: Graph, inputs: readonly (HostTensor | null)[]): HostTensor[] {
  const feeds = Object.fromEntries(graph.inputs.map((port, i) => [port.name, inputs[i] as HostTensor]))
  const results = interpret(graph, feeds)
  return graph.outputs.map((o) => results[o.name] as HostTensor)
}

const checkCount = (graph: Graph, inputs: number, outputs: number | undefined, what: string): void => {
  if (graph.inputs.length !== inputs) throw new IngotError('bad-attribute', `${what} has ${graph.inputs.length} inputs, not ${inputs}`)
  if (outputs !== undefined && graph.outputs.length !== outputs) throw new IngotError('bad-attribute', `${what} has ${graph.outputs.length} outputs, not ${outputs}`)
}

const cond = defineOp({
  name: 'cond',
  doc: 'The results of one of two graphs without inputs, as the bool of one element says.',
  source: 'ONNX If-21; torch.cond',
  attrs: { then: 'graph', else: 'graph' },
  pattern: 'opaque',
  infer({ inputs, attrs }, ctx) {
    checkCondition(inputs[0], 'the predicate')
    checkCount(attrs.then, 0, undefined, "the graph 'then'")
    checkCount(attrs.else, 0, attrs.then.outputs.length, "the graph 'else'")
    attrs.then.outputs.forEach((o, i) => { assumeSame(o.value.type, attrs.else.outputs[i]?.value.type ?? o.value.type, `result ${i} of both branches is of one type`, ctx) })
    return attrs.then.outputs.map((o) => o.value.type)
  },
  reference: ({ inputs, attrs }) => run(holds(inputs[0]) ? attrs.then : attrs.else, []),
  samples: [],
})

const whileLoop = defineOp({
  name: 'while_loop',
  doc: 'Its inputs, replaced by what `body` makes of them for as long as `condition` of them holds; both graphs take one input for each.',
  source: 'ONNX Loop-21; torch.while_loop',
  attrs: { condition: 'graph', body: 'graph' },
  pattern: 'opaque',
  infer({ inputs, attrs: { condition, body } }, ctx) {
    checkCount(condition, inputs.length, 1, "the graph 'condition'")
    checkCount(body, inputs.length, inputs.length, "the graph 'body'")
    checkCondition(condition.outputs[0]?.value, 'the condition')
    return inputs.map((value, i) => {
      if (value === null) throw new IngotError('bad-attribute', `input ${i} is absent`)
      for (const [port, what] of [[condition.inputs[i], 'the condition takes'], [body.inputs[i], 'the body takes'], [body.outputs[i]?.value, 'the body gives']] as const) {
        invariant(port !== undefined, 'ports were counted')
        assumeSame(value.type, port.type, `${what} loop variable ${i} as it is at the start`, ctx)
      }
      return value.type
    })
  },
  reference({ inputs, attrs: { condition, body } }) {
    let state = inputs.map((t) => { invariant(t !== null, 'loop variables are given'); return t })
    while (holds(run(condition, state)[0])) state = run(body, state)
    return state
  },
  samples: [],
})

/** Records of control flow. */
export const CONTROL_FLOW: readonly Op[] = [cond, whileLoop]
