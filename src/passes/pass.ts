/** What a pass is: a pure function from graph to graph, with the stage it needs and what it keeps. */
import type { Graph, GraphStage } from '../ir/graph.js'

export interface Pass {
  /** The word for it on command lines and in dumps; also the name of its file. */
  readonly name: string
  /** One sentence. */
  readonly doc: string
  /** The earliest stage of a graph that the pass takes. Graphs of later stages are taken too, but fused ones only by passes that need `fused`. */
  readonly needs: GraphStage
  /** The stage of the result where it is a later one than the graph had. */
  readonly ensures?: GraphStage
  /** `bits`: results are the same to the last bit. `rounding`: floating-point results may differ by how they are rounded. */
  readonly preserves: 'bits' | 'rounding'
  /** The rewritten graph; the same object where there was nothing to do. */
  run(graph: Graph): Graph
}
