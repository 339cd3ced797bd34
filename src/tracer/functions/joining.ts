/** Functions of lists of tensors. */
import { apply1 } from '../dispatch.js'
import { IngotError } from '../../base/error.js'
import { promoted } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { axisOf } from './axes.js'
import { unsqueeze } from './movement.js'

/** The tensors one after the other along an axis. Source: torch.cat. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  const [first] = tensors
  if (first === undefined) throw new IngotError('bad-attribute', 'cat needs at least one tensor')
  return apply1('concat', promoted(tensors), { axis: axisOf(dim, first.shape.length) })
}

/** The tensors one after the other along a new axis. Source: torch.stack. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return cat(tensors.map((t) => unsqueeze(t, dim)), axisOf(dim, (tensors[0]?.shape.length ?? 0) + 1))
}
