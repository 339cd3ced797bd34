/** One folder of ONNX's backend test suite: a model and data sets of inputs and the outputs they must give. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { DTYPES, type HostTensor } from '../src/base/dtype.js'
import { IngotError } from '../src/base/error.js'
import type { Graph } from '../src/ir/graph.js'
import { toNumbers } from '../src/ir/host-tensor.js'
import { interpret } from '../src/ir/interpret.js'
import { decodeRecorded, importOnnxSync, type Recorded } from '../src/tracer/onnx/index.js'

/** What runs a graph: gives a function from feeds to results. */
export type Engine = (graph: Graph) => Promise<(feeds: Readonly<Record<string, HostTensor>>) => Results | Promise<Results>>
type Results = Readonly<Record<string, HostTensor>>

/** How near results must be. `peak`: relative to the greatest magnitude of the expected output; else elementwise as in ONNX's runner. */
export type Tolerance = { readonly relative: number; readonly absolute: number } | { readonly peak: number }

/** Tolerance of ONNX's own runner. */
export const ONNX_TOLERANCE: Tolerance = { relative: 1e-3, absolute: 1e-7 }

export interface Outcome {
  readonly name: string
  readonly verdict: 'pass' | 'fail' | 'unsupported'
  readonly why: string
  /** Inputs that had to be fixed for the model to compile: to their values (axes, scales), or, sequences and optionals, to their lengths. */
  readonly fixed: readonly string[]
}

/** Runs all data sets of a folder, each with its own graph where inputs must be fixed. Unsupported is what Ingot refuses by name; everything else that is not right fails. */
export async function runCase(folder: string, name: string, engine: Engine, tolerance: Tolerance = ONNX_TOLERANCE): Promise<Outcome> {
  let fixed: readonly string[] = []
  try {
    const model = readModel(folder)
    const sets = readdirSync(folder).filter((f) => f.startsWith('test_data_set_')).sort()
    if (sets.length === 0) return { name, verdict: 'fail', why: 'no test data', fixed }
    let plain: Prepared | undefined
    for (const set of sets) {
      const prepared: Prepared = plain ?? await prepare(model, () => recordedIn(model, join(folder, set), 'input'), engine)
      fixed = prepared.fixed
      if (fixed.length === 0) plain = prepared
      const inputs = recordedIn(model, join(folder, set), 'input').tensors, wanted = recordedIn(model, join(folder, set), 'output').tensors
      const results = await prepared.run(Object.fromEntries(Object.entries(inputs).filter(([n]) => !prepared.constants.includes(n))))
      for (const [output, expected] of Object.entries(wanted)) {
        const difference = compare(results[output], expected, tolerance)
        if (difference !== undefined) return { name, verdict: 'fail', why: `${set} output ${output}: ${difference}`, fixed }
      }
      const more = prepared.outputs.filter((o) => !Object.hasOwn(wanted, o))
      if (more.length > 0) return { name, verdict: 'fail', why: `${set} has no output ${more.join(', ')}`, fixed }
    }
    return { name, verdict: 'pass', why: '', fixed }
  } catch (error) {
    return { name, verdict: isRefusal(error) ? 'unsupported' : 'fail', why: error instanceof IngotError ? error.message : error instanceof Error ? `${error.stack}` : String(error), fixed }
  }
}

const isRefusal = (error: unknown): boolean => error instanceof IngotError && (error.code.startsWith('unsupported-') || error.code === 'shape-not-static')

interface Prepared { readonly run: Awaited<ReturnType<Engine>>; readonly outputs: readonly string[]; readonly constants: readonly string[]; readonly fixed: readonly string[] }

/** Inputs of up to this many elements may be fixed where a model cannot be compiled without knowing them. */
const FIXABLE_ELEMENTS = 64

/** Imports the model; where it needs to know small inputs, fixes the last one, then the last two, and so on; the first of several only if it is a scalar, such as a number of iterations. */
async function prepare(model: Uint8Array, read: () => Recorded, engine: Engine): Promise<Prepared> {
  const { tensors, lengths, shapes } = read(), sequences = Object.keys(lengths), names = Object.keys(tensors).filter((n) => !Object.hasOwn(shapes, n))
  const fixable = names.filter((n, i) => (i > 0 || names.length === 1 || tensors[n]?.shape.length === 0) && (tensors[n]?.data.length ?? Infinity) <= FIXABLE_ELEMENTS).reverse()
  for (let count = 0; ; count++) {
    const constants = fixable.slice(0, count)
    try {
      const graph = importOnnxSync(model, { lengths, shapes, constants: Object.fromEntries(constants.map((n) => [n, tensors[n] as HostTensor])) })
      return { run: await engine(graph), outputs: graph.outputs.map((o) => o.name), constants, fixed: [...constants, ...sequences] }
    } catch (error) {
      if (!(error instanceof IngotError && error.code === 'shape-not-static') || (count > 0 && count >= fixable.length)) throw error
    }
  }
}

function readModel(folder: string): Uint8Array {
  const path = join(folder, 'model.onnx')
  return existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`))
}

/** The engine that runs the graph interpreter on the imported graph as it is. */
export const interpretEngine: Engine = (graph) => Promise.resolve((feeds) => interpret(graph, feeds))

function recordedIn(model: Uint8Array, folder: string, kind: 'input' | 'output'): Recorded {
  const files: Uint8Array[] = []
  for (let k = 0; existsSync(join(folder, `${kind}_${k}.pb`)); k++) files.push(readFileSync(join(folder, `${kind}_${k}.pb`)))
  return decodeRecorded(model, kind, files)
}

/** What differs, in words; undefined where `found` is right. */
export function compare(found: HostTensor | undefined, wanted: HostTensor, tolerance: Tolerance): string | undefined {
  if (found === undefined) return 'missing'
  if (found.dtype !== wanted.dtype) return `dtype ${found.dtype}, not ${wanted.dtype}`
  if (found.shape.join() !== wanted.shape.join()) return `shape [${found.shape.join()}], not [${wanted.shape.join()}]`
  if (DTYPES[wanted.dtype].kind !== 'float') {
    const at = Array.from(wanted.data as ArrayLike<unknown>).findIndex((w, i) => found.data[i] !== w)
    return at < 0 ? undefined : `element ${at} is ${String(found.data[at])}, not ${String(wanted.data[at])}`
  }
  const a = toNumbers(found), b = toNumbers(wanted)
  const peak = b.reduce((m, x) => Math.max(m, Number.isFinite(x) ? Math.abs(x) : 0), 0)
  for (let i = 0; i < b.length; i++) {
    const x = a[i] as number, y = b[i] as number
    const allowed = 'peak' in tolerance ? tolerance.peak * peak : tolerance.absolute + tolerance.relative * Math.abs(y)
    if (!(Object.is(x, y) || x === y || Math.abs(x - y) <= allowed)) return `element ${i} is ${x}, not ${y}`
  }
  return undefined
}
