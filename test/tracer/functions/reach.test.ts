import { describe, expect, it } from 'vitest'
import { OPS } from '../../../src/ir/ops/index.js'
import * as functional from '../../../src/tracer/functions/functional.js'
import * as torch from '../../../src/tracer/functions/index.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { trace } from '../../../src/tracer/trace.js'

type Call = (...operands: never[]) => Tensor
const f = functional, F = ['float32'] as const, FF = ['float32', 'float32'] as const, I = ['int32'] as const, II = ['int32', 'int32'] as const, B = ['bool'] as const, BB = ['bool', 'bool'] as const

/** For each elementwise op a function that applies it, with the dtypes of its operands. */
const REACHED: Readonly<Record<string, readonly [readonly string[], Call]>> = {
  neg: [F, torch.neg], abs: [F, torch.abs], sign: [F, torch.sign], sqrt: [F, torch.sqrt], rsqrt: [F, torch.rsqrt], reciprocal: [F, torch.reciprocal], exp: [F, torch.exp], log: [F, torch.log],
  sin: [F, torch.sin], cos: [F, torch.cos], tan: [F, torch.tan], asin: [F, torch.asin], acos: [F, torch.acos], atan: [F, torch.atan], sinh: [F, torch.sinh], cosh: [F, torch.cosh], tanh: [F, torch.tanh],
  asinh: [F, torch.asinh], acosh: [F, torch.acosh], atanh: [F, torch.atanh], erf: [F, torch.erf], floor: [F, torch.floor], ceil: [F, torch.ceil], round: [F, torch.round],
  logical_not: [B, torch.logicalNot], bitwise_not: [I, torch.bitwiseNot], isnan: [F, torch.isnan], isinf: [F, torch.isinf], relu: [F, f.relu], sigmoid: [F, f.sigmoid],
  softplus: [F, f.softplus], softsign: [F, f.softsign], silu: [F, f.silu], mish: [F, f.mish], hard_swish: [F, f.hardswish], gelu: [F, f.gelu], hard_sigmoid: [F, f.hardsigmoid],
  leaky_relu: [F, f.leakyRelu], elu: [F, f.elu], selu: [F, f.selu], celu: [F, f.celu], thresholded_relu: [F, (x: Tensor) => f.threshold(x, 1, 0)], shrink: [F, f.softshrink], clip: [F, (x: Tensor) => torch.clamp(x, 0, 1)],
  cast: [F, (x: Tensor) => x.to('float64')], add: [FF, torch.add], sub: [FF, torch.sub], mul: [FF, torch.mul], div: [FF, torch.div], mod: [FF, torch.remainder], fmod: [FF, torch.fmod], pow: [FF, torch.pow],
  minimum: [FF, torch.minimum], maximum: [FF, torch.maximum], eq: [FF, torch.eq], ne: [FF, torch.ne], lt: [FF, torch.lt], le: [FF, torch.le], gt: [FF, torch.gt], ge: [FF, torch.ge],
  logical_and: [BB, torch.logicalAnd], logical_or: [BB, torch.logicalOr], logical_xor: [BB, torch.logicalXor], bitwise_and: [II, torch.bitwiseAnd], bitwise_or: [II, torch.bitwiseOr], bitwise_xor: [II, torch.bitwiseXor],
  shift_left: [II, torch.bitwiseLeftShift], shift_right: [II, torch.bitwiseRightShift], prelu: [FF, f.prelu], where: [['bool', 'float32', 'float32'], torch.where],
}

/** Ops that no function of torch is. */
const WITHOUT: Readonly<Record<string, string>> = { swish: 'only ONNX scales the argument of the sigmoid' }

describe('every elementwise op', () => {
  it('has a function, or a reason for having none', () => {
    const names = [...OPS.values()].filter((op) => op.pattern === 'elementwise').map((op) => op.name).sort()
    expect([...Object.keys(REACHED), ...Object.keys(WITHOUT)].sort()).toEqual(names)
  })

  it.each(Object.entries(REACHED))('%s is what its function applies, of whole and of stretched operands', (name, [dtypes, call]) => {
    const graph = trace(call, dtypes.map((dtype, i) => ({ shape: i === 0 ? ['n', 2] : [1], dtype: dtype as never })))
    expect(graph.nodes.map((n) => n.op)).toContain(name)
  })
})
