/** Tensors kept for the backward pass, with the version they must still have then. */
import { IngotError } from '../base/error.js'
import type { HostTensor } from '../base/dtype.js'
import type { GradFunction } from './grad-function.js'
import { findRecorder } from './dispatch.js'
import { gradFnOf, versionOf } from './history.js'
import { withHistory } from './views.js'
import { STATE, Tensor } from './tensor.js'

/** Something saved; a constant has no version, and nothing can change it. */
export interface SavedValue { readonly tensor: Tensor | HostTensor; readonly version: number; readonly gradFn: GradFunction | null; readonly outputIndex: number; readonly isResult: boolean }

/** Throws `inference-saved` for inference tensors, which nothing protects from changes. */
export function checkSavable(t: Tensor | HostTensor): void {
  if (t instanceof Tensor && t[STATE].inference) {
    throw new IngotError('inference-saved', 'an inference tensor cannot be saved for the backward pass, which this operation would need to do', { hint: 'clone() it outside inference mode and use the clone, or compute under noGrad' })
  }
}

/** Saves an operand. Throws `inference-saved`. */
export function saveOperand(tensor: Tensor | HostTensor): SavedValue {
  checkSavable(tensor)
  return save(tensor, false)
}

/** Saves a result of the recorded operation itself. */
export function saveResult(tensor: Tensor): SavedValue {
  return save(tensor, true)
}

function save(tensor: Tensor | HostTensor, isResult: boolean): SavedValue {
  if (!(tensor instanceof Tensor)) return { tensor, version: 0, gradFn: null, outputIndex: 0, isResult }
  findRecorder()?.mark('autograd.save', tensor)
  return { tensor, version: versionOf(tensor), gradFn: tensor[STATE].gradFn, outputIndex: tensor[STATE].outputIndex, isResult }
}

/** The tensor again, with the history it had. Throws `saved-changed`, and for operands what reading a stale view's `gradFn` throws. */
export function unpack(saved: SavedValue): Tensor | HostTensor {
  const { tensor, version, gradFn, outputIndex } = saved
  if (!(tensor instanceof Tensor)) return tensor
  if (!saved.isResult) gradFnOf(tensor)
  findRecorder()?.mark('version.check', tensor)
  const now = versionOf(tensor)
  if (now !== version) {
    const which = gradFn === null ? '' : `, result ${outputIndex} of ${gradFn.name},`
    throw new IngotError('saved-changed', `a tensor that the backward pass needs has been changed in place since: ${tensor.dtype}[${tensor.shape.join(', ')}]${which} is at version ${now}, and version ${version} was saved`, {
      hint: 'change a clone of it instead, or make the change before it is used',
    })
  }
  return tensor[STATE].gradFn === gradFn ? tensor : withHistory(tensor, gradFn, outputIndex)
}
