/** What running sums and products along an axis share. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import type { Call, ReferenceCall } from '../op.js'
import type { TensorType } from '../types.js'
import { elementOf, elementsOf, newElements, tensorOfElements, type Element } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { offsetsOver } from './offsets.js'
import { checkAxis, NUMBERS, tensorInput } from './operands.js'

export const RUNNING_ATTRS = { axis: 'int', exclusive: 'bool', reverse: 'bool' } as const
export interface RunningAttrs { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean }

/** The result's type: that of the only input. */
export function inferRunning(call: Call<RunningAttrs>): readonly TensorType[] {
  const x = tensorInput(call, 0, NUMBERS)
  checkAxis(call.attrs.axis, x.shape.length)
  return [x]
}

/** Each element folded by `fold` with all before it, of which there are `none` at first. */
export function runningReference({ inputs, attrs, outputs }: ReferenceCall<RunningAttrs>, none: number, fold: (all: Element, one: Element) => Element): HostTensor[] {
  const [x] = required(inputs), output = onlyOutput(outputs)
  const from = elementsOf(x), out = newElements(output.dtype, elementCount(output.shape))
  const steps = offsetsOver(x.shape, (a) => a === attrs.axis)
  if (attrs.reverse) steps.reverse()
  for (const start of offsetsOver(x.shape, (a) => a !== attrs.axis)) {
    let all = elementOf(output.dtype, none)
    for (const step of steps) {
      const before = all
      all = fold(all, from[start + step] as Element)
      out[start + step] = attrs.exclusive ? before : all
    }
  }
  return [tensorOfElements(output, out)]
}
