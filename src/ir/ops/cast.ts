/** Cast between dtypes. */
import { dimsOf } from '../integer-elements.js'
import { eq, sub } from '../dims.js'
import type { Value } from '../graph.js'
import type { Expr } from '../kernel/expr.js'
import { inputDType, linear } from '../gradients.js'
import { defineOp } from '../op.js'
import { tensorType } from '../types.js'
import { convertElement, convertExpr } from './convert.js'
import { applyElementwise, onlyOutput, required } from './elementwise.js'
import { ALL_DTYPES, checkDType, tensorInput } from './operands.js'

/** Cast; floats round to nearest even (16-bit ones overflow to infinity), integers wrap, floats to integers truncate. */
export const castOp = defineOp({
  name: 'cast',
  doc: 'The elements in another dtype: integers wrap, floats round to nearest even, floats to integers truncate (saturating at 32 or 64 bits, NaN gives 0), and bool is x ≠ 0.',
  source: 'ONNX Cast-21; numpy astype',
  attrs: { to: 'dtype' },
  pattern: 'elementwise',
  infer(call) {
    const x = tensorInput(call, 0)
    checkDType(call.attrs.to, ALL_DTYPES, 'the target of the cast')
    return [tensorType(call.attrs.to, x.shape)]
  },
  symbolic(call) {
    const { to } = call.attrs
    const known = dimsOf(call.inputs[0] as Value)
    if (to === 'bool') return known?.map((d) => sub(1, eq(d, 0)))
    return to === 'int32' ? known?.map((d) => (typeof d === 'number' ? d | 0 : d)) : known
  },
  reference({ inputs, outputs }) {
    const [x] = required(inputs)
    const output = onlyOutput(outputs)
    return [applyElementwise(convertElement(x.dtype, output.dtype) as (x: never) => number, [x], output)]
  },
  scalar: ([x], attrs) => convertExpr(x as Expr, attrs.to),
  grad: linear((g, dy, call) => g.cast(dy, inputDType(call, 0))),
  samples: [
    { inputs: [{ dtype: 'float32', shape: [7], data: [NaN, 0.5, -1.9, 255.5, 300, -0.2, 1e20] }], attrs: { to: 'int32' } },
    { inputs: [{ dtype: 'float32', shape: [6], data: [-1, 0.5, 255, 256, 300.7, -200] }], attrs: { to: 'uint8' } },
    { inputs: [{ dtype: 'float32', shape: [6], data: [65504, 65519, 65520, -1e6, 1e-8, 1.0004883] }], attrs: { to: 'float16' } },
    { inputs: [{ dtype: 'float16', shape: [3, 2], range: [-9, 9] }], attrs: { to: 'float32' } },
    { inputs: [{ dtype: 'int64', shape: [4], data: [-1, 300, 70000, 5000000000] }], attrs: { to: 'int8' } },
    { inputs: [{ dtype: 'float32', shape: [4], data: [0, -0.5, NaN, 2] }], attrs: { to: 'bool' } },
    { inputs: [{ dtype: 'bool', shape: [2, 2] }], attrs: { to: 'float32' } },
    { inputs: [{ dtype: 'float64', shape: [], data: [1.00390625] }], attrs: { to: 'bfloat16' } },
    { inputs: [{ dtype: 'float32', shape: [3], data: [3e9, -7.5, NaN] }], attrs: { to: 'int64' } },
    { inputs: [{ dtype: 'uint32', shape: [0] }], attrs: { to: 'int64' } },
  ],
})
