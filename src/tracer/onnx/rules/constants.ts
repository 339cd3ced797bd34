/** Rules for constants and names. */
import { allocate, type HostTensor, type TensorStorage } from '../../../base/dtype.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import { always, type NodeCall, type RuleTable } from '../call.js'

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

/** Constants and names of the default domain. */
export const CONSTANTS: RuleTable = {
  Constant: always((call) => { call.arity(0); return call.constant(constantTensor(call), call.outputName(0)) }),
  Identity: always((call) => { call.arity(1); return call.item(0) }),
}
