/** Graphs that are parts of others: the whole gives them the values of their symbols. */
import type { Graph, Value } from '../ir/graph.js'
import { tensorType } from '../ir/types.js'

/** The input of a part that holds the symbols' values: no value of a graph has such a name. */
export const SYMBOLS = '(symbols)'

/** `part` with the values of the symbols `names` as the elements of one more input, where there are any. */
export function withFedSymbols(part: Graph, names: readonly string[]): Graph {
  const values: Value = { name: SYMBOLS, type: tensorType('int64', [names.length]) }
  return {
    ...part,
    symbols: names.map((name, index) => ({ name, source: { kind: 'element', input: part.inputs.length, index } })),
    inputs: names.length > 0 ? [...part.inputs, values] : part.inputs,
  }
}
