/** Domains and opset versions: which rule a node gets, and one message that lists every op that has none. */
import { IngotError } from '../../base/error.js'
import type { Rule } from './call.js'
import type { FunctionTable } from './functions.js'
import { nodeName } from './order.js'
import { RULES } from './rules/index.js'
import type { Message } from './schema.js'

type NodeProto = Message<'NodeProto'>

/** Opset version by domain; the default domain is ''. */
export type Opsets = ReadonlyMap<string, number>

/** Newest opset of the default domain whose changes the rules know. */
export const NEWEST_OPSET = 28

/** The canonical name of a domain: `ai.onnx` is the default one. */
export const domainName = (domain: string | undefined): string => (domain === undefined || domain === 'ai.onnx' ? '' : domain)

/** Opset imports of a model or function. Imports that no node uses are fine, whatever they are. */
export function opsetsOf(imports: readonly Message<'OperatorSetIdProto'>[]): Opsets {
  return new Map(imports.map((o) => [domainName(o.domain), o.version ?? 0]))
}

/** The rule for a node and the opset it is read by. Throws `unsupported-op` or `unsupported-opset`. */
export function ruleFor(node: NodeProto, opsets: Opsets, origin: string): { readonly rule: Rule; readonly opset: number } {
  const domain = domainName(node.domain)
  const opset = opsets.get(domain)
  const where = { origin, op: node.opType ?? '', ...(opset !== undefined && { opset }) }
  if (opset === undefined) throw new IngotError('unsupported-opset', `the model uses ${labelOf(node)} without importing an opset of domain '${domain || 'ai.onnx'}'`, { where, hint: 'opset_import must name the version of each domain in use' })
  if (domain === '' && (opset > NEWEST_OPSET || opset < 1)) throw new IngotError('unsupported-opset', `the model imports opset ${opset}; opsets 1 to ${NEWEST_OPSET} are supported`, { where, hint: 'convert it with onnx.version_converter' })
  const versions = RULES.get(domain)?.[node.opType ?? ''] ?? []
  const rule = versions.filter((v) => v.since <= opset).at(-1)
  if (rule !== undefined) return { rule: rule.rule, opset }
  if (versions.length > 0) throw new IngotError('unsupported-opset', `${labelOf(node)} is supported from opset ${versions[0]?.since} on, and the model has opset ${opset}`, { where, hint: 'convert the model with onnx.version_converter' })
  throw new IngotError('unsupported-op', `the op ${labelOf(node)} is not supported`, { where })
}

/** Throws one `unsupported-op` that lists every op of the nodes, and of the functions they call, that has neither rule nor function. */
export function refuseUnsupported(nodes: readonly NodeProto[], opsets: Opsets, functions: FunctionTable): void {
  const missing = new Map<string, { count: number; readonly where: { readonly origin: string; readonly op: string; readonly opset?: number } }>()
  const seen = new Set<unknown>()
  const visit = (list: readonly NodeProto[], imports: Opsets): void => list.forEach((node, index) => {
    const domain = domainName(node.domain)
    const body = functions.find(domain, node.opType ?? '', node.overload ?? '')
    if (body !== undefined) {
      if (!seen.has(body)) { seen.add(body); visit(body.proto.node, opsetsOf(body.proto.opsetImport)) }
      return
    }
    if (RULES.get(domain)?.[node.opType ?? ''] !== undefined) return
    const opset = imports.get(domain)
    const key = `${labelOf(node)}${opset === undefined ? '' : ` (opset ${opset})`}`
    const entry = missing.get(key)
    if (entry !== undefined) entry.count++
    else missing.set(key, { count: 1, where: { origin: nodeName(node, index), op: node.opType ?? '', ...(opset !== undefined && { opset }) } })
  })
  visit(nodes, opsets)
  const [first] = missing.values()
  if (first === undefined) return
  const list = [...missing].map(([label, { count }]) => (count > 1 ? `${label} ×${count}` : label)).join(', ')
  throw new IngotError('unsupported-op', `the model uses ${missing.size === 1 ? 'an op that is' : `${missing.size} ops that are`} not supported: ${list}`, { where: first.where, hint: 'docs/ops.md lists what is supported' })
}

const labelOf = (node: NodeProto): string => `${domainName(node.domain) ? `${node.domain}.` : ''}${node.opType ?? '?'}`
