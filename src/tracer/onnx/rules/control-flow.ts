/**
 * Rules for If, Loop and Scan. What is known while compiling is decided then: one branch is taken, and a body is written out once for
 * each iteration. An If whose condition is only known while running becomes `cond`; such a Loop is refused.
 */
import type { Dim } from '../../../base/dim.js'
import { IngotError } from '../../../base/error.js'
import { dimsEqual } from '../../../ir/dims.js'
import { dtypeOf, shapeOf, type Graph, type Value } from '../../../ir/graph.js'
import { fromNumbers, toNumbers } from '../../../ir/host-tensor.js'
import { isTensor, type Item } from '../items.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import type { Message } from '../schema.js'
import { reshapeTo, sliceAxis, unsqueezeAt } from './compose.js'

type Body = Message<'GraphProto'>

/** Iterations that are written out at most. */
const MAX_ITERATIONS = 10_000

/** What every hint about a decision begins with. */
const DECIDE = 'fix what decides it'

/** How to have `value` decided while compiling, by the names of the inputs that it depends on. */
function decide(call: NodeCall, value: Value | null): string {
  const { elements, extents } = value === null ? { elements: [], extents: [] } : call.sourcesOf(value)
  const ways = [
    ...(elements.length > 0 ? [`the value of ${elements.map((v) => `${v.name} (--value ${v.name}=…)`).join(' and of ')}, or the option \`constants\``] : []),
    ...(extents.length > 0 ? [`the extents of ${extents.map((v) => `${v.name} (--shape ${v.name}=${shapeOf(v).map((d) => (typeof d === 'number' ? d : '…')).join()})`).join(' and of ')}`] : []),
  ]
  return `${DECIDE}: ${ways.length > 0 ? ways.join('; ') : 'an input (--value, or the option `constants`), or extents (--shape)'}`
}

/** The single element of `value`, where it is known while compiling. */
function known(value: Value | null): number | undefined {
  if (value?.data !== undefined) return toNumbers(value.data)[0]
  const dim = value?.dims?.[0]
  return typeof dim === 'number' ? dim : undefined
}

function body(call: NodeCall, name: string): Body {
  return call.attrs.graph(name) ?? call.fail('bad-attribute', `${call.opType} needs the graph ${name}`)
}

const ifRule: Rule = (call) => {
  call.arity(1)
  const yes = body(call, 'then_branch'), no = body(call, 'else_branch')
  const condition = known(call.input(0))
  if (condition !== undefined) return call.inline(condition !== 0 ? yes : no)
  const then = branch(call, yes), other = branch(call, no)
  const ranks = (values: readonly { readonly value: Value }[]): string => values.map(({ value }) => (value.type.kind === 'tensor' ? `a ${value.type.dtype} of rank ${value.type.shape.length}` : `a ${value.type.kind}`)).join(', ')
  const [a, b] = [ranks(then.outputs), ranks(other.outputs)]
  if (a !== b || /sequence|optional|map/.test(a)) call.fail('unsupported-op', `an If that is decided while running must give tensors of the same types either way; one branch gives ${a}, the other ${b}`, decide(call, call.input(0)))
  return call.emitAll('cond', [call.input(0)], { then, else: other })
}

/** A branch that may or may not be taken. What is wrong in it may be so only where it is not taken, so the error says how to decide. */
function branch(call: NodeCall, graph: Body): Graph {
  try {
    return call.nested(graph)
  } catch (error) {
    if (!(error instanceof IngotError) || error.hint?.startsWith(DECIDE) === true) throw error
    throw new IngotError(error.code, `${error.what}; it stands in a branch of ${call.origin}, an If that is decided while running`, { where: error.where, hint: decide(call, call.input(0)), cause: error })
  }
}

/** Results that a body gives once per iteration, put one after the other along a new axis. */
function stack(call: NodeCall, parts: readonly Value[], axis: number): Value {
  const rank = shapeOf(parts[0] as Value).length + 1
  const at = call.axis(axis, rank)
  const rows = parts.map((v) => unsqueezeAt(call, v, [at]))
  return rows.length === 1 ? rows[0] as Value : call.add('concat', rows, { axis: at })
}

/** What a body that never runs would have given: its type, with no elements along `axis`. */
function empty(call: NodeCall, like: Value, axis: number): Value {
  const shape: Dim[] = [...shapeOf(like)]
  shape.splice(call.axis(axis, shape.length + 1), 0, 0)
  if (!shape.every((d): d is number => typeof d === 'number')) return call.fail('shape-not-static', 'the shape of a result without elements is only known while running')
  return call.constant(fromNumbers(dtypeOf(like), shape, []))
}

const loop: Rule = (call) => {
  call.arity(0, Infinity)
  const graph = body(call, 'body')
  const count = call.optional(0), trips = count === null ? Infinity : known(count)
  let going = call.optional(1) ?? call.scalar('bool', 1), state = call.inputs.slice(2).map((_, i) => call.item(i + 2))
  const scans: Value[][] = Array.from({ length: Math.max(0, graph.output.length - 1 - state.length) }, () => [])
  if (trips === undefined && !state.every(isTensor)) return call.fail('shape-not-static', 'a Loop that carries sequences must have a number of iterations that is known while compiling', decide(call, count))
  if (trips === undefined) return call.fail('unsupported-op', 'a Loop with a number of iterations that is only known while running is not supported', decide(call, count))
  const iterate = (i: number): readonly Item[] => call.inline(graph, [call.scalar('int64', i), going, ...state])
  for (let i = 0; i < trips; i++) {
    const go = known(going)
    if (go === undefined) return call.fail('unsupported-op', `a Loop with a condition that is only known while running is not supported (after ${i} iterations)`, decide(call, going))
    if (go === 0) break
    if (i === MAX_ITERATIONS) return call.fail('unsupported-op', `a Loop of more than ${MAX_ITERATIONS} iterations is not supported`)
    const results = iterate(i)
    going = call.tensor(results[0], 'the condition')
    state = results.slice(1, state.length + 1)
    scans.forEach((scan, k) => { scan.push(call.tensor(results[state.length + 1 + k], 'what is collected')) })
  }
  const never = scans.some((scan) => scan.length === 0) ? iterate(0).slice(state.length + 1) : []
  return [...state, ...scans.map((scan, k) => (scan.length > 0 ? stack(call, scan, 0) : empty(call, call.tensor(never[k], 'what is collected'), 0)))]
}

interface ScanPorts { readonly axes: readonly number[]; readonly reversed: readonly boolean[] }

function portsOf(call: NodeCall, side: 'input' | 'output', count: number): ScanPorts {
  const read = (name: string): readonly number[] => {
    const given = call.attrs.ints(`scan_${side}_${name}`, undefined)
    return given === undefined || given.length === count ? given ?? Array.from({ length: count }, () => 0) : call.fail('bad-attribute', `scan_${side}_${name} has ${given.length} entries for ${count} ${side}s`)
  }
  return { axes: read('axes'), reversed: read('directions').map((d) => d === 1) }
}

const scan: Rule = (call) => {
  const graph = body(call, 'body'), scanned = call.attrs.int('num_scan_inputs', 0)
  call.arity(Math.max(1, scanned), Infinity)
  const first = call.inputs.length - scanned
  const sequences = call.inputs.slice(first).map((_, i) => call.input(first + i))
  const ins = portsOf(call, 'input', scanned), outs = portsOf(call, 'output', graph.output.length - first)
  const axes = sequences.map((v, i) => call.axis(ins.axes[i] as number, shapeOf(v).length))
  const lengths = sequences.map((v, i) => shapeOf(v)[axes[i] as number] as Dim), length = lengths[0]
  if (scanned < 1 || length === undefined) return call.fail('bad-attribute', 'a Scan needs at least one input to scan')
  for (const other of lengths) if (!dimsEqual(other, length)) call.assume(other, length, 'all that a Scan scans is of one length')
  if (typeof length !== 'number') return call.fail('unsupported-op', 'a Scan over a length that is only known while running is not supported', 'fix the length with --shape')
  if (length > MAX_ITERATIONS) return call.fail('unsupported-op', `a Scan of more than ${MAX_ITERATIONS} steps is not supported`)
  const element = (v: Value, i: number, t: number): Value => {
    const axis = axes[i] as number, at = ins.reversed[i] === true ? length - 1 - t : t
    return reshapeTo(call, sliceAxis(call, v, axis, at, 1), shapeOf(v).filter((_, a) => a !== axis))
  }
  let state = call.inputs.slice(0, first).map((_, i) => call.input(i))
  const stacks: Value[][] = outs.axes.map(() => [])
  for (let t = 0; t < length; t++) {
    const results = call.inline(graph, [...state, ...sequences.map((v, i) => element(v, i, t))]).map((item) => call.tensor(item, 'a result'))
    state = results.slice(0, first)
    stacks.forEach((parts, k) => { parts[outs.reversed[k] === true ? 'unshift' : 'push'](results[first + k] as Value) })
  }
  if (length === 0 && stacks.length > 0) return call.fail('unsupported-op', 'a Scan over nothing is not supported')
  return [...state, ...stacks.map((parts, k) => stack(call, parts, outs.axes[k] as number))]
}

/** Control flow of the default domain. */
export const CONTROL_FLOW: RuleTable = {
  If: always(ifRule),
  Loop: always(loop),
  Scan: since(9, scan),
}
