/**
 * The text form of graphs. `parseGraph(printGraph(g, { weights: 'full' }))` is `g`.
 *
 *     graph @mlp stage=inference (x: float32[batch, 16]) -> (y: float32[batch, 4]) {
 *       symbol batch = extent(x, 0)
 *       const %w: float32[16, 4] = [0.5, 1, …]
 *       %h: float32[batch, 4] = matmul(%x, %w) {trans_a = false, trans_b = false} @ "Gemm_0"
 *       return y = %h
 *     }
 *
 * A symbol that a `measure` node gives its value is declared as `symbol n = measured`. Elements known as dims follow a type in braces: `%s: int64[2] {batch, 384}`; a memory order other than row-major follows
 * as `order [0, 2, 3, 1]`; an input that is not given is `_`. A constant
 * stands in the innermost graph that all its uses are in.
 */
import type { HostTensor } from '../base/dtype.js'
import type { Dim } from './dims.js'
import { printDim, printShape } from './dims-text.js'
import { printElements, printNumber } from './elements-text.js'
import { isGraph, isHostTensor, nestedGraphs, type Attr, type Graph, type Node, type SymbolDecl, type Value } from './graph.js'
import { printName } from './names-text.js'
import type { AttrKind } from './op.js'
import { OPS } from './ops/index.js'
import { capturedBy } from './rewrite.js'
import { printType } from './types.js'

export interface PrintOptions {
  /** `short` (the default) leaves out the elements of large constants, as `…`, which the parser refuses; `full` has them all. */
  readonly weights?: 'short' | 'full'
}

/** Constants of more elements than this are cut short. */
const SHORT_ELEMENTS = 8

interface Printing {
  readonly full: boolean
  /** Constants that a graph around has printed. */
  readonly printed: Set<Value>
}

/** The text of a graph. Prints broken graphs too, so that errors can show them. */
export function printGraph(graph: Graph, options: PrintOptions = {}): string {
  return `${graphText(graph, '', { full: options.weights === 'full', printed: new Set() })}\n`
}

function graphText(graph: Graph, indent: string, printing: Printing): string {
  const inner = `${indent}  `
  const inputs = graph.inputs.map((v) => `${printName(v.name)}: ${typeText(v)}`)
  const outputs = graph.outputs.map((o) => `${printName(o.name)}: ${printType(o.value.type)}`)
  const lines = [
    ...graph.symbols.map((s) => symbolText(s, graph)),
    ...graph.constraints.map((c) => `assume ${printDim(c.a)} ${c.kind === 'eq' ? '==' : '<='} ${printDim(c.b)} ${JSON.stringify(c.why)}`),
    ...constantsOf(graph, printing.printed).map((v) => constantText(v, printing)),
    ...graph.nodes.map((n) => nodeText(n, inner, printing)),
    `return ${graph.outputs.map((o) => `${printName(o.name)} = ${valueText(o.value)}`).join(', ')}`.trimEnd(),
  ]
  const head = `graph @${printName(graph.name)} stage=${graph.stage} (${inputs.join(', ')}) -> (${outputs.join(', ')}) {`
  return [head, ...lines.map((l) => inner + l), `${indent}}`].join('\n')
}

const valueText = (value: Value): string => `%${printName(value.name)}`
const typeText = (value: Value): string => printType(value.type) + (value.dims === undefined ? '' : ` {${value.dims.map(printDim).join(', ')}}`) + (value.order === undefined ? '' : ` order [${value.order.join(', ')}]`)

function symbolText(symbol: SymbolDecl, graph: Graph): string {
  const { source } = symbol
  if (source.kind === 'measured') return `symbol ${printName(symbol.name)} = measured`
  const input = graph.inputs[source.input]
  return `symbol ${printName(symbol.name)} = ${source.kind}(${input === undefined ? `#${source.input}` : printName(input.name)}, ${source.kind === 'extent' ? source.axis : source.index})`
}

/** The constants to print in `graph`: used by its own nodes or outputs, or in more than one of its nested graphs; marks them as printed. */
function constantsOf(graph: Graph, printed: Set<Value>): Value[] {
  const here = new Set<Value>()
  const nestedOnce = new Set<Value>()
  const use = (v: Value | null): void => { if (v?.data !== undefined && !printed.has(v)) here.add(v) }
  for (const node of graph.nodes) {
    node.inputs.forEach(use)
    for (const nested of nestedGraphs(node)) {
      for (const v of capturedBy(nested)) {
        if (nestedOnce.has(v)) use(v)
        nestedOnce.add(v)
      }
    }
  }
  for (const o of graph.outputs) use(o.value)
  for (const v of here) printed.add(v)
  return [...here]
}

function constantText(value: Value, printing: Printing): string {
  return `const ${valueText(value)}: ${typeText(value)} = ${elementsText(value.data as HostTensor, printing)}`
}

function elementsText(tensor: HostTensor, printing: Printing): string {
  const cut = !printing.full && tensor.data.length > SHORT_ELEMENTS
  const texts = printElements(tensor, cut ? SHORT_ELEMENTS / 2 : Infinity)
  return `[${[...texts, ...(cut ? ['…'] : [])].join(', ')}]`
}

function nodeText(node: Node, indent: string, printing: Printing): string {
  const outputs = node.outputs.map((v) => `${valueText(v)}: ${typeText(v)}`).join(', ')
  const inputs = node.inputs.map((v) => (v === null ? '_' : valueText(v))).join(', ')
  const schema = OPS.get(node.op)?.attrs ?? {}
  const names = [...Object.keys(schema).filter((k) => Object.hasOwn(node.attrs, k)), ...Object.keys(node.attrs).filter((k) => !Object.hasOwn(schema, k))]
  const attrs = names.map((k) => `${printName(k)} = ${attrText(node.attrs[k] as Attr, schema[k], indent, printing)}`)
  return `${outputs}${outputs === '' ? '' : ' = '}${printName(node.op)}(${inputs})${attrs.length > 0 ? ` {${attrs.join(', ')}}` : ''}${node.origin === '' ? '' : ` @ ${JSON.stringify(node.origin)}`}`
}

/** The text of an attribute of a known kind; of an unknown one, as its data looks. */
function attrText(attr: Attr, kind: AttrKind | undefined, indent: string, printing: Printing): string {
  if (isGraph(attr)) return graphText(attr, indent, printing)
  if (isHostTensor(attr)) return `${attr.dtype}${printShape(attr.shape)} ${elementsText(attr, printing)}`
  if (kind === 'dim' && typeof attr !== 'boolean') return printDim(attr as Dim)
  if (kind === 'dims' && Array.isArray(attr)) return printShape(attr as readonly Dim[])
  if (kind === 'dtype') return String(attr)
  return Array.isArray(attr) ? `[${attr.map(scalarText).join(', ')}]` : scalarText(attr)
}

function scalarText(scalar: unknown): string {
  return typeof scalar === 'number' ? printNumber(scalar) : typeof scalar === 'boolean' ? String(scalar) : JSON.stringify(scalar)
}
