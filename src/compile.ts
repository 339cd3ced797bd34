/**
 * The pipeline on one screen. A model or graph goes in; each named step hands the next its data:
 *
 *   import → Graph(traced) → specialize → passes → Graph(canonical) → target passes → Graph(fused)
 *          → lower → kernels + steps → plan → memory → emit → ProgramData
 *
 * A graph with extents that are only known while running is cut into parts after the first passes; each goes through all of them, and what is
 * emitted of them becomes one program.
 */
import { emitDeviceProgram, emitProgram, type EmitOptions } from './codegen/emit.js'
import { lowerGraph, type FeatureSet, type OnKernel } from './codegen/lower.js'
import { emitParts } from './codegen/emit-parts.js'
import { planMemory } from './codegen/plan-memory.js'
import { isMeasuring, splitParts } from './codegen/split-parts.js'
import { chooseHalf } from './codegen/wgsl/choose-half.js'
import { lowerForDevice, nodesForHost, type ElementBounds } from './codegen/wgsl/lower.js'
import { DTYPES } from './base/dtype.js'
import { IngotError } from './base/error.js'
import { debugFromEnvironment } from './debug.js'
import { product } from './ir/dims.js'
import { shapeOf, type Graph, type InputShapes } from './ir/graph.js'
import { printGraph } from './ir/print.js'
import { pickTarget } from './pick-target.js'
import { fuseApart } from './passes/fuse.js'
import { DEFAULT_PIPELINE, getPass, runPasses } from './passes/index.js'
import { openChoices } from './passes/merge-branches.js'
import { specializeShapes } from './passes/specialize-shapes.js'
import { Program, type CompileReport, type WinogradConvolution } from './program.js'
import { encodeProgram } from './runtime/encode.js'
import type { ProgramData, Target } from './runtime/format.js'
import { importOnnx, type ImportOnnxOptions } from './tracer/onnx/index.js'
import { VERSION } from './version.js'

/** A step of compilation as it ends. */
export interface Progress {
  readonly step: 'import' | 'specialize' | 'pass' | 'lower' | 'plan' | 'emit'
  /** The pass, for `pass`. */
  readonly name: string
  readonly ms: number
  /** The graph after the step, for the steps that make one. */
  readonly graph?: Graph
}

export interface CompileOptions extends ImportOnnxOptions {
  /** Default `wasm`. `auto` takes what there is where this is called: wgsl with WebGPU on hardware, else wasm, else js; the report says which and why. */
  readonly target?: Target | 'auto'
  /**
   * Instruction sets that a wasm program is made for. `auto` (the default) holds kernels with and without relaxed SIMD, and the engine that
   * loads it picks; results may differ in the last place between the two.
   */
  readonly features?: FeatureSet
  /** Threads that sessions of a wasm program use unless `load` says otherwise; the program is the same for any number. Default 1. */
  readonly threads?: number
  /** Extents to fix, by input name; others stay symbolic. */
  readonly shapes?: InputShapes
  /**
   * Adds up every convolution as it is defined, term by term. Off by default: the wasm target computes 3×3 convolutions by Winograd's transforms where that is
   * faster, with errors of some 1e-6 of the peak instead of 0.5e-6, and weights that take up to 4 times the memory (not of the file: they are made when the
   * program is loaded); the report lists them.
   */
  readonly exact?: boolean
  /**
   * `f16` (wgsl): floats lie in memory as float16, weights too, so that half as many bytes move; kernels compute in float32, and ports keep their dtypes.
   * Results differ by some 1e-3 of the peak; what leaves float16's range (65,504) becomes infinite, weights its greatest number. Needs `shader-f16` of the device. Default `f32`.
   */
  readonly precision?: 'f32' | 'f16'
  /**
   * What the elements of integer inputs can be, least and greatest, by name: wgsl then computes with them on the GPU, which has no 64-bit integers,
   * and runs check that what is fed is within (`feed-bounds`). Other targets need none and take no notice.
   */
  readonly bounds?: Readonly<Record<string, readonly [number, number]>>
  /** Passes to run instead of the target's pipeline. */
  readonly passes?: readonly string[]
  /** Verify the graph after every pass; on by default only where `INGOT_DEBUG` names `verify`. */
  readonly verify?: boolean
  /** Keep the fused graph's text in the artefact. */
  readonly keepGraph?: boolean
  readonly onProgress?: (progress: Progress) => void
  readonly onKernel?: OnKernel
}

/** Passes that a target wants before `choose-float-products`, for what they leave over. */
const TARGET_PRODUCTS: Readonly<Partial<Record<Target, readonly string[]>>> = { wasm: ['choose-paired-products'] }

/** Passes that a target wants in the place of `fuse`, which is among them. */
const TARGET_PASSES: Readonly<Record<Target, readonly string[]>> = {
  js: ['expand-padding', 'fuse'],
  wasm: ['recognise-attention', 'split-wide-joins', 'expand-padding', 'split-recurrence', 'fuse', 'choose-layout', 'choose-winograd', 'unfold-constants', 'choose-prepared'],
  wgsl: ['recognise-attention', 'split-recurrence', 'fuse', 'fuse-movement'],
}

/** The passes that a graph goes through for a target, in order. */
export function pipelineFor(target: Target, { exact = false }: Pick<CompileOptions, 'exact'> = {}): readonly string[] {
  return DEFAULT_PIPELINE.flatMap((pass) => (pass === 'fuse' ? TARGET_PASSES[target] : pass === 'choose-float-products' ? [...(TARGET_PRODUCTS[target] ?? []), pass] : [pass])).filter((pass) => !exact || pass !== 'choose-winograd')
}

/** Targets that whole programs can be compiled for today. */
export const TARGETS: readonly Target[] = ['js', 'wasm', 'wgsl']

/**
 * Compiles a graph, or an ONNX model (bytes or the path of a file), into a Program.
 * Throws an `IngotError` that names the node for anything it cannot do; never falls back silently.
 */
export async function compile(source: Graph | Uint8Array | ArrayBuffer | string, options: CompileOptions = {}): Promise<Program> {
  const picked = options.target !== 'auto' ? undefined : (options.threads ?? 1) > 1 ? { target: 'wasm' as const, why: 'it alone has threads' } : await pickTarget()
  const target = picked?.target ?? options.target as Target | undefined ?? 'wasm', features = options.features ?? 'auto'
  if (!TARGETS.includes(target)) throw new IngotError('target-unavailable', `whole programs cannot be compiled for the target '${target}' yet`, { hint: `use ${TARGETS.join(' or ')}` })
  checkThreads(options.threads, target)
  if (options.precision === 'f16' && target !== 'wgsl') throw new IngotError('bad-option', `the ${target} target has no precision f16`, { hint: picked?.why ?? 'compile for wgsl' })
  const passes = options.passes ?? pipelineFor(target, options)
  passes.forEach(getPass)
  const debug = debugFromEnvironment()
  const steps: { name: string; ms: number }[] = []
  const timed = async <T>(step: Progress['step'], name: string, run: () => T | Promise<T>, graphOf?: (result: T) => Graph): Promise<T> => {
    const start = performance.now()
    const result = await run()
    const ms = performance.now() - start
    steps.push({ name, ms })
    const made = graphOf?.(result)
    if (made !== undefined) debug.graph(name, ms, made)
    options.onProgress?.({ step, name, ms, ...(made !== undefined && { graph: made }) })
    return result
  }
  const same = (g: Graph): Graph => g

  const imported = isGraphSource(source) ? source : await timed('import', 'import', () => importOnnx(source, options), same)
  const graph = options.shapes === undefined ? imported : await timed('specialize', 'specialize-shapes', () => specializeShapes(imported, options.shapes ?? {}), same)
  const stripped = countBookkeeping(graph), bounds = elementBounds(graph, options.bounds)
  let branches: readonly string[] = []
  const runAll = async (whole: Graph, names: readonly string[]): Promise<Graph> => {
    let current = whole
    for (const pass of names) {
      const before = current
      if (pass === 'merge-branches') branches = [...branches, ...openChoices(before)]
      const run = (): Graph => runPasses(before, [pass], { verify: options.verify ?? debug.has('verify') })
      current = await timed('pass', pass, () => (pass === 'fuse' && target === 'wgsl' ? fuseApart(before, nodesForHost(before, bounds)) : run()), same)
    }
    return current
  }
  const emitOptions: EmitOptions = { target, features, producer: VERSION, ...((options.threads ?? 1) > 1 && { threads: options.threads as number }) }
  const graphText = (of: Graph): Pick<EmitOptions, 'graphText'> => (options.keepGraph === true ? { graphText: printGraph(of, { weights: 'short' }) } : {})
  const onKernel: OnKernel = (k) => { debug.kernel(k); options.onKernel?.(k) }
  const build = async (part: Graph): Promise<Built> => {
    const graph = await runAll(part, passes)
    const device = target === 'wgsl' ? await timed('lower', 'lower', () => lowerForDevice(graph, onKernel, bounds)) : undefined
    const lowered = device ?? await timed('lower', 'lower', () => lowerGraph(graph, target, onKernel, features))
    const plan = await timed('plan', 'plan-memory', () => planMemory(graph, lowered, { device: device !== undefined, ...(device !== undefined && options.precision === 'f16' && { half: chooseHalf(graph, device) }) }))
    const given = { ...emitOptions, ...graphText(graph) }
    const data = await timed('emit', 'emit', () => (device === undefined ? emitProgram(graph, lowered, plan, given) : emitDeviceProgram(graph, device, plan, { ...given, bounds }, hostArtefact)))
    return { data, kernels: lowered.kernels.length, nodes: graph.nodes.length, winograd: winogradIn(graph), host: device?.parts.map((p) => p.reasons) ?? [] }
  }

  const split = isMeasuring(graph) ? splitParts(await runAll(graph, passes.slice(0, passes.indexOf('drop-dead') + 1))) : undefined
  const built: Built[] = []
  for (const part of split?.parts.map((p) => p.graph) ?? [graph]) built.push(await build(part))
  const data = split === undefined ? (built[0] as Built).data : await timed('emit', 'emit-parts', () => emitParts(split, built.map((b) => encodeProgram(b.data)), { ...emitOptions, bounds, ...graphText(split.graph) }))
  debug.program(data.header)
  await debug.flush()
  const sum = (of: (b: Built) => number): number => built.reduce((all, b) => all + of(b), 0)
  return new Program(data, {
    steps, ...(picked !== undefined && { picked }), ...(target === 'wgsl' && { host: built.flatMap((b) => b.host) }), ...(split !== undefined && { parts: built.length }),
    nodes: { before: imported.nodes.length, after: sum((b) => b.nodes) }, kernels: sum((b) => b.kernels), stripped, branches, winograd: built.flatMap((b) => b.winograd),
  })
}

/** What became of a graph whose extents are all known when it begins. */
interface Built {
  readonly data: ProgramData
  readonly kernels: number
  readonly nodes: number
  readonly winograd: readonly WinogradConvolution[]
  readonly host: NonNullable<CompileReport['host']>
}

/** The artefact of a part of a program for WebGPU that runs on the host. */
function hostArtefact(graph: Graph): Uint8Array {
  const lowered = lowerGraph(graph, 'wasm')
  return encodeProgram(emitProgram(graph, lowered, planMemory(graph, lowered), { target: 'wasm', producer: VERSION }))
}

/** The bounds as intervals, after a check that they are of integer inputs. */
function elementBounds({ name: graph, inputs }: Graph, given: CompileOptions['bounds'] = {}): ElementBounds {
  return Object.fromEntries(Object.entries(given).map(([name, [lo, hi]]) => {
    const type = inputs.find((v) => v.name === name)?.type, dtype = type?.kind === 'tensor' ? type.dtype : undefined
    if (dtype === undefined) throw new IngotError('bad-option', `bounds are given for "${name}", which is no input of ${graph}`, { hint: `the inputs are ${inputs.map((v) => `"${v.name}"`).join(', ')}` })
    if (DTYPES[dtype].bits < 8 || !/int/.test(dtype)) throw new IngotError('bad-option', `bounds are given for "${name}", which holds no integers`, { where: { dtype } })
    if (!Number.isSafeInteger(lo) || !Number.isSafeInteger(hi) || lo > hi) throw new IngotError('bad-option', `the bounds of "${name}" are ${lo} and ${hi}; they must be integers, the least first`)
    return [name, { lo, hi }]
  }))
}

function checkThreads(threads: number | undefined, target: Target): void {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) throw new IngotError('bad-option', `threads is ${threads}; it must be an integer from 1 to 64`)
  if (threads !== undefined && threads > 1 && target !== 'wasm') throw new IngotError('bad-option', `the ${target} target has one thread, not ${threads}`, { hint: 'compile for wasm' })
}

function isGraphSource(source: Graph | Uint8Array | ArrayBuffer | string): source is Graph {
  return typeof source === 'object' && 'nodes' in source
}

function countBookkeeping(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const n of graph.nodes) if (/^(autograd|version|view)\./.test(n.op)) counts[n.op] = (counts[n.op] ?? 0) + 1
  return counts
}

function winogradIn(graph: Graph): WinogradConvolution[] {
  return graph.nodes.flatMap((n) => {
    const u = n.op === 'winograd_product' ? n.inputs[1] : undefined
    if (u == null) return []
    const bytes = (product(shapeOf(u)) as number) * Float32Array.BYTES_PER_ELEMENT, points = shapeOf(u)[0] as number
    return [{ origin: n.origin, tile: Math.sqrt(points) - 2, weightBytes: bytes, exactWeightBytes: (bytes / points) * 9 }]
  })
}
