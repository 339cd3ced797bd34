/** What a user feeds, turned into one storage and one shape per input of the program. */
import { DTYPES, elementCount, storageBytes, type HostTensor, type TensorStorage } from '../base/dtype.js'
import { IngotError, type ErrorCode } from '../base/error.js'
import { evaluateDim, visitSymbols, type Dim } from '../base/dim.js'
import { dimLabel, shapeLabel } from './dim-label.js'
import type { Port, ProgramHeader, Target } from './format.js'
import type { GpuTensor } from './gpu-tensor.js'
import { readNested, type NestedValues } from './nested.js'
import { float16Bits, kindOf, STORAGE, Tensor } from './tensor.js'

/** Elements of a number dtype. */
export type NumericStorage = Exclude<TensorStorage, readonly string[]>

/**
 * A value for an input: a Tensor or `{dtype, shape, data}`; a typed array of the input's dtype where its declared shape
 * leaves at most one extent open; or nested numbers (bigints or whole numbers for 64-bit integers), whose nesting is the shape; or,
 * for wgsl, a tensor in a buffer of the session's device.
 */
export type Feed = HostTensor | GpuTensor | NumericStorage | Uint8ClampedArray | NestedValues
export type Feeds = Readonly<Record<string, Feed>>

/** Feeds that fit the declared shapes: the data of each input, in the inputs' order, with the shape that came with it (null for a typed array), and the values of the symbols, in theirs. */
export interface BoundFeeds { readonly data: readonly NumericStorage[]; readonly shapes: readonly (readonly number[] | null)[]; readonly symbols: ReadonlyMap<string, number> }

/** `shape` is null where a typed array was fed. */
interface ReadFeed { readonly data: NumericStorage; readonly shape: readonly number[] | null }

const refuse = (code: ErrorCode, { name, dtype }: Port, what: string, hint: string): never => {
  throw new IngotError(code, `input "${name}" ${what}`, { where: { dtype }, hint })
}

/** What to feed where a typed array does not say enough. */
const WITH_SHAPE = 'feed a Tensor or {dtype, shape, data}'

/** Reads all feeds and solves the symbols. Throws the `feed-…` errors. */
export function readFeeds(header: ProgramHeader, feeds: Feeds): BoundFeeds {
  const { inputs } = header
  const names = `the inputs are ${inputs.map((port) => `"${port.name}"`).join(', ') || 'none'}`
  for (const name of Object.keys(feeds)) {
    if (!inputs.some((port) => port.name === name)) throw new IngotError('feed-unknown', `"${name}" is no input of ${header.name}`, { hint: names })
  }
  const read = inputs.map((port) => {
    const feed = Object.hasOwn(feeds, port.name) ? feeds[port.name] : undefined
    return feed === undefined || feed === null ? refuse('feed-missing', port, 'was not fed', `${names}; this one is ${port.dtype} ${shapeLabel(port.shape)}`) : readFeed(port, feed, header.target)
  })
  // A shape that is kept must not change with the feed.
  return { data: read.map(({ data }) => data), shapes: read.map(({ shape }) => shape && [...shape]), symbols: solveSymbols(header, read) }
}

function readFeed(port: Port, feed: Feed, target: Target): ReadFeed {
  if (ArrayBuffer.isView(feed)) return { data: asStorage(port, feed), shape: null }
  if (typeof feed !== 'object' || Array.isArray(feed)) {
    return ofRank(port, readNested(feed as NestedValues, port.dtype, (what, hint) => new IngotError('feed-dtype', `input "${port.name}": ${what}`, { where: { dtype: port.dtype }, hint })))
  }
  const { dtype, shape, data } = feed as HostTensor
  if (dtype !== port.dtype) refuse('feed-dtype', port, `takes ${port.dtype}, was fed ${dtype}`, 'convert the values')
  if (!Array.isArray(shape)) refuse('feed-rank', port, 'was fed an object without a shape', WITH_SHAPE)
  if ('buffer' in feed && target === 'wgsl') return ofRank(port, { shape, data: feed as never })
  // A plain {dtype, shape, data} is checked as a tensor is.
  return ofRank(port, { shape, data: (STORAGE in feed ? (feed as Tensor) : new Tensor(dtype, shape, data))[STORAGE] })
}

function asStorage(port: Port, view: ArrayBufferView): NumericStorage {
  const { dtype } = port, wanted = DTYPES[dtype].array?.name ?? ''
  const stored = dtype === 'float16' ? float16Bits(view) : view
  const kind = kindOf(stored)
  if (kind.replace('Clamped', '') !== wanted) refuse('feed-dtype', port, `takes ${dtype} in a ${wanted}, was fed a ${kind}`, `feed ${wanted}.from(values)`)
  return stored as NumericStorage
}

function ofRank(port: Port, feed: { readonly shape: readonly number[]; readonly data: TensorStorage }): ReadFeed {
  const given = feed.shape, declared = port.shape
  if (given.length !== declared.length) refuse('feed-rank', port, `is declared ${shapeLabel(declared)} (rank ${declared.length}), was fed ${shapeLabel(given)} (rank ${given.length})`, 'reshape the feed')
  return feed as ReadFeed
}

/** The symbols' values, after all extents were found to be what the declared shapes say at these. */
function solveSymbols(header: ProgramHeader, feeds: readonly ReadFeed[]): ReadonlyMap<string, number> {
  const { inputs } = header
  const known = new Map<string, number>()
  const at = (dim: Dim): number => evaluateDim(dim, (name) => known.get(name) ?? NaN)
  for (const symbol of header.symbols) {
    const { data, shape } = feeds[symbol.input] as ReadFeed
    if (symbol.kind === 'element') known.set(symbol.name, readElement(inputs[symbol.input] as Port, data, symbol.index))
    else if (shape !== null) known.set(symbol.name, shape[symbol.axis] as number)
  }
  const shapes = feeds.map(({ shape }) => shape)
  // Solving one typed array can give the symbol that another one lacks.
  for (let round = 0; round <= inputs.length; round++) {
    inputs.forEach((port, i) => {
      shapes[i] ??= solveShape(port, (feeds[i] as ReadFeed).data.length, at, round === inputs.length)
      port.shape.forEach((dim, axis) => { if (typeof dim === 'string' && shapes[i] && !known.has(dim)) known.set(dim, shapes[i][axis] as number) })
    })
    if (!shapes.includes(null)) break
  }
  const symbols = new Map(header.symbols.map((symbol) => [symbol.name, symbol.kind === 'extent' ? (shapes[symbol.input]?.[symbol.axis] as number) : (known.get(symbol.name) as number)]))
  inputs.forEach((port, i) => port.shape.forEach((dim, axis) => {
    const wanted = evaluateDim(dim, (name) => symbols.get(name) ?? NaN), given = shapes[i]?.[axis]
    if (wanted === given) return
    const sources: string[] = []
    visitSymbols(dim, (name) => {
      for (const symbol of header.symbols) if (symbol.name === name) sources.push(`${name} is ${symbols.get(name)} by ${symbol.kind === 'extent' ? `axis ${symbol.axis}` : `element ${symbol.index}`} of input "${inputs[symbol.input]?.name}"`)
    })
    refuse('feed-extent', port, `has extent ${given} on axis ${axis}, ${sources.length > 0 ? `which is declared ${dimLabel(dim)} = ${wanted}` : `the program takes ${wanted}`}`, sources.join('; ') || `feed the shape ${shapeLabel(port.shape)}, or compile the model with a symbol there`)
  }))
  return symbols
}

function readElement(port: Port, data: NumericStorage, at: number): number {
  const value = Number(data[at])
  return Number.isSafeInteger(value) ? value : refuse('feed-extent', port, `gives an extent with element ${at}, which is ${data[at]}`, 'feed what the model was compiled for')
}

/** The shape of a typed array of `length` elements where the known symbols leave at most one extent open; else null, or in the `last` round an error. */
function solveShape(port: Port, length: number, at: (dim: Dim) => number, last: boolean): readonly number[] | null {
  const label = shapeLabel(port.shape), { dtype } = port
  const shape = port.shape.map(at)
  const axis = shape.findIndex(Number.isNaN), rest = elementCount(shape.filter((_, i) => i !== axis))
  if (Number.isNaN(rest) || typeof port.shape[axis] === 'object') return last ? refuse('feed-extent', port, `is declared ${label}: a typed array of ${length} elements could have several shapes`, WITH_SHAPE) : null
  if (axis >= 0) shape[axis] = length / rest
  const count = elementCount(shape)
  if (!shape.every(Number.isSafeInteger) || (DTYPES[dtype].bits < 8 ? storageBytes(dtype, count) : count) !== length) {
    refuse('feed-extent', port, `is declared ${label} = ${axis < 0 ? '' : 'a multiple of '}${rest} elements, was fed ${length} elements`, WITH_SHAPE)
  }
  return shape
}
