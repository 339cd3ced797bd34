/** Layer norm and RMS norm: rows over the last axes, scaled. Statistics in double in the reference, in f32 (f64 for float64) in kernels. */
import type { HostTensor } from '../../base/dtype.js'
import { printShape } from '../dims-text.js'
import { product, type Dim } from '../dims.js'
import type { Compute, ComputeContext, Stage } from '../kernel/compute.js'
import { load, local, REGISTER, unary } from '../kernel/expr.js'
import { defineOp, type Call, type InferContext } from '../op.js'
import type { TensorType } from '../types.js'
import { broadcastIndex, checkBroadcastTo } from './broadcast.js'
import { numbersOf } from './elements.js'
import { onlyOutput } from './elementwise.js'
import { minus, number, plus, times } from './expressions.js'
import { rowNormGrad } from './norm-grad.js'
import { broadcastOffsets } from './offsets.js'
import { checkAxis, checkSameDType, checkShape, findTensorInput, FLOATS, tensorInput } from './operands.js'
import { divideByCount, mapRows, momentsOf, rowAxes, sumStage } from './rows.js'

interface NormAttrs { readonly axis: number; readonly epsilon: number }

function inferNorm(call: Call<NormAttrs>, ctx: InferContext): readonly TensorType[] {
  const x = tensorInput(call, 0, FLOATS)
  checkAxis(call.attrs.axis, x.shape.length)
  const normalised = x.shape.slice(call.attrs.axis)
  for (const i of [1, 2]) {
    const p = i === 1 ? tensorInput(call, i, FLOATS) : findTensorInput(call, i)
    if (p === undefined) continue
    const what = i === 1 ? 'scale' : 'bias'
    checkSameDType(x, p, `the input and the ${what}`)
    checkShape(p.shape.length <= normalised.length, `the ${what} ${printShape(p.shape)} does not broadcast to the normalised axes ${printShape(normalised)}`)
    checkBroadcastTo(p.shape, normalised, ctx)
  }
  return [x]
}

/** A parameter tensor as a function of a position in `shape`. */
function parameterAt(tensor: HostTensor | null | undefined, shape: readonly number[]): ((position: number) => number) | undefined {
  if (tensor === null || tensor === undefined) return undefined
  const values = numbersOf(tensor), offsets = broadcastOffsets(tensor.shape, shape)
  return (i) => values[offsets === undefined ? i : (offsets[i] as number)] as number
}

function normReference(inputs: readonly (HostTensor | null)[], attrs: NormAttrs, output: { readonly dtype: HostTensor['dtype']; readonly shape: readonly number[] }, centred: boolean): HostTensor {
  const x = inputs[0] as HostTensor
  const inner = x.shape.slice(attrs.axis)
  const scale = parameterAt(inputs[1], inner), bias = parameterAt(inputs[2], inner)
  return mapRows(x, output, (a) => a >= attrs.axis, (row) => {
    const moments = momentsOf(row)
    const mean = centred ? moments.mean : 0
    const power = centred ? moments.variance : moments.variance + moments.mean ** 2
    const factor = 1 / Math.sqrt(power + attrs.epsilon)
    row.forEach((v, k) => { row[k] = (v - mean) * factor * (scale?.(k) ?? 1) + (bias?.(k) ?? 0) })
  })
}

function normCompute(name: string, ctx: ComputeContext<NormAttrs>, centred: boolean): Compute {
  const x = ctx.inputs[0] as TensorType, scale = ctx.inputs[1] as TensorType, bias = ctx.inputs[2]
  const { outer, inner, index } = rowAxes(x.shape, (a) => a >= ctx.attrs.axis)
  const type = REGISTER[x.dtype]
  const count: Dim = product(x.shape.slice(ctx.attrs.axis))
  const value = load('x0', index)
  const centre = centred ? minus(value, local('mean', type)) : value
  const stages: Stage[] = []
  if (centred) {
    stages.push(sumStage('sum', inner, type, value))
    stages.push({ kind: 'let', lets: [{ kind: 'value', name: 'mean', type, value: divideByCount(local('sum', type), count, type) }] })
  }
  stages.push(sumStage('squares', inner, type, times(centre, centre)))
  const power = divideByCount(local('squares', type), count, type)
  stages.push({ kind: 'let', lets: [{ kind: 'value', name: 'factor', type, value: unary('rsqrt', plus(power, number(type, ctx.attrs.epsilon))) }] })
  const scaled = times(times(centre, local('factor', type)), load('x1', broadcastIndex(scale.shape, index)))
  const result = bias == null ? scaled : plus(scaled, load('x2', broadcastIndex(bias.shape, index)))
  stages.push({ kind: 'store', axes: inner, lets: [], buffer: 'y0', index, value: result })
  return { name, buffers: ctx.buffers, axes: outer, stages }
}

const layerNorm = defineOp({
  name: 'layer_norm',
  doc: 'The input less its mean, over the square root of its variance plus epsilon, per row over the axes from `axis` on; times scale plus bias, which broadcast to those axes.',
  source: 'ONNX LayerNormalization-17; torch.nn.functional.layer_norm',
  attrs: { axis: 'int', epsilon: 'float' },
  pattern: 'reduction',
  infer: inferNorm,
  reference: ({ inputs, attrs, outputs }) => [normReference(inputs, attrs, onlyOutput(outputs), true)],
  compute: (ctx) => normCompute('layer_norm', ctx, true),
  grad: rowNormGrad(true),
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 8] }, { dtype: 'float32', shape: [8] }, { dtype: 'float32', shape: [8] }], attrs: { axis: 2, epsilon: 1e-5 } },
    { inputs: [{ dtype: 'float32', shape: [2, 3, 5] }, { dtype: 'float32', shape: [3, 5] }, null], attrs: { axis: 1, epsilon: 1e-5 } },
    { inputs: [{ dtype: 'float16', shape: [4, 7] }, { dtype: 'float16', shape: [1] }, { dtype: 'float16', shape: [7] }], attrs: { axis: 1, epsilon: 1e-3 } },
    { inputs: [{ dtype: 'float64', shape: [3, 2] }, { dtype: 'float64', shape: [] }, null], attrs: { axis: 0, epsilon: 0 } },
    { inputs: [{ dtype: 'float32', shape: [0, 4] }, { dtype: 'float32', shape: [4] }, { dtype: 'float32', shape: [4] }], attrs: { axis: 1, epsilon: 1e-5 } },
  ],
})

const rmsNorm = defineOp({
  name: 'rms_norm',
  doc: 'The input over the square root of its mean square plus epsilon, per row over the axes from `axis` on; times scale, which broadcasts to those axes.',
  source: 'ONNX RMSNormalization-23; torch.nn.functional.rms_norm',
  attrs: { axis: 'int', epsilon: 'float' },
  pattern: 'reduction',
  infer: inferNorm,
  reference: ({ inputs, attrs, outputs }) => [normReference(inputs, attrs, onlyOutput(outputs), false)],
  compute: (ctx) => normCompute('rms_norm', ctx, false),
  grad: rowNormGrad(false),
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 8] }, { dtype: 'float32', shape: [8] }], attrs: { axis: 2, epsilon: 1e-6 } },
    { inputs: [{ dtype: 'bfloat16', shape: [3, 5] }, { dtype: 'bfloat16', shape: [5] }], attrs: { axis: 1, epsilon: 1e-3 } },
    { inputs: [{ dtype: 'float64', shape: [2, 2, 3] }, { dtype: 'float64', shape: [2, 1] }], attrs: { axis: 1, epsilon: 1e-6 } },
  ],
})

/** Norms over the last axes. */
export const ROW_NORMS = [layerNorm, rmsNorm]
