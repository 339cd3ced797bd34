/** Rules for ops that put windows or pooled elements back into an image. */
import type { Dim } from '../../../base/dim.js'
import { add, dimsEqual, floorDiv, mul, product, sub } from '../../../ir/dims.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import { since, type Rule, type RuleTable } from '../call.js'
import { reshapeTo } from './compose.js'

const col2im: Rule = (call) => {
  call.arity(3)
  const image = call.dims(1, 'the shape of the image'), block = call.dims(2, 'the shape of blocks'), rank = image.length, [batch, columns] = call.shape(0)
  if (block.length !== rank || rank === 0) call.fail('shape-mismatch', `an image of ${rank} axes and blocks of ${block.length}`)
  if (batch === undefined || columns === undefined || call.shape(0).length !== 3) return call.fail('shape-mismatch', `Col2Im takes a tensor of rank 3, not ${call.shape(0).length}`)
  const ones = image.map(() => 1), strides = call.attrs.ints('strides', ones), dilations = call.attrs.ints('dilations', ones), pads = call.attrs.ints('pads', [...ones, ...ones].map(() => 0))
  if (strides.length !== rank || dilations.length !== rank || pads.length !== 2 * rank) call.fail('bad-attribute', `strides and dilations need ${rank} numbers and pads ${2 * rank}`)
  const windows = image.map((extent, i): Dim => {
    const span = add(mul(sub(block[i] as Dim, 1), dilations[i] as number), 1)
    return add(floorDiv(sub(add(extent, pads[i] as number, pads[rank + i] as number), span), strides[i] as number), 1)
  })
  call.assume(mul(floorDiv(columns, product(block)), product(block)), columns, 'Col2Im has all elements of a block for each channel')
  call.assume(call.shape(0)[2] as Dim, product(windows), 'Col2Im has as many blocks as fit into the image')
  const apart = call.add('reshape', [call.input(0)], { shape: [batch, floorDiv(columns, product(block)), ...block, ...windows] })
  return call.emit('col2im', [apart], { shape: image, strides, dilations, pads })
}

/** Elements go to where the indices say, in the shape that the attributes give; a shape that is wished for cuts it or adds zeros at its ends. */
const maxUnpool: Rule = (call) => {
  call.arity(2, 3)
  const shape = call.shape(0), kernel = call.attrs.ints('kernel_shape', []), rank = kernel.length
  const strides = call.attrs.ints('strides', kernel.map(() => 1)), pads = call.attrs.ints('pads', [...kernel, ...kernel].map(() => 0))
  if (shape.length !== rank + 2 || strides.length !== rank || pads.length !== 2 * rank) call.fail('bad-attribute', `MaxUnpool of a tensor of rank ${shape.length} has ${rank} kernel extents, ${strides.length} strides and ${pads.length} pads`)
  const full: Dim[] = shape.map((d, i) => (i < 2 ? d : add(mul(sub(d, 1), strides[i - 2] as number), (kernel[i - 2] as number) - (pads[i - 2] as number) - (pads[rank + i - 2] as number))))
  const flat = (i: number) => reshapeTo(call, call.input(i), [product(shape)]), zeros = call.add('fill', [], { shape: [product(full)], value: fromNumbers(call.dtype(0), [1], [0]) })
  const image = reshapeTo(call, call.add('scatter_elements', [zeros, flat(1), flat(0)], { axis: 0, reduction: 'none' }), full)
  const wished = call.optional(2) === null ? full : call.dims(2, 'the shape of the result')
  if (wished.length !== full.length) call.fail('shape-mismatch', `a result of rank ${wished.length} is wished for, of a tensor of rank ${full.length}`)
  const after = wished.map((d, i) => sub(d, full[i] as Dim))
  return after.every((d) => dimsEqual(d, 0)) ? image : call.emit('pad', [image], { mode: 'constant', before: after.map(() => 0), after })
}

/** Images from their parts, of the default domain. */
export const UNFOLDED: RuleTable = { Col2Im: since(18, col2im), MaxUnpool: since(9, maxUnpool) }
