/** What no kernel can hold is refused before anything is lowered: sequences and maps, strings, packed and 8-bit floating-point types. */
import { DTYPES, type DType } from '../base/dtype.js'
import { IngotError, type ErrorPlace } from '../base/error.js'
import type { Graph, Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'

/** Throws `unsupported-type` or `unsupported-dtype` naming the node, input or output, where `graph` has values that programs for `target` cannot have. */
export function checkTypes(graph: Graph, target: string): void {
  for (const v of graph.inputs) checkValue(v, (dtype) => dtype !== 'string', target, { origin: `input ${v.name}` })
  for (const node of graph.nodes) {
    const fits = getOp(node.op).pattern === 'alias' ? (dtype: DType): boolean => dtype !== 'string' : hasElements
    for (const v of [...node.inputs, ...node.outputs]) if (v !== null) checkValue(v, fits, target, { origin: node.origin, op: node.op })
  }
  for (const o of graph.outputs) checkValue(o.value, (dtype) => dtype !== 'string', target, { origin: `output ${o.name}` })
}

/** True for a dtype whose elements kernels load and store one by one. */
const hasElements = (dtype: DType): boolean => DTYPES[dtype].bits >= 8 && dtype !== 'string' && !dtype.startsWith('float8')

function checkValue(value: Value, fits: (dtype: DType) => boolean, target: string, where: ErrorPlace): void {
  const { type } = value
  const hint = 'the interpreter can run it (`ingot verify`)'
  if (type.kind !== 'tensor') throw new IngotError('unsupported-type', `'${value.name}' is a ${type.kind}; programs for the target ${target} hold tensors only`, { where, hint })
  if (!fits(type.dtype)) throw new IngotError('unsupported-dtype', `'${value.name}' is a tensor of ${type.dtype}, which kernels for the target ${target} cannot read`, { where: { ...where, dtype: type.dtype }, hint })
}
