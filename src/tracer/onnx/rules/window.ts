/** Attributes of sliding windows: strides, dilations and pads, where `auto_pad` may say what the pads are. */
import type { Dim } from '../../../base/dim.js'
import { add, ceilDiv, floorDiv, mul, sub } from '../../../ir/dims.js'
import type { NodeCall } from '../call.js'
import { greater } from './bounds.js'

export interface Window {
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Pads at the begin of each spatial axis, then at the end of each. */
  readonly pads: readonly Dim[]
  readonly autoPad: string
}

/** Reads the window attributes of a convolution or pool. With `resolve` SAME pads are computed for a forward window. */
export function windowOf(call: NodeCall, kernel: readonly number[], resolve = true): Window {
  const rank = kernel.length
  const strides = call.attrs.ints('strides', kernel.map(() => 1)), dilations = call.attrs.ints('dilations', kernel.map(() => 1))
  const given = call.attrs.ints('pads', kernel.flatMap(() => [0, 0]))
  const autoPad = call.attrs.string('auto_pad', 'NOTSET')
  if (call.shape(0).length !== rank + 2) call.fail('shape-mismatch', `a kernel of ${rank} axes needs an input of rank ${rank + 2}, not ${call.shape(0).length}`)
  if (strides.length !== rank || dilations.length !== rank || given.length !== 2 * rank) call.fail('bad-attribute', `strides and dilations need ${rank} numbers and pads ${2 * rank}`)
  if ([...strides, ...dilations, ...kernel].some((n) => n < 1)) call.fail('bad-attribute', 'strides, dilations and kernel extents must be at least 1')
  switch (autoPad) {
    case 'NOTSET': case '': return { strides, dilations, pads: given, autoPad: 'NOTSET' }
    case 'VALID': return { strides, dilations, pads: given.map(() => 0), autoPad }
    case 'SAME_UPPER': case 'SAME_LOWER': break
    default: return call.fail('bad-attribute', `auto_pad is '${autoPad}', not NOTSET, VALID, SAME_UPPER or SAME_LOWER`)
  }
  const pads: Dim[] = given.map(() => 0)
  if (resolve) kernel.forEach((k, i) => {
    const extent = call.shape(0)[i + 2] as Dim, stride = strides[i] ?? 1
    const covered = add(mul(sub(ceilDiv(extent, stride), 1), stride), (k - 1) * (dilations[i] ?? 1) + 1)
    const total = greater(call, sub(covered, extent), 0)
    const half = floorDiv(total, 2)
    pads[i] = autoPad === 'SAME_UPPER' ? half : sub(total, half)
    pads[rank + i] = sub(total, pads[i] as Dim)
  })
  return { strides, dilations, pads, autoPad }
}
