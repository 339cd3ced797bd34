/** Running sums along an axis. */
import { sub, type Dim } from '../dims.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { load, local, REGISTER } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { defineOp } from '../op.js'
import type { TensorType } from '../types.js'
import { number, plus } from './expressions.js'
import { flatIndex, kernelOf, loopsOver } from './hand-written.js'
import { cumsumGrad } from './movement-grad.js'
import { inferRunning, RUNNING_ATTRS, runningReference } from './running.js'
import { scanChain, scanKernel } from './scan-groups.js'

/** Cumulative sum. A scan, so its kernel is written by hand. */
export const cumsum = defineOp({
  name: 'cumsum',
  doc: 'The sum of all elements up to each one along `axis`, without itself where `exclusive`, from the end where `reverse`.',
  source: 'ONNX CumSum-14; torch.cumsum',
  attrs: RUNNING_ATTRS,
  pattern: 'reduction',
  infer: inferRunning,
  reference: (call) => runningReference(call, 0, (all, one) => (all as number) + (one as number)),
  kernel(ctx) {
    if (ctx.gpu !== undefined) return scanKernel(ctx)
    const x = ctx.inputs[0] as TensorType
    const { axis, exclusive, reverse } = ctx.attrs
    const axes = axesOver(x.shape)
    const along = x.shape[axis] as Dim
    const at = flatIndex(x.shape, axes.map((a, i) => (i !== axis ? a.name : reverse ? sub(sub(along, 1), 'k') : 'k')))
    const type = REGISTER[x.dtype]
    const sum = local('sum', type)
    const accumulate: Stmt = { kind: 'set', name: 'sum', value: plus(sum, load('x0', [at])) }
    const store: Stmt = { kind: 'store', buffer: 'y0', index: at, value: sum }
    const scan: Stmt = { kind: 'for', variable: 'k', lo: 0, hi: along, step: 1, body: exclusive ? [store, accumulate] : [accumulate, store] }
    const row: readonly Stmt[] = [{ kind: 'var', name: 'sum', type, value: number(type, 0) }, scan]
    return kernelOf('cumsum', ctx, loopsOver(axes.filter((_, i) => i !== axis), row, true))
  },
  chain: scanChain,
  grad: cumsumGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 5] }], attrs: { axis: 1, exclusive: false, reverse: false } },
    { inputs: [{ dtype: 'int64', shape: [2, 3, 2] }], attrs: { axis: 1, exclusive: true, reverse: false } },
    { inputs: [{ dtype: 'int32', shape: [6], range: [-9, 9] }], attrs: { axis: 0, exclusive: false, reverse: true } },
    { inputs: [{ dtype: 'float16', shape: [4, 2] }], attrs: { axis: 0, exclusive: true, reverse: true } },
    { inputs: [{ dtype: 'uint8', shape: [5], data: [200, 100, 3, 4, 5] }], attrs: { axis: 0, exclusive: false, reverse: false } },
    { inputs: [{ dtype: 'float32', shape: [2, 0] }], attrs: { axis: 1, exclusive: false, reverse: false } },
  ],
})
