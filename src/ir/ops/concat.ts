/** Concat: inputs one after the other along an axis. */
import { elementCount, type DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { printShape } from '../dims-text.js'
import { add, type Dim } from '../dims.js'
import { dimsOf } from '../integer-elements.js'
import { shapeOf, type Value } from '../graph.js'
import { load } from '../kernel/expr.js'
import type { Stage } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { GradMath } from '../gradients.js'
import { defineOp, type GradCall, type GradContext } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { elementsOf, newElements, tensorOfElements, type Element } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { checkAxis, checkSameDType, tensorInput } from './operands.js'

/** Copies `parts`, each a list of rows along `axis`, one after the other; `shapes` are theirs. */
function interleave<T>(parts: readonly ArrayLike<T>[], shapes: readonly (readonly number[])[], axis: number, put: (at: number, element: T) => void): void {
  const rows = shapes.map((s) => elementCount(s.slice(axis)))
  const outer = elementCount((shapes[0] ?? []).slice(0, axis))
  let at = 0
  for (let o = 0; o < outer; o++) {
    parts.forEach((part, p) => {
      const row = rows[p] as number
      for (let k = 0; k < row; k++) put(at++, part[o * row + k] as T)
    })
  }
}

/** Concat of one or more inputs that agree in every other axis. */
export const concat = defineOp({
  name: 'concat',
  doc: 'The inputs one after the other along `axis`.',
  source: 'ONNX Concat-13; torch.cat',
  attrs: { axis: 'int' },
  pattern: 'joining',
  infer(call, ctx) {
    const types = call.inputs.map((_, i) => tensorInput(call, i))
    const first = types[0]
    if (first === undefined) throw new IngotError('bad-attribute', 'concat needs at least one input')
    const { axis } = call.attrs
    checkAxis(axis, first.shape.length)
    for (const t of types) {
      checkSameDType(first, t, 'the inputs of concat')
      if (t.shape.length !== first.shape.length) throw new IngotError('shape-mismatch', `${printShape(first.shape)} and ${printShape(t.shape)} differ in rank and cannot be concatenated`)
      t.shape.forEach((d, i) => { if (i !== axis) ctx.assume(d, first.shape[i] as Dim, `${printShape(first.shape)} and ${printShape(t.shape)} are concatenated along axis ${axis}`) })
    }
    const shape = first.shape.map((d, i) => (i === axis ? add(...types.map((t) => t.shape[axis] as Dim)) : d))
    return [tensorType(first.dtype, shape)]
  },
  symbolic(call) {
    const values = call.inputs as readonly Value[]
    const known = values.map(dimsOf)
    if (known.some((k) => k === undefined)) return undefined
    const out: Dim[] = []
    interleave(known as readonly (readonly Dim[])[], values.map((v) => shapeOf(v) as readonly number[]), call.attrs.axis, (_, d) => out.push(d))
    return out
  },
  reference({ inputs, attrs, outputs }) {
    const tensors = required(inputs)
    const output = onlyOutput(outputs)
    const out = newElements(output.dtype, elementCount(output.shape))
    interleave<Element>(tensors.map(elementsOf), tensors.map((t) => t.shape), attrs.axis, (at, e) => { out[at] = e })
    return [tensorOfElements(output, out)]
  },
  grad: {
    saves: () => ({ inputs: [], outputs: [] }),
    backward<V>(ctx: GradContext<V>, call: GradCall<V, { readonly axis: number }>, [dy]: readonly (V | null)[], wants: readonly boolean[]) {
      const { axis } = call.attrs
      let start: Dim = 0
      return call.types.inputs.map((type, i) => {
        const from = start, size = type?.shape[axis] ?? 0
        start = add(start, size)
        return dy == null || wants[i] !== true ? null : new GradMath(ctx).slice(dy, axis, from, size)
      })
    },
  },
  compute(ctx) {
    const { axis } = ctx.attrs
    const inputs = ctx.inputs as readonly TensorType[]
    const outer = axesOver(ctx.outputs[0]?.shape ?? []).slice(0, axis)
    let before: Dim = 0
    const stages = inputs.map((type, i): Stage => {
      const axes = axesOver(type.shape)
      const index = axes.map((a) => a.name)
      const start = before
      before = add(before, type.shape[axis] as Dim)
      return { kind: 'store', axes: axes.slice(axis), lets: [], buffer: 'y0', index: index.map((name, k) => (k === axis ? add(name, start) : name)), value: load(`x${i}`, index) }
    })
    return { name: 'concat', buffers: ctx.buffers, axes: outer, stages }
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3] }, { dtype: 'float32', shape: [2, 1] }, { dtype: 'float32', shape: [2, 0] }], attrs: { axis: 1 } },
    ...(['int64', 'float16', 'bool'] as const satisfies readonly DType[]).map((dtype) => ({ inputs: [{ dtype, shape: [2, 2, 3] }, { dtype, shape: [3, 2, 3] }], attrs: { axis: 0 } })),
    { inputs: [{ dtype: 'int32', shape: [4] }], attrs: { axis: 0 } },
  ],
})
