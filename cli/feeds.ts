/** Inputs for a run: files (.npy, .pb, .bin), seeded random numbers or zeros, by the ports of a program. */
import { basename, extname } from 'node:path'
import {
  allocateStorage, decodeTensorProto, DTYPES, elementCount, evaluateDim, IngotError, printShape, seededTensor, storageOf, type Dim, type DType, type HostTensor, type InputShapes,
} from '../src/index.js'
import { readBytes } from './model.js'
import { readNpy } from './npy.js'

export interface FeedPort { readonly name: string; readonly dtype: DType; readonly shape: readonly Dim[] }

/** `x=random`, collected over repeated options. */
export function inputOption(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new IngotError('bad-option', `--input ${text}: write NAME=FILE, NAME=random or NAME=zeros`, { hint: 'for example --input x=photo.npy' })
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) }
}

export interface FeedOptions {
  readonly inputs: Readonly<Record<string, string>>
  readonly shapes: InputShapes
  readonly seed: number
  /** Told about each input that was made up, and each symbolic extent that was chosen. */
  readonly say: (line: string) => void
}

/** A tensor for every port: from `--input`, random where none is given. Symbols take their value from `--shape` or files, else 1. */
export async function makeFeeds(ports: readonly FeedPort[], options: FeedOptions): Promise<Record<string, HostTensor>> {
  for (const name of [...Object.keys(options.inputs), ...Object.keys(options.shapes)]) {
    if (!ports.some((p) => p.name === name)) throw new IngotError('feed-unknown', `there is no input '${name}'`, { hint: `the inputs are ${ports.map((p) => `'${p.name}'`).join(', ')}` })
  }
  const symbols = new Map<string, number>()
  const feeds: Record<string, HostTensor> = {}
  const note = (port: FeedPort, shape: readonly (number | null)[]): void => port.shape.forEach((d, i) => { const extent = shape[i]; if (typeof d === 'string' && typeof extent === 'number') symbols.set(d, extent) })
  for (const port of ports) {
    const given = options.shapes[port.name]
    if (given !== undefined) note(port, given)
    const spec = options.inputs[port.name]
    if (spec === undefined || spec === 'random' || spec === 'zeros' || extname(spec) === '.bin') continue
    const tensor = await readTensor(spec)
    feeds[port.name] = tensor
    note(port, tensor.shape)
  }
  let seed = options.seed
  for (const port of ports) {
    if (feeds[port.name] !== undefined) continue
    const declared = (d: Dim | undefined): number => evaluateDim(d ?? 1, (s) => symbols.get(s) ?? choose(s, symbols, options.say))
    const shape = options.shapes[port.name]?.map((extent, i) => extent ?? declared(port.shape[i])) ?? port.shape.map(declared)
    const spec = options.inputs[port.name]
    if (spec !== undefined && extname(spec) === '.bin') feeds[port.name] = await readRaw(spec, port, shape)
    else if (spec === 'zeros') feeds[port.name] = { dtype: port.dtype, shape, data: allocateStorage(port.dtype, elementCount(shape)) }
    else {
      if (spec === undefined) options.say(`input ${port.name} ${port.dtype}${printShape(shape)} is random (seed ${options.seed})`)
      feeds[port.name] = seededTensor(port.dtype, shape, seed++)
    }
  }
  return feeds
}

function choose(symbol: string, symbols: Map<string, number>, say: (line: string) => void): number {
  symbols.set(symbol, 1)
  say(`extent ${symbol} is taken to be 1 (choose with --shape)`)
  return 1
}

/** The tensor of a .npy or .pb file. */
export async function readTensor(path: string): Promise<HostTensor> {
  const bytes = await readBytes(path)
  switch (extname(path)) {
    case '.npy': return readNpy(bytes, basename(path))
    case '.pb': return decodeTensorProto(bytes)
    default: throw new IngotError('bad-option', `'${path}': an input is a .npy, .pb (TensorProto) or .bin file`, { hint: "write it with numpy.save, or use 'random' or 'zeros'" })
  }
}

async function readRaw(path: string, port: FeedPort, shape: readonly number[]): Promise<HostTensor> {
  const bytes = await readBytes(path)
  const wanted = elementCount(shape) * (DTYPES[port.dtype].bits / 8)
  if (bytes.length !== wanted) throw new IngotError('bad-tensor', `'${path}' holds ${bytes.length} bytes; ${port.dtype}${printShape(shape)} takes ${wanted}`, { hint: 'give the shape with --shape' })
  return { dtype: port.dtype, shape, data: storageOf(port.dtype, bytes) }
}
