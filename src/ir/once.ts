/** Nodes that depend on constants alone: what they give is the same in all runs. */
import { isStatic, type Dim } from './dims.js'
import { isGraph, type Attr, type Node, type Value } from './graph.js'
import { getOp } from './ops/index.js'

/** Whether what `node` gives can be made before the first run, given which values are there by then; its extents have to be numbers. */
export function isMadeOnce(node: Node, isThere: (value: Value) => boolean): boolean {
  const inputs = node.inputs.filter((v) => v !== null), fused = node.op === 'fused'
  return (fused || getOp(node.op).pattern !== 'opaque') && inputs.length > 0 && inputs.every(isThere) && isStaticNode(node)
}

function isStaticNode({ op, attrs, outputs }: Node): boolean {
  const fixed = (value: Value): boolean => value.type.kind === 'tensor' && isStatic(value.type.shape)
  const kinds = getOp(op).attrs
  return outputs.every(fixed) && Object.entries(attrs).every(([name, attr]: [string, Attr]) => {
    if (isGraph(attr)) return attr.nodes.every(isStaticNode)
    return kinds[name] === 'dim' ? typeof attr === 'number' : kinds[name] !== 'dims' || isStatic(attr as readonly Dim[])
  })
}
