/** Running products along an axis. */
import { sub } from '../dims.js'
import { binary, load, local, REGISTER } from '../kernel/expr.js'
import { eachOf, letBe, loopTo, setTo, storeTo, varOf } from '../kernel/statements.js'
import { defineOp } from '../op.js'
import type { TensorType } from '../types.js'
import { elementAlong, rowsAlong } from './along-axis.js'
import type { Element } from './elements.js'
import { onlyOutput } from './elementwise.js'
import { number } from './expressions.js'
import { kernelOf } from './hand-written.js'
import { findElementClass } from './operands.js'
import { inferRunning, RUNNING_ATTRS, runningReference } from './running.js'

/** Products of integers wrap on the way, so that they stay exact. */
const TIMES = {
  float: (a: never, b: never): Element => (a as number) * (b as number),
  int: (a: never, b: never): Element => Math.imul(a, b),
  big: (a: never, b: never): Element => BigInt.asIntN(64, (a as bigint) * (b as bigint)),
} as const

/** Cumulative product. A scan, so its kernel is written by hand: row by row. */
export const cumprod = defineOp({
  name: 'cumprod',
  doc: 'The product of all elements up to each one along `axis`, without itself where `exclusive`, from the end where `reverse`.',
  source: 'ONNX CumProd-26; torch.cumprod',
  attrs: RUNNING_ATTRS,
  pattern: 'reduction',
  infer: inferRunning,
  reference(call) {
    const kind = findElementClass(onlyOutput(call.outputs).dtype), times = TIMES[kind === 'int' || kind === 'big' ? kind : 'float']
    return runningReference(call, 1, (all, one) => times(all as never, one as never))
  },
  kernel(ctx) {
    const [x] = ctx.inputs as readonly [TensorType], { axis, exclusive, reverse } = ctx.attrs
    const along = rowsAlong(x.shape, axis), type = REGISTER[x.dtype], product = local('product', type)
    const at = elementAlong(along, 'row', reverse ? sub(sub(along.length, 1), 'k') : 'k')
    const next = setTo('product', binary('mul', product, local('item', type))), store = storeTo('y0', at, product)
    const row = [varOf('product', type, number(type, 1)), loopTo('k', along.length, [letBe('item', type, load('x0', [at])), ...(exclusive ? [store, next] : [next, store])])]
    return kernelOf('cumprod', ctx, along.rows === 0 ? [] : [eachOf('row', along.rows, row)])
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 5] }], attrs: { axis: 1, exclusive: false, reverse: false } },
    { inputs: [{ dtype: 'int64', shape: [2, 3, 2], range: [-9, 9] }], attrs: { axis: 1, exclusive: true, reverse: false } },
    { inputs: [{ dtype: 'int32', shape: [6], data: [-70000, 65537, 3, -99999, 7, 5] }], attrs: { axis: 0, exclusive: false, reverse: true } },
    { inputs: [{ dtype: 'uint32', shape: [4], data: [4000000000, 3, 70001, 9] }], attrs: { axis: 0, exclusive: false, reverse: false } },
    { inputs: [{ dtype: 'float16', shape: [4, 2] }], attrs: { axis: 0, exclusive: true, reverse: true } },
    { inputs: [{ dtype: 'uint8', shape: [5], data: [200, 100, 3, 4, 5] }], attrs: { axis: 0, exclusive: false, reverse: false } },
    { inputs: [{ dtype: 'float32', shape: [2, 0] }], attrs: { axis: 1, exclusive: false, reverse: false } },
  ],
})
