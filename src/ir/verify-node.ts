/** The verifier's rules about one node: its attributes fit the op's schema, and its results are what `infer` says. */
import { isDType } from '../base/dtype.js'
import { isGraph, isHostTensor, type Attr, type Node } from './graph.js'
import type { AttrKind, Op } from './op.js'
import { OPS } from './ops/index.js'
import { printType } from './types.js'
import { broken, typesAgree, type VerifyContext } from './verify-context.js'

/** Rules known-op, attribute and result-type. */
export function verifyNode(node: Node, context: VerifyContext): void {
  const op = OPS.get(node.op) ?? broken('known-op', `there is no op '${node.op}'`, context.graph, node)
  verifyAttributes(node, op, context)
  verifyResults(node, op, context)
}

function verifyAttributes(node: Node, op: Op, { graph }: VerifyContext): void {
  for (const name of Object.keys(node.attrs)) {
    if (!Object.hasOwn(op.attrs, name)) broken('attribute', `${op.name} has no attribute '${name}'`, graph, node)
  }
  for (const [name, kind] of Object.entries(op.attrs)) {
    if (!Object.hasOwn(node.attrs, name)) broken('attribute', `the attribute '${name}' is missing`, graph, node)
    if (!ATTR_TESTS[kind](node.attrs[name] as Attr)) broken('attribute', `the attribute '${name}' must be of kind ${kind}`, graph, node)
  }
}

const isInt = (a: unknown): boolean => typeof a === 'number' && Number.isSafeInteger(a)
const isNumber = (a: unknown): boolean => typeof a === 'number'
const isString = (a: unknown): boolean => typeof a === 'string'
const isBoolean = (a: unknown): boolean => typeof a === 'boolean'
const isDim = (a: unknown): boolean => isInt(a) || isString(a) || (Array.isArray(a) && isString(a[0]) && a.slice(1).every(isDim))
const listOf = (test: (a: unknown) => boolean) => (a: Attr): boolean => Array.isArray(a) && a.every(test)

const ATTR_TESTS: Readonly<Record<AttrKind, (attr: Attr) => boolean>> = {
  int: isInt, ints: listOf(isInt),
  float: isNumber, floats: listOf(isNumber),
  string: isString, strings: listOf(isString),
  bool: isBoolean, bools: listOf(isBoolean),
  dtype: (a) => typeof a === 'string' && isDType(a),
  dim: isDim, dims: listOf(isDim),
  tensor: isHostTensor, graph: isGraph,
}

function verifyResults(node: Node, op: Op, context: VerifyContext): void {
  const { graph, constraints } = context
  let types
  try {
    types = op.infer({ inputs: node.inputs, attrs: node.attrs }, { assume: () => undefined })
  } catch (error) {
    return broken('result-type', `infer refuses the node: ${error instanceof Error ? error.message : String(error)}`, graph, node, error)
  }
  if (types.length !== node.outputs.length) broken('result-type', `${node.outputs.length} results, infer says ${types.length}`, graph, node)
  node.outputs.forEach((value, i) => {
    const inferred = types[i]
    if (inferred !== undefined && !typesAgree(value.type, inferred, constraints)) {
      broken('result-type', `%${value.name} is ${printType(value.type)}, infer says ${printType(inferred)}`, graph, node)
    }
  })
}
