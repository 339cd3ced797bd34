/** A graph in parts + the artefacts of its parts → Program data whose steps are the parts. */
import { product } from '../ir/dims.js'
import { tensorOf, type Value } from '../ir/graph.js'
import type { ProgramBuffer, ProgramData, ProgramHeader, ProgramKernel, Step, WgslCode } from '../runtime/format.js'
import { align64 } from '../runtime/plan.js'
import type { SplitGraph } from './split-parts.js'
import { portsOf, type EmitOptions } from './emit.js'

/** The program; `artefacts` are those of the parts, in their order. */
export function emitParts({ graph, parts, measured }: SplitGraph, artefacts: readonly Uint8Array[], options: EmitOptions): ProgramData {
  const numbers = new Map<Value, number>(), buffers: ProgramBuffer[] = []
  const bufferOf = (value: Value): number => {
    const { dtype, shape } = tensorOf(value), known = numbers.get(value)
    if (known !== undefined) return known
    numbers.set(value, buffers.length)
    return buffers.push({ dtype, length: product(shape), place: 'host', first: -1, last: parts.length }) - 1
  }
  const { inputs, outputs } = portsOf(graph, bufferOf, options)
  const steps = parts.map(({ takes, gives, symbols, graph: own }, i): Step => ({ kernel: i, buffers: [...takes, ...gives].map(bufferOf), params: symbols, origin: own.name }))
  const offsets: number[] = []
  let end = 0
  for (const { length } of artefacts) { offsets.push(end); end += align64(length) }
  const host = new Uint8Array(end)
  artefacts.forEach((artefact, i) => host.set(artefact, offsets[i]))
  const kernels = parts.map(({ graph: own }, i): ProgramKernel => {
    const code: WgslCode = { kind: 'host', offset: offsets[i] as number, bytes: (artefacts[i] as Uint8Array).length }
    return { name: own.name, code }
  })
  const header: ProgramHeader = {
    name: graph.name, target: options.target, ...(options.threads !== undefined && { threads: options.threads }), producer: options.producer,
    symbols: graph.symbols.flatMap(({ name, source }) => (source.kind === 'measured' ? [] : [{ name, ...source }])),
    constraints: [], inputs, outputs,
    measured: measured.map(({ symbol, value, index }) => ({ name: symbol, buffer: bufferOf(value), index })),
    buffers, steps, kernels, constants: [],
    ...(options.graphText !== undefined && { graph: options.graphText }),
  }
  return { header, sections: { host } }
}
