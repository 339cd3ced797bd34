/** Einsum. */
import { einsum } from '../../../ir/einsum.js'
import { GradMath } from '../../../ir/gradients.js'
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import type { GradContext } from '../../../ir/op.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'

const within = (call: NodeCall): GradContext<Value> => ({
  emit: (op, inputs, attrs) => call.add(op, inputs, attrs), shape: shapeOf, dtype: dtypeOf, scalar: (dtype, value) => call.scalar(dtype, value),
})

const rule: Rule = (call) => einsum(new GradMath(within(call)), call.attrs.string('equation', ''), call.inputs.map((_, i) => call.input(i)))

/** Einsum of the default domain. */
export const EINSUM: RuleTable = { Einsum: since(12, rule) }
