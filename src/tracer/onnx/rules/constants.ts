/** Rules for constants, names and control flow that is decided while compiling. */
import { allocate, type HostTensor, type TensorStorage } from '../../../base/dtype.js'
import { fromNumbers, toNumbers } from '../../../ir/host-tensor.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../call.js'

function constantTensor(call: NodeCall): HostTensor {
  const { attrs } = call
  const forms: readonly [string, () => HostTensor | undefined][] = [
    ['value', () => attrs.tensor('value')],
    ['sparse_value', () => attrs.sparseTensor('sparse_value')],
    ['value_float', () => fromNumbers('float32', [], [attrs.float('value_float', 0)])],
    ['value_floats', () => { const f = attrs.floats('value_floats', []); return fromNumbers('float32', [f.length], f) }],
    ['value_int', () => int64([], [attrs.bigint('value_int') ?? 0n])],
    ['value_ints', () => { const v = attrs.bigints('value_ints') ?? []; return int64([v.length], v) }],
    ['value_string', () => ({ dtype: 'string', shape: [], data: [attrs.string('value_string', '')] })],
    ['value_strings', () => { const s = attrs.strings('value_strings', []); return { dtype: 'string', shape: [s.length], data: s } }],
  ]
  const given = forms.filter(([name]) => attrs.has(name))
  const tensor = given.length === 1 ? given[0]?.[1]() : undefined
  return tensor ?? call.fail('bad-attribute', `Constant needs exactly one value, and has ${given.length}`)
}

function int64(shape: readonly number[], elements: readonly bigint[]): HostTensor {
  const data = allocate('int64', elements.length) as BigInt64Array
  data.set(elements)
  return { dtype: 'int64', shape, data: data satisfies TensorStorage }
}

/** A branch is taken while compiling, so the condition must be known by then. */
const ifRule: Rule = (call) => {
  call.arity(1)
  const yes = call.attrs.graph('then_branch'), no = call.attrs.graph('else_branch')
  if (yes === undefined || no === undefined) return call.fail('bad-attribute', 'If needs then_branch and else_branch')
  const condition = call.constantOf(0)
  if (condition === undefined) return call.fail('unsupported-op', 'If with a condition that is only known while running is not supported', 'fix the input shapes or export the model without the branch')
  return call.inline(toNumbers(condition)[0] !== 0 ? yes : no)
}

/** Constants and decided branches of the default domain. */
export const CONSTANTS: RuleTable = {
  Constant: always((call) => { call.arity(0); return call.constant(constantTensor(call), call.outputName(0)) }),
  Identity: always((call) => { call.arity(1); return call.input(0) }),
  If: always(ifRule),
}
