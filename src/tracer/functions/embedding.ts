/** Rows of a table by their numbers. */
import { apply1 } from '../dispatch.js'
import type { Tensor } from '../tensor.js'
import { where } from './choosing.js'

/** The rows of `weight` that `input`, a tensor of integers, names. `paddingIdx` is a row that gets no gradient. Source: torch.nn.functional.embedding. */
export function embedding(input: Tensor, weight: Tensor, paddingIdx?: number): Tensor {
  const rows = apply1('gather', [weight, input], { axis: 0 })
  if (paddingIdx === undefined || !rows.requiresGrad) return rows
  return where(input.eq(paddingIdx < 0 ? paddingIdx + (weight.shape[0] ?? 0) : paddingIdx).unsqueeze(-1), rows.detach(), rows)
}
