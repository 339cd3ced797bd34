/** The ONNX importer and exporter: the package's `ingot/onnx`. */
import { IngotError } from '../../base/error.js'
import { nodeModule } from '../../base/node-modules.js'
import type { Graph, InputShapes } from '../../ir/graph.js'
import { decodeModel } from './decode.js'
import { locationsOf, readerOf, readFiles, type ExternalData } from './external-data.js'
import type { FixedValue } from './fixed-inputs.js'
import { importModel } from './import.js'
import type { Lengths } from './spread-inputs.js'
import type { Message } from './schema.js'

export type { ExternalData } from './external-data.js'
export type { FixedValue } from './fixed-inputs.js'
export type { Lengths } from './spread-inputs.js'
export { decodeOptionalProto, decodeRecorded, decodeSequenceProto, decodeTensorProto, type Recorded } from './test-data.js'
export { toOnnx, type ToOnnxOptions } from '../onnx-export/index.js'

export interface ImportOnnxOptions {
  /** Bytes of external data files by location, or a function that gives them. Absent for a path: read from the model's folder. */
  readonly externalData?: ExternalData
  /** Initialisers that are graph inputs too become inputs instead of constants. */
  readonly overridableInitializers?: boolean
  /** Inputs fixed to a value, `{ sample_rate: 16000 }`: they become constants of the graph. For inputs that decide a branch, axes, scales or other things while compiling. */
  readonly constants?: Readonly<Record<string, FixedValue>>
  /** Extents to fix, by input name, null for one that stays as it is; what depends on them is decided while importing. Others stay symbolic. */
  readonly shapes?: InputShapes
  /**
   * How many tensors the model's sequence inputs hold, by name, `{ x: 3 }`: they become the inputs `x.0`, `x.1` and `x.2`. Of an optional input 1 where it holds a tensor,
   * null where it holds nothing.
   */
  readonly lengths?: Lengths
  /** Names of the results to keep, all where absent; what only others need is not computed, and may be what no program can give. */
  readonly outputs?: readonly string[]
}

/** Imports an ONNX model from its bytes or, where there is a file system, from a path; external data are then read from the model's own folder only. */
export async function importOnnx(source: Uint8Array | ArrayBuffer | string, options: ImportOnnxOptions = {}): Promise<Graph> {
  if (typeof source !== 'string') return importOnnxSync(source, options)
  const model = decodeModel(await readModelFile(source))
  if (options.externalData !== undefined) return importDecoded(model, options)
  const locations = locationsOf(tensorsOf(model))
  if (locations.length === 0) return importDecoded(model, options)
  const { dirname, resolve } = await nodeModule('node:path')
  return importDecoded(model, { ...options, externalData: await readFiles(dirname(resolve(source)), locations) })
}

/** Imports an ONNX model from its bytes, which must not change afterwards: weights are views of them. */
export function importOnnxSync(bytes: Uint8Array | ArrayBuffer, options: ImportOnnxOptions = {}): Graph {
  return importDecoded(decodeModel(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes), options)
}

function importDecoded(model: Message<'ModelProto'>, options: ImportOnnxOptions): Graph {
  return importModel(model, {
    ...(options.externalData !== undefined && { external: readerOf(options.externalData) }),
    ...(options.constants !== undefined && { constants: options.constants }),
    ...(options.shapes !== undefined && { shapes: options.shapes }),
    ...(options.lengths !== undefined && { lengths: options.lengths }),
    ...(options.outputs !== undefined && { outputs: options.outputs }),
    ...(options.overridableInitializers !== undefined && { overridableInitializers: options.overridableInitializers }),
  })
}

async function readModelFile(path: string): Promise<Uint8Array> {
  const { readFile } = await nodeModule('node:fs/promises')
  return readFile(path).catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT') throw new IngotError('file-not-found', `there is no file '${path}'`, { hint: 'check the path', cause })
    throw new IngotError('file-unreadable', `cannot read '${path}': ${code === 'EISDIR' ? 'it is a folder' : String(cause)}`, { hint: 'pass the path of a .onnx file', cause })
  })
}

/** Every tensor of a model, in nested graphs and functions too. */
function* tensorsOf(model: Message<'ModelProto'>): Generator<Message<'TensorProto'>> {
  if (model.graph !== undefined) yield* tensorsOfGraph(model.graph)
  for (const f of model.functions) yield* tensorsOfNodes(f.node)
}

function* tensorsOfGraph(graph: Message<'GraphProto'>): Generator<Message<'TensorProto'>> {
  yield* graph.initializer
  for (const s of graph.sparseInitializer) { if (s.values !== undefined) yield s.values; if (s.indices !== undefined) yield s.indices }
  yield* tensorsOfNodes(graph.node)
}

function* tensorsOfNodes(nodes: readonly Message<'NodeProto'>[]): Generator<Message<'TensorProto'>> {
  for (const node of nodes) {
    for (const a of node.attribute) {
      if (a.t !== undefined) yield a.t
      yield* a.tensors
      for (const g of [...(a.g === undefined ? [] : [a.g]), ...a.graphs]) yield* tensorsOfGraph(g)
    }
  }
}
