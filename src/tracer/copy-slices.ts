/** History of overwritten elements: of a whole tensor, and of a base through one of its views. */
import type { HostTensor } from '../base/dtype.js'
import { fromNumbers } from '../ir/host-tensor.js'
import { apply1, evaluate } from './dispatch.js'
import { GradFunction, type Edge } from './grad-function.js'
import type { ViewStep } from './state.js'
import { elementOffsets, type Geometry } from './storage.js'
import { geometryOf, type Tensor } from './tensor.js'

const nothingToRelease = (): void => undefined

/** The history of a tensor whose elements were all replaced: zeros for the old ones, the gradient itself for the new ones. */
export function overwrite(t: Tensor, old: Edge | null, source: Edge | null): GradFunction {
  return new GradFunction('OverwriteBackward', [old, source], [{ dtype: t.dtype, shape: t.shape }], {
    run: ([dy]) => [dy === null || dy === undefined || old === null ? null : apply1('fill', [], { shape: dy.shape, value: zero(dy.dtype) }), dy ?? null],
    release: nothingToRelease,
  })
}

/** The history of a base after a recorded change of the view that `steps` lead to: `change` gives the view's elements, `old` all others. */
export function copySlices(base: Tensor, view: Geometry, steps: readonly ViewStep[], old: Edge | null, change: Edge): GradFunction {
  let outside: HostTensor | undefined
  return new GradFunction('CopySlices', [old, change], [{ dtype: base.dtype, shape: base.shape }], {
    run([dy]) {
      if (dy === null || dy === undefined) return [null, null]
      outside ??= outsideOf(base, view)
      const rest = old === null ? null : apply1('where', [outside, dy, zero(dy.dtype)])
      return [rest, steps.reduce<Tensor>((t, { op, attrs }) => evaluate(op, [t], attrs), dy)]
    },
    release: nothingToRelease,
  })
}

const zero = (dtype: Tensor['dtype']): HostTensor => fromNumbers(dtype, [], [0])

/** True for the elements of `base` that the view does not see. */
function outsideOf(base: Tensor, view: Geometry): HostTensor {
  const seen = new Set(elementOffsets(view))
  const data = Uint8Array.from(elementOffsets(geometryOf(base)), (at) => (seen.has(at) ? 0 : 1))
  return { dtype: 'bool', shape: base.shape, data }
}
