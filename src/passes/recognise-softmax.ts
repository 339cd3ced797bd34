/**
 * Goal: softmax and its logarithm written out become one op.
 *
 *   %m = reduce_max{axes: [1], keepdims: true}(%x)
 *   %d = sub(%x, %m)
 *   %e = exp(%d)                                      ⇒   %y = softmax{axis: 1}(%x)
 *   %s = reduce_sum{axes: [1], keepdims: true}(%e)
 *   %y = div(%e, %s)
 *
 * Also exp(…)·(1/sum), log(softmax(x)) and d − log(sum(exp(d))), which are log_softmax.
 * Does not: take exp(x)/sum(exp(x)) without the maximum: it overflows where softmax does not; several axes at once.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent. Leaves unused nodes to drop-dead.
 */
import { shapeOf, type Node, type Value } from '../ir/graph.js'
import { withoutDeadNodes } from '../ir/rewrite.js'
import { any, either, findMatch, op, valueOf, type Found } from './match.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

export const recogniseSoftmax: Pass = {
  name: 'recognise-softmax',
  doc: 'Finds softmax and log-softmax written out as exponentials and sums.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => withoutDeadNodes(rewriteNodes(graph, softmaxOf)),
}

const shifted = op('sub', [any('x'), op('reduce_max', [any('x')], 'max')])
const exponentials = op('exp', [shifted])
const total = op('reduce_sum', [exponentials], 'sum')
const SOFTMAX = either(op('div', [exponentials, total]), op('mul', [exponentials, op('reciprocal', [total])]))
const LOG_SOFTMAX = op('sub', [shifted, op('log', [total])])
const LOG_OF_SOFTMAX = op('log', [op('softmax', [any('x')], 'softmax')])

const softmaxOf: Rule = (node, rewriting) => {
  switch (node.op) {
    case 'div': case 'mul': return replace(node, 'softmax', findMatch(SOFTMAX, node, rewriting), rewriting)
    case 'sub': return replace(node, 'log_softmax', findMatch(LOG_SOFTMAX, node, rewriting), rewriting)
    case 'log': {
      const found = findMatch(LOG_OF_SOFTMAX, node, rewriting)
      const softmax = found?.nodes.get('softmax')
      return found === undefined || softmax === undefined ? undefined : rewriting.replace(node, 'log_softmax', [valueOf(found, 'x')], softmax.attrs)
    }
    default: return undefined
  }
}

function replace(node: Node, name: string, found: Found | undefined, rewriting: Rewriting): readonly Value[] | undefined {
  const max = found?.nodes.get('max'), sum = found?.nodes.get('sum')
  if (found === undefined || max === undefined || sum === undefined) return undefined
  const x = valueOf(found, 'x')
  const axis = onlyAxis(max)
  return axis !== undefined && axis === onlyAxis(sum) && axis < shapeOf(x).length ? rewriting.replace(node, name, [x], { axis }) : undefined
}

function onlyAxis(reduce: Node): number | undefined {
  const axes = reduce.attrs['axes'] as readonly number[]
  return axes.length === 1 && reduce.attrs['keepdims'] === true ? axes[0] : undefined
}
