/** Writes through views in a trace: what a root becomes when something that movement ops made of it is replaced. */
import { add, product, sub, type Dim } from '../ir/dims.js'
import type { Attrs, Value } from '../ir/graph.js'
import { shapeOf } from '../ir/graph.js'
import { dimsOfShape } from './extents.js'
import type { TracedStep } from './traced-storage.js'

/** Adds a node and gives its result. */
export type Emit = (op: string, inputs: readonly Value[], attrs: Attrs) => Value

/** `before` with `after` in place of what `step` saw of it. */
export function writeBack(emit: Emit, step: TracedStep, before: () => Value, after: Value, indices: Value | null): Value {
  const from = dimsOfShape(step.from)
  switch (step.op) {
    // An expanded tensor whose elements are one in memory is refused before; what remains are new axes of extent 1.
    case 'reshape': case 'expand': return emit('reshape', [after], { shape: from })
    case 'transpose': {
      const perm = step.attrs['perm'] as readonly number[]
      return emit('transpose', [after], { perm: perm.map((_, i) => perm.indexOf(i)) })
    }
    case 'gather': return indices === null ? after : emit('scatter_elements', [before(), indices, after], { axis: 0, reduction: 'none' })
    case 'slice': {
      const { steps } = step.attrs as { readonly steps: readonly number[] }
      return steps.every((s) => s === 1) ? writeWindow(emit, step, before(), after) : writeAnywhere(emit, step, before(), after)
    }
    default: return writeAnywhere(emit, step, before(), after)
  }
}

/** A window of whole neighbouring positions: what is beside it, axis by axis, joined to what is new. */
function writeWindow(emit: Emit, { attrs }: TracedStep, before: Value, after: Value): Value {
  const { axes, starts, sizes } = attrs as { readonly axes: readonly number[]; readonly starts: readonly Dim[]; readonly sizes: readonly Dim[] }
  const part = (x: Value, i: number, start: Dim, size: Dim): Value => emit('slice', [x], { axes: [axes[i] as number], starts: [start], steps: [1], sizes: [size] })
  const inner: Value[] = [before]
  for (let i = 0; i < axes.length - 1; i++) inner.push(part(inner[i] as Value, i, starts[i] as Dim, sizes[i] as Dim))
  let out = after
  for (let i = axes.length - 1; i >= 0; i--) {
    const x = inner[i] as Value, axis = axes[i] as number
    const start = starts[i] as Dim, end = add(start, sizes[i] as Dim), rest = sub(shapeOf(x)[axis] as Dim, end)
    const pieces = [...(start === 0 ? [] : [part(x, i, 0, start)]), ...(sizes[i] === 0 ? [] : [out]), ...(rest === 0 ? [] : [part(x, i, end, rest)])]
    const [only] = pieces
    out = only !== undefined && pieces.length === 1 ? only : emit('concat', pieces, { axis })
  }
  return out
}

/** Any movement op: the same op says of the positions where each new element goes. */
function writeAnywhere(emit: Emit, { op, attrs, from }: TracedStep, before: Value, after: Value): Value {
  const shape = dimsOfShape(from), count = product(shape)
  const all = emit('range', [], { start: 0, step: 1, length: count, dtype: 'int64' })
  const seen = emit(op, [emit('reshape', [all], { shape })], attrs)
  const flat = [product(shapeOf(after))]
  const written = emit('scatter_elements', [emit('reshape', [before], { shape: [count] }), emit('reshape', [seen], { shape: flat }), emit('reshape', [after], { shape: flat })], { axis: 0, reduction: 'none' })
  return emit('reshape', [written], { shape })
}
