/** Checks of what a graph is fed, and the values its symbols get from it. */
import { evaluateDim, visitSymbols } from '../base/dim.js'
import { DTYPES, type HostTensor } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { Dim } from './dims.js'
import { printDim } from './dims-text.js'
import { tensorOf, type Graph, type SymbolSource, type Value } from './graph.js'
import { toNumbers } from './host-tensor.js'
import { printType } from './types.js'

export type Feeds = Readonly<Record<string, HostTensor>>

/**
 * The values of `graph`'s symbols under `feeds`. Throws `feed-unknown`, `feed-missing`, `feed-dtype`, `feed-rank`, `feed-extent` for feeds that do
 * not fit the inputs, and `constraint-violated` where the graph's assumptions do not hold.
 */
export function bindSymbols(graph: Graph, feeds: Feeds): Map<string, number> {
  checkPorts(graph, feeds)
  const symbols = new Map<string, number>()
  for (const symbol of graph.symbols) if (symbol.source.kind !== 'measured') symbols.set(symbol.name, symbolValue(graph, symbol.name, symbol.source, feeds))
  for (const input of graph.inputs) checkExtents(graph, input, feeds[input.name] as HostTensor, symbols)
  checkConstraints(graph, symbols)
  return symbols
}

/** Throws `constraint-violated` where an assumption of the graph does not hold, of those that speak of symbols with values and (where given) of one of `fresh`. */
export function checkConstraints(graph: Graph, symbols: ReadonlyMap<string, number>, fresh?: readonly string[]): void {
  for (const { kind, a, b, why } of graph.constraints) {
    let isDue = fresh === undefined, isKnown = true
    for (const d of [a, b]) visitSymbols(d, (s) => { isKnown &&= symbols.has(s); isDue ||= fresh?.includes(s) === true })
    const x = valueOf(a, symbols), y = valueOf(b, symbols)
    if (!isDue || !isKnown || (kind === 'eq' ? x === y : x <= y)) continue
    throw new IngotError('constraint-violated', `${printDim(a)} = ${x} must ${kind === 'eq' ? 'equal' : 'not exceed'} ${printDim(b)} = ${y}: ${why}`, {
      hint: `${fresh === undefined ? 'the feeds give' : 'in this run'} ${symbolList([a, b], graph, symbols)}`,
    })
  }
}

/** The number a dim has under `symbols`; NaN where it holds a symbol without a value. */
export function valueOf(dim: Dim, symbols: ReadonlyMap<string, number>): number {
  return typeof dim === 'number' ? dim : evaluateDim(dim, (s) => symbols.get(s) ?? NaN)
}

type FedSource = Exclude<SymbolSource, { readonly kind: 'measured' }>

function checkPorts(graph: Graph, feeds: Feeds): void {
  const names = graph.inputs.map((v) => v.name)
  const known = new Set(names)
  for (const name of Object.keys(feeds)) {
    if (!known.has(name)) throw new IngotError('feed-unknown', `'${name}' is no input`, { hint: names.length === 0 ? 'this graph has no inputs' : `the inputs are ${names.map((n) => `'${n}'`).join(', ')}` })
  }
  for (const input of graph.inputs) {
    const feed = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined
    if (feed === undefined) throw new IngotError('feed-missing', `input '${input.name}' is not fed`, { hint: `it takes ${printType(input.type)}` })
    if (input.type.kind !== 'tensor') throw new IngotError('unsupported-type', `input '${input.name}' takes ${printType(input.type)}, and only tensors can be fed`)
    const { dtype, shape } = input.type
    const hint = `it takes ${printType(input.type)}`
    if (feed.dtype !== dtype) throw new IngotError('feed-dtype', `input '${input.name}' takes ${dtype}, ${feed.dtype} was fed`, { hint })
    if (feed.shape.length !== shape.length) throw new IngotError('feed-rank', `input '${input.name}' has ${shape.length} axes, the feed has ${feed.shape.length}: [${feed.shape.join(', ')}]`, { hint })
  }
}

function symbolValue(graph: Graph, name: string, source: FedSource, feeds: Feeds): number {
  const feed = feeds[graph.inputs[source.input]?.name ?? ''] as HostTensor
  const value = source.kind === 'extent' ? feed.shape[source.axis] : toNumbers(feed)[source.index]
  if (value === undefined) throw new IngotError('feed-extent', `'${name}' is ${placeOf(graph, source)}, which the feed [${feed.shape.join(', ')}] does not have`)
  return value
}

function placeOf(graph: Graph, source: SymbolSource): string {
  if (source.kind === 'measured') return 'measured while running'
  const input = `input '${graph.inputs[source.input]?.name}'`
  return source.kind === 'extent' ? `the extent of axis ${source.axis} of ${input}` : `element ${source.index} of ${input}`
}

function checkExtents(graph: Graph, input: Value, feed: HostTensor, symbols: ReadonlyMap<string, number>): void {
  tensorOf(input).shape.forEach((dim, axis) => {
    const wanted = valueOf(dim, symbols)
    if (feed.shape[axis] === wanted) return
    throw new IngotError('feed-extent', `input '${input.name}' has extent ${wanted} at axis ${axis}, the feed has ${feed.shape[axis]}: [${feed.shape.join(', ')}]`, {
      hint: typeof dim === 'number' ? `it takes ${printType(input.type)}` : `it takes ${printType(input.type)}, where ${symbolList([dim], graph, symbols)}`,
    })
  })
  if (input.dims === undefined || DTYPES[feed.dtype].kind === 'float') return
  const elements = toNumbers(feed)
  input.dims.forEach((dim, i) => {
    const wanted = valueOf(dim, symbols)
    if (elements[i] !== wanted) throw new IngotError('constraint-violated', `element ${i} of input '${input.name}' must be ${printDim(dim)} = ${wanted}, the feed has ${elements[i]}`)
  })
}

function symbolList(dims: readonly Dim[], graph: Graph, symbols: ReadonlyMap<string, number>): string {
  const names = new Set<string>()
  for (const d of dims) visitSymbols(d, (s) => names.add(s))
  return [...names].map((name) => {
    const symbol = graph.symbols.find((s) => s.name === name)
    return `${name} = ${symbols.get(name)}${symbol === undefined ? '' : ` (${placeOf(graph, symbol.source)})`}`
  }).join(', ')
}
