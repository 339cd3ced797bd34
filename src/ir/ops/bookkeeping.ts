/**
 * Marks that tracing leaves in a graph: what automatic differentiation, version counters and view tracking would do at that
 * point. Each gives its first input; strip-autograd and strip-version remove them, so they have no kernels.
 */
import { invariant } from '../../base/error.js'
import { defineOp, type Op } from '../op.js'

function marker(name: string, doc: string, source: string): Op {
  return defineOp({
    name, doc, source,
    attrs: {},
    pattern: 'opaque',
    infer({ inputs }) {
      const [first] = inputs
      invariant(first !== null && first !== undefined, `${name} has a first input`)
      return [first.type]
    },
    reference({ inputs }) {
      const [first] = inputs
      invariant(first !== null && first !== undefined, `${name} has a first input`)
      return [first]
    },
    samples: [{ inputs: [{ dtype: 'float32', shape: [2, 3] }], attrs: {} }],
  })
}

/** Records of `autograd.*`, `version.*` and `view.*`. */
export const BOOKKEEPING: readonly Op[] = [
  marker('autograd.record', 'Marks a value that automatic differentiation recorded a function for.', 'torch.autograd (grad_fn)'),
  marker('autograd.save', 'Marks a value that was saved for the backward pass.', 'torch.autograd (saved tensors)'),
  marker('version.bump', 'Marks an in-place change that raised the version counter.', 'torch.Tensor._version'),
  marker('version.check', 'Marks a place where the version counter was compared with a saved one.', 'torch.autograd (saved tensors)'),
  marker('view.track', 'Marks a view whose base was remembered.', 'torch.Tensor._base'),
]
