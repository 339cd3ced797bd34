/** What a user feeds, turned into one storage and one shape per input of the program. */
import { DTYPES, elementCount, storageBytes, type HostTensor, type TensorStorage } from '../base/dtype.js'
import { IngotError, type ErrorCode } from '../base/error.js'
import { evaluateDim, visitSymbols, type Dim } from '../base/dim.js'
import { dimLabel, shapeLabel } from './dim-label.js'
import type { Port, ProgramHeader } from './format.js'
import { readNested, type NestedValues } from './nested.js'
import { float16Bits, kindOf, STORAGE, Tensor } from './tensor.js'

/** Elements of a number dtype. */
export type NumericStorage = Exclude<TensorStorage, readonly string[]>

/**
 * A value for an input: a Tensor or `{dtype, shape, data}`; a typed array of the input's dtype where its declared shape
 * leaves at most one extent open; or nested numbers (bigints or whole numbers for 64-bit integers), whose nesting is the shape.
 */
export type Feed = HostTensor | NumericStorage | Uint8ClampedArray | NestedValues
export type Feeds = Readonly<Record<string, Feed>>

/** The feed of each input, in the inputs' order. */
export interface BoundFeeds {
  readonly data: readonly NumericStorage[]
  readonly shapes: readonly (readonly number[])[]
  /** Values of the program's symbols, in their order. */
  readonly symbols: readonly number[]
}

const refuse = (code: ErrorCode, port: Port, what: string, hint: string): never => {
  throw new IngotError(code, `input "${port.name}" ${what}`, { where: { dtype: port.dtype }, hint })
}

/** Reads all feeds and solves the symbols. Throws the `feed-…` errors; that extents agree is for `checkExtents`. */
export function readFeeds(header: ProgramHeader, feeds: Feeds): BoundFeeds {
  const names = header.inputs.map((port) => `"${port.name}"`).join(', ')
  for (const name of Object.keys(feeds)) {
    if (!header.inputs.some((port) => port.name === name)) {
      throw new IngotError('feed-unknown', `"${name}" is no input of ${header.name}`, { hint: header.inputs.length === 0 ? 'the program has no inputs' : `the inputs are ${names}` })
    }
  }
  const data: NumericStorage[] = [], shapes: (readonly number[] | null)[] = []
  for (const port of header.inputs) {
    const feed = Object.hasOwn(feeds, port.name) ? feeds[port.name] : undefined
    if (feed === undefined || feed === null) refuse('feed-missing', port, 'was not fed', `the inputs are ${names}; this one is ${port.dtype} ${shapeLabel(port.shape)}`)
    const read = readFeed(port, feed as Feed)
    data.push(read.data)
    shapes.push(read.shape)
  }
  return { data, shapes: shapes as number[][], symbols: solveSymbols(header, data, shapes) }
}

function readFeed(port: Port, feed: Feed): { readonly data: NumericStorage; readonly shape: readonly number[] | null } {
  if (ArrayBuffer.isView(feed)) return { data: asStorage(port, feed), shape: null }
  if (typeof feed !== 'object' || Array.isArray(feed)) {
    const nested = readNested(feed as NestedValues, port.dtype, (what, hint) => new IngotError('feed-dtype', `input "${port.name}": ${what}`, { where: { dtype: port.dtype }, hint }))
    checkRank(port, nested.shape)
    return { data: nested.data as NumericStorage, shape: nested.shape }
  }
  const { dtype, shape } = feed as HostTensor
  if (dtype !== port.dtype) refuse('feed-dtype', port, `takes ${port.dtype}, was fed ${String(dtype)}`, 'convert the values')
  if (!Array.isArray(shape)) refuse('feed-rank', port, 'was fed an object without a shape', 'feed a Tensor or {dtype, shape, data}')
  checkRank(port, shape)
  // A plain {dtype, shape, data} is checked as a tensor is.
  return { data: (STORAGE in feed ? (feed as Tensor) : new Tensor(dtype, shape, (feed as HostTensor).data))[STORAGE] as NumericStorage, shape }
}

function asStorage(port: Port, view: ArrayBufferView): NumericStorage {
  const wanted = DTYPES[port.dtype].array?.name ?? ''
  const stored = port.dtype === 'float16' ? float16Bits(view) : view
  const kind = kindOf(stored)
  if (kind !== wanted && !(wanted === 'Uint8Array' && kind === 'Uint8ClampedArray')) {
    refuse('feed-dtype', port, `takes ${port.dtype} in a ${wanted}, was fed a ${kind}`, `feed ${wanted}.from(values)`)
  }
  return stored as NumericStorage
}

function checkRank(port: Port, shape: readonly number[]): void {
  if (shape.length !== port.shape.length) {
    refuse('feed-rank', port, `is declared ${shapeLabel(port.shape)} (rank ${port.shape.length}), was fed ${shapeLabel(shape)} (rank ${shape.length})`, 'reshape the feed')
  }
}

function solveSymbols(header: ProgramHeader, data: readonly NumericStorage[], shapes: (readonly number[] | null)[]): number[] {
  const known = new Map<string, number>()
  const learn = (i: number): void => header.inputs[i]?.shape.forEach((dim, axis) => {
    const extent = shapes[i]?.[axis]
    if (typeof dim === 'string' && extent !== undefined && !known.has(dim)) known.set(dim, extent)
  })
  for (const symbol of header.symbols) {
    if (symbol.kind === 'extent') { const extent = shapes[symbol.input]?.[symbol.axis]; if (extent !== undefined) known.set(symbol.name, extent) }
    else known.set(symbol.name, readElement(header.inputs[symbol.input] as Port, data[symbol.input] as NumericStorage, symbol.index))
  }
  if (shapes.includes(null)) {
    shapes.forEach((_, i) => learn(i))
    // Solving one flat feed can give the symbol that another one lacks.
    for (let open = shapes.length + 1, left = 0; (left = shapes.filter((s) => s === null).length) > 0 && left < open; open = left) {
      shapes.forEach((shape, i) => { if (shape === null) { shapes[i] = solveShape(header.inputs[i] as Port, (data[i] as NumericStorage).length, known); learn(i) } })
    }
    const i = shapes.indexOf(null)
    const port = header.inputs[i]
    if (port !== undefined) refuse('feed-extent', port, `is declared ${shapeLabel(port.shape)}: a typed array of ${data[i]?.length} elements could have several shapes`, 'feed {dtype, shape, data} or a Tensor')
  }
  return header.symbols.map((symbol) => (symbol.kind === 'extent' ? shapes[symbol.input]?.[symbol.axis] : known.get(symbol.name)) ?? 0)
}

function readElement(port: Port, data: NumericStorage, at: number): number {
  const value = Number(data[at])
  if (!Number.isSafeInteger(value)) refuse('feed-extent', port, `gives an extent with element ${at}, which is ${data[at]}`, 'feed what the model was compiled for')
  return value
}

/** The shape of a flat feed of `length` stored elements where the known symbols leave at most one extent open, else null. */
function solveShape(port: Port, length: number, known: ReadonlyMap<string, number>): number[] | null {
  const isKnown = (dim: Dim): boolean => { let all = true; visitSymbols(dim, (s) => { all &&= known.has(s) }); return all }
  const open = port.shape.filter((dim) => !isKnown(dim))
  const shape = port.shape.map((dim) => (isKnown(dim) ? evaluateDim(dim, (s) => known.get(s) ?? 0) : -1))
  const [first] = open
  if (open.length > 1 || (first !== undefined && typeof first !== 'string')) return null
  const rest = elementCount(shape.filter((_, i) => port.shape[i] !== first))
  if (first !== undefined) {
    const extent = rest > 0 ? length / rest : -1
    if (!Number.isInteger(extent) || extent < 0 || DTYPES[port.dtype].bits < 8) refuse('feed-extent', port, `is declared ${shapeLabel(port.shape)}, which no ${dimLabel(first)} makes of ${length} elements`, `feed a multiple of ${rest} elements`)
    shape[shape.indexOf(-1)] = extent
  } else if (storedLength(port, shape) !== length) {
    refuse('feed-extent', port, `is declared ${shapeLabel(port.shape)} = ${elementCount(shape)} elements, was fed ${length}`, 'feed exactly that many')
  }
  return shape
}

function storedLength(port: Port, shape: readonly number[]): number {
  const count = elementCount(shape)
  return DTYPES[port.dtype].bits < 8 ? storageBytes(port.dtype, count) : count
}

/** Throws `feed-extent` unless every fed extent is what `expected` (the declared shapes at these symbols) says. */
export function checkExtents(header: ProgramHeader, expected: readonly (readonly number[])[], feeds: BoundFeeds): void {
  header.inputs.forEach((port, i) => port.shape.forEach((dim, axis) => {
    const wanted = expected[i]?.[axis], given = feeds.shapes[i]?.[axis]
    if (wanted === given) return
    if (typeof dim === 'number') refuse('feed-extent', port, `has extent ${given} on axis ${axis}, the program takes ${dim}`, `feed the shape ${shapeLabel(port.shape)}, or compile the model with a symbol there`)
    const sources: string[] = []
    visitSymbols(dim, (name) => {
      const k = header.symbols.findIndex((s) => s.name === name), symbol = header.symbols[k]
      if (symbol !== undefined) sources.push(`${name} is ${feeds.symbols[k]} by ${symbol.kind === 'extent' ? `axis ${symbol.axis}` : `element ${symbol.index}`} of input "${header.inputs[symbol.input]?.name}"`)
    })
    refuse('feed-extent', port, `has extent ${given} on axis ${axis}, which is declared ${dimLabel(dim)} = ${wanted}`, sources.join('; '))
  }))
}
