/**
 * Golden files: header comments, a graph, a line `=>`, and the graph that the passes must make of it.
 *
 *     // passes: fold-constants, drop-dead
 *     // symbols: n=3 h=4         (optional, may repeat: values to interpret with; default two sets of small numbers)
 *     // range: indices 0 3       (optional, may repeat: elements of an input are drawn from [0, 3))
 *     // not interpreted: why     (optional: for graphs whose ops have no meaning of their own)
 */
import { evaluateDim } from '../../src/base/dim.js'
import { elementCount, type HostTensor } from '../../src/base/dtype.js'
import type { Graph } from '../../src/ir/graph.js'
import { fromNumbers, seededTensor, toNumbers } from '../../src/ir/host-tensor.js'

export interface GoldenFile {
  /** The comments before the first graph, as they stand. */
  readonly header: string
  readonly passes: readonly string[]
  readonly symbols: readonly Readonly<Record<string, number>>[]
  readonly ranges: Readonly<Record<string, readonly [number, number]>>
  readonly interpreted: boolean
  readonly before: string
  /** Empty in a file that has not been blessed yet. */
  readonly after: string
}

/** Reads a golden file; throws an Error that says what its header lacks. */
export function readGolden(text: string): GoldenFile {
  const [first = '', after = ''] = text.split(/^=>[^\n]*\n?/m)
  const header = /^(?:\s*\/\/[^\n]*\n)*/.exec(first)?.[0] ?? ''
  const fields = [...header.matchAll(/^\s*\/\/ ([a-z ]+): ?(.*)$/gm)].map((m) => ({ key: m[1] as string, value: (m[2] as string).trim() }))
  const all = (key: string): string[] => fields.filter((f) => f.key === key).map((f) => f.value)
  const passes = all('passes').flatMap((v) => v.split(/[\s,]+/)).filter((p) => p !== '')
  if (passes.length === 0) throw new Error("a golden file begins with a line '// passes: …'")
  return {
    header, passes,
    symbols: all('symbols').map((v) => Object.fromEntries(v.split(/\s+/).map((pair) => { const [k = '', n] = pair.split('='); return [k, Number(n)] }))),
    ranges: Object.fromEntries(all('range').map((v) => { const [name = '', low, high] = v.split(/\s+/); return [name, [Number(low), Number(high)] as const] })),
    interpreted: all('not interpreted').length === 0,
    before: first.slice(header.length).trim(), after: after.trim(),
  }
}

/** The text of a golden file with another result. */
export function writeGolden(file: GoldenFile, after: string): string {
  return `${file.header}${file.before}\n=>\n${after.trim()}\n`
}

/** The sets of symbol values to interpret with. */
export function symbolSets(file: GoldenFile, graph: Graph): readonly Readonly<Record<string, number>>[] {
  if (file.symbols.length > 0) return file.symbols
  const set = (value: (i: number) => number): Record<string, number> => Object.fromEntries(graph.symbols.map((s, i) => [s.name, value(i)]))
  return graph.symbols.length === 0 ? [{}] : [set((i) => 2 + i), set(() => 1)]
}

/** Seeded feeds for `graph` with its symbols at the given values; elements that define a symbol have its value. */
export function seededFeeds(graph: Graph, symbols: Readonly<Record<string, number>>, ranges: GoldenFile['ranges'], seed: number): Record<string, HostTensor> {
  const valueOf = (symbol: string): number => symbols[symbol] ?? NaN
  return Object.fromEntries(graph.inputs.map((input, i) => {
    if (input.type.kind !== 'tensor') throw new Error(`input ${input.name} is no tensor`)
    const shape = input.type.shape.map((d) => evaluateDim(d, valueOf))
    const random = seededTensor(input.type.dtype, shape, seed * 1000 + i, ranges[input.name])
    const known = Array.from({ length: elementCount(shape) }, (_, at) => input.dims?.[at] ?? graph.symbols.find((s) => s.source.kind === 'element' && s.source.input === i && s.source.index === at)?.name)
    if (known.every((d) => d === undefined)) return [input.name, random]
    const drawn = toNumbers(random)
    return [input.name, fromNumbers(input.type.dtype, shape, known.map((d, at) => (d === undefined ? drawn[at] as number : evaluateDim(d, valueOf))))]
  }))
}

/** A sentence on the first element where two sets of outputs differ by more than `tolerance` (relative to the larger of 1 and the value); undefined where none does. */
export function firstDifference(a: Readonly<Record<string, HostTensor>>, b: Readonly<Record<string, HostTensor>>, tolerance: number): string | undefined {
  for (const [name, x] of Object.entries(a)) {
    const y = b[name]
    if (y === undefined || y.dtype !== x.dtype || y.shape.join() !== x.shape.join()) return `${name}: ${x.dtype}[${x.shape.join(', ')}] became ${y === undefined ? 'nothing' : `${y.dtype}[${y.shape.join(', ')}]`}`
    const p = toNumbers(x), q = toNumbers(y)
    for (let i = 0; i < p.length; i++) {
      const u = p[i] as number, v = q[i] as number
      if (!Object.is(u, v) && !(Math.abs(u - v) <= tolerance * Math.max(1, Math.abs(u)))) return `${name}[${i}]: ${u} became ${v}`
      if (tolerance === 0 && !Object.is(u, v)) return `${name}[${i}]: ${u} became ${v}`
    }
  }
  return undefined
}
