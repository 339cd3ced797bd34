/** Rules for matrix products and convolutions. */
import type { Dim } from '../../../base/dim.js'
import { add, floorDiv, mul, sub } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { scaled } from './elementwise.js'
import { windowOf } from './window.js'

const matmul: Rule = (call) => {
  call.arity(2)
  return call.emit('matmul', [call.input(0), call.input(1)], { trans_a: false, trans_b: false })
}

const gemm: Rule = (call) => gemmOf(call)

/** The product that the attributes and inputs of a Gemm describe: output 0. */
export function gemmOf(call: NodeCall): Value {
  call.arity(call.domain === '' && call.opset < 11 ? 3 : 2, 3)
  const alpha = call.attrs.float('alpha', 1), beta = call.attrs.float('beta', 1)
  const attrs = { trans_a: call.attrs.bool('transA', false), trans_b: call.attrs.bool('transB', false) }
  if (call.domain === '' && call.opset < 7) call.attrs.ignore('broadcast')
  const operands = [call.input(0), call.input(1)], c = call.optional(2)
  if (operands.some((v) => shapeOf(v).length !== 2)) call.fail('shape-mismatch', 'Gemm multiplies matrices, which have 2 axes')
  if (c === null || beta === 0) {
    if (alpha === 1) return call.emit('matmul', operands, attrs)
    return call.emit('mul', [call.add('matmul', operands, attrs), call.scalar(call.dtype(0), alpha)])
  }
  return call.emit('add', [scaled(call, call.add('matmul', operands, attrs), alpha), scaled(call, c, beta)])
}

const fusedMatMul: Rule = (call) => {
  call.arity(2)
  const alpha = call.attrs.float('alpha', 1)
  if (call.attrs.bool('transBatchA', false) || call.attrs.bool('transBatchB', false)) call.fail('unsupported-op', 'FusedMatMul with transBatchA or transBatchB is not supported')
  const attrs = { trans_a: call.attrs.bool('transA', false), trans_b: call.attrs.bool('transB', false) }
  if (alpha === 1) return call.emit('matmul', [call.input(0), call.input(1)], attrs)
  return call.emit('mul', [call.add('matmul', [call.input(0), call.input(1)], attrs), call.scalar(call.dtype(0), alpha)])
}

/** Extents of a kernel: the attribute, or those of the weight. */
function kernelOf(call: NodeCall): readonly number[] {
  const fromWeight = call.shape(1).slice(2)
  const given = call.attrs.ints('kernel_shape', undefined)
  const kernel = given ?? fromWeight
  if (!kernel.every((k): k is number => typeof k === 'number')) return call.fail('shape-not-static', `the kernel of ${call.opType} must have extents that are known while compiling`)
  if (kernel.length !== fromWeight.length || kernel.some((k, i) => typeof fromWeight[i] === 'number' && fromWeight[i] !== k)) {
    call.fail('shape-mismatch', `kernel_shape is [${kernel.join(', ')}] and the weight's is [${fromWeight.join(', ')}]`)
  }
  return kernel
}

const withBias = (call: NodeCall): readonly Value[] => [call.optional(0), call.optional(1), call.optional(2)].filter((v) => v !== null)

const conv: Rule = (call) => { call.arity(2, 3); return convOf(call) }

/** The convolution that the attributes and first inputs of a Conv describe: output 0. */
export function convOf(call: NodeCall): Value {
  const kernel = kernelOf(call)
  const { strides, dilations, pads } = windowOf(call, kernel)
  return call.emit('conv', withBias(call), { strides, dilations, pads, group: call.attrs.int('group', 1) })
}

const convTranspose: Rule = (call) => {
  call.arity(2, 3)
  const kernel = kernelOf(call), rank = kernel.length
  const { strides, dilations, pads, autoPad } = windowOf(call, kernel, false)
  const extra = [...call.attrs.ints('output_padding', kernel.map(() => 0))]
  const wished = call.attrs.ints('output_shape', undefined)
  const spatial = call.shape(0).slice(2)
  const out = [...pads]
  if (wished !== undefined || autoPad.startsWith('SAME')) {
    kernel.forEach((k, i) => {
      const stride = strides[i] ?? 1
      const target = wished === undefined ? mul(spatial[i] as Dim, stride) : wished.slice(-rank)[i] as number
      const natural = add(mul(stride, sub(spatial[i] as Dim, 1)), extra[i] ?? 0, (k - 1) * (dilations[i] ?? 1) + 1)
      const surplus = sub(natural, target)
      if (typeof surplus === 'number' && surplus < 0) extra[i] = (extra[i] ?? 0) - surplus
      const total = typeof surplus === 'number' ? Math.max(0, surplus) : surplus
      const half = floorDiv(total, 2)
      out[i] = autoPad === 'SAME_UPPER' ? half : sub(total, half)
      out[rank + i] = sub(total, out[i] as Dim)
    })
  }
  return call.emit('conv_transpose', withBias(call), { strides, dilations, pads: out, output_padding: extra, group: call.attrs.int('group', 1) })
}

/** Products of the default domain. */
export const CONTRACTIONS: RuleTable = {
  MatMul: always(matmul),
  Gemm: always(gemm),
  Conv: always(conv),
  ConvTranspose: always(convTranspose),
  Det: since(11, (call) => { call.arity(1); return call.emit('det', [call.input(0)]) }),
}

/** Products of com.microsoft. */
export const MICROSOFT_CONTRACTIONS: RuleTable = {
  FusedMatMul: always(fusedMatMul),
  TransposeMatMul: always(fusedMatMul),
}
