/**
 * Does a target compute what the reference interpreter computes? Compiles a graph, runs it, compares outputs; where they
 * differ, finds the first node whose result does.
 */
import { compile, pipelineFor } from './compile.js'
import type { HostTensor } from './base/dtype.js'
import type { Graph } from './ir/graph.js'
import { toNumbers } from './ir/host-tensor.js'
import { interpret } from './ir/interpret.js'
import { runPasses } from './passes/index.js'
import type { Target } from './runtime/format.js'
import { load } from './runtime/index.js'

/** How far `actual` is from `expected`. */
export interface Difference {
  readonly name: string
  /** Greatest absolute difference over the greatest finite magnitude of `expected` (1 where that is 0); Infinity where a NaN, an infinity, the dtype or the shape differs. */
  readonly ofPeak: number
  readonly what: string
}

/** Compares two tensors; see `Difference`. */
export function compareTensors(name: string, expected: HostTensor, actual: HostTensor): Difference {
  if (expected.dtype !== actual.dtype) return { name, ofPeak: Infinity, what: `dtype ${actual.dtype}, not ${expected.dtype}` }
  if (expected.shape.length !== actual.shape.length || expected.shape.some((d, i) => d !== actual.shape[i])) return { name, ofPeak: Infinity, what: `shape [${actual.shape.join(', ')}], not [${expected.shape.join(', ')}]` }
  if (expected.dtype === 'string') {
    const at = (expected.data as readonly string[]).findIndex((s, i) => s !== actual.data[i])
    return at < 0 ? { name, ofPeak: 0, what: 'equal' } : { name, ofPeak: Infinity, what: `element ${at} is ${JSON.stringify(actual.data[at])}, not ${JSON.stringify(expected.data[at])}` }
  }
  const a = toNumbers(actual), e = toNumbers(expected)
  let peak = 0, worst = 0, worstAt = -1
  for (let i = 0; i < e.length; i++) {
    const x = e[i] as number, y = a[i] as number
    if (Number.isFinite(x)) peak = Math.max(peak, Math.abs(x))
    const d = Object.is(x, y) || x === y ? 0 : Number.isFinite(x) && Number.isFinite(y) ? Math.abs(x - y) : Infinity
    if (d > worst) { worst = d; worstAt = i }
  }
  const ofPeak = worst === 0 ? 0 : worst / (peak === 0 ? 1 : peak)
  return { name, ofPeak, what: worstAt < 0 ? 'equal' : `element ${worstAt} is ${a[worstAt]}, not ${e[worstAt]}` }
}

export interface VerifyReport {
  readonly target: Target
  readonly differences: readonly Difference[]
  readonly ok: boolean
  /** The first node, in execution order, whose result on the target is further from the interpreter's than the tolerance. */
  readonly firstDiverging?: { readonly origin: string; readonly op: string; readonly difference: Difference }
}

export interface VerifyOptions {
  readonly target: Target
  /** Threads of the run; 1 when absent. */
  readonly threads?: number
  /** Allowed `ofPeak`; 1e-4 when absent. */
  readonly tolerance?: number
  /** Outputs to compare with; the interpreter's when absent. */
  readonly expected?: Readonly<Record<string, HostTensor>>
}

/** Runs `graph` on a target and compares with recorded outputs or with the interpreter. */
export async function verifyTarget(graph: Graph, feeds: Readonly<Record<string, HostTensor>>, options: VerifyOptions): Promise<VerifyReport> {
  const tolerance = options.tolerance ?? 1e-4
  const expected = options.expected ?? interpret(graph, feeds)
  const actual = await runOn(graph, feeds, options)
  const differences = Object.entries(expected).map(([name, e]) => {
    const a = actual[name]
    return a === undefined ? { name, ofPeak: Infinity, what: 'missing' } : compareTensors(name, e, a)
  })
  const ok = differences.every((d) => d.ofPeak <= tolerance)
  const firstDiverging = ok ? undefined : await findDivergence(graph, feeds, options, tolerance)
  return { target: options.target, differences, ok, ...(firstDiverging !== undefined && { firstDiverging }) }
}

async function runOn(graph: Graph, feeds: Readonly<Record<string, HostTensor>>, { target, threads = 1 }: VerifyOptions, passes?: readonly string[]): Promise<Record<string, HostTensor>> {
  const program = await compile(graph, { target, ...(passes !== undefined && { passes }) })
  const session = await load(program.data, { threads })
  try {
    return await session.run(feeds)
  } finally {
    session.dispose()
  }
}

/** The first wrong node: of the graph before fusion, or of what one of the passes from there on makes of it, where only that goes wrong. */
async function findDivergence(graph: Graph, feeds: Readonly<Record<string, HostTensor>>, options: VerifyOptions, tolerance: number): Promise<VerifyReport['firstDiverging']> {
  const passes = pipelineFor(options.target), at = passes.indexOf('fuse')
  let made = runPasses(graph, passes.slice(0, at)), wrong = await firstWrong(made, feeds, options, tolerance)
  for (const pass of passes.slice(at)) {
    const next = runPasses(made, [pass])
    if (wrong === undefined && next !== made) wrong = await firstWrong(next, feeds, options, tolerance)
    made = next
  }
  return wrong
}

/** Every intermediate result becomes an output (a memory order of its own is none for outputs); the first one that differs is the answer. */
async function firstWrong(graph: Graph, feeds: Readonly<Record<string, HostTensor>>, options: VerifyOptions, tolerance: number): Promise<VerifyReport['firstDiverging']> {
  const values = graph.nodes.flatMap((n) => n.outputs.filter((v) => v.order === undefined).map((value) => ({ node: n, value })))
  const opened: Graph = { ...graph, outputs: values.map(({ value }) => ({ name: value.name, value })) }
  const expected = interpret(opened, feeds)
  const actual = await runOn(opened, feeds, options, [])
  for (const { node, value } of values) {
    const e = expected[value.name], a = actual[value.name]
    if (e === undefined || a === undefined) continue
    const difference = compareTensors(value.name, e, a)
    if (difference.ofPeak > tolerance) return { origin: node.origin, op: node.op, difference }
  }
  return undefined
}
