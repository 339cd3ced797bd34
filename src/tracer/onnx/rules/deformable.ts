/** The rule for convolutions whose taps are moved by offsets that are data: samples of the image between its elements, and a product with the weight. */
import type { Dim } from '../../../base/dim.js'
import { add, floorDiv, mul, product, sub } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { castTo, reshapeTo, sliceAxis } from './compose.js'

interface Taps { readonly kernel: readonly number[]; readonly strides: readonly number[]; readonly dilations: readonly number[]; readonly pads: readonly number[]; readonly groups: number }

function tapsOf(call: NodeCall): Taps {
  const kernel = call.shape(1).slice(2).map((d) => (typeof d === 'number' ? d : call.fail('shape-not-static', 'the kernel of DeformConv must be known while compiling'))), rank = kernel.length
  const taps = { kernel, strides: call.attrs.ints('strides', kernel.map(() => 1)), dilations: call.attrs.ints('dilations', kernel.map(() => 1)), pads: call.attrs.ints('pads', [...kernel, ...kernel].map(() => 0)), groups: call.attrs.int('offset_group', 1) }
  const given = call.attrs.ints('kernel_shape', kernel)
  if (given.join() !== kernel.join()) call.fail('shape-mismatch', `kernel_shape is [${given.join(', ')}], and the weight has [${kernel.join(', ')}]`)
  if (taps.strides.length !== rank || taps.dilations.length !== rank || taps.pads.length !== 2 * rank || taps.groups < 1) call.fail('bad-attribute', `strides and dilations need ${rank} numbers and pads ${2 * rank}, and offset_group at least 1`)
  if (call.shape(0).length !== rank + 2 || call.shape(2).length !== rank + 2) call.fail('shape-mismatch', `a kernel of ${rank} axes needs an input and offsets of rank ${rank + 2}`)
  return taps
}

/** Coordinates of the samples, [batch · groups, taps · first extent, other extents, axes], which count elements of the image. */
function gridOf(call: NodeCall, { kernel, strides, dilations, pads, groups }: Taps, type: 'float32' | 'float64'): Value {
  const count = kernel.reduce((p, k) => p * k, 1), [batch, , ...places] = call.shape(2) as readonly [Dim, Dim, ...Dim[]], ones = places.map(() => 1)
  const offsets = reshapeTo(call, castTo(call, call.input(2), type), [mul(batch, groups), count, kernel.length, ...places])
  const along = kernel.map((extent, axis): Value => {
    const inner = kernel.slice(axis + 1).reduce((p, k) => p * k, 1), steps = Array.from({ length: count }, (_, tap) => (Math.floor(tap / inner) % extent) * (dilations[axis] as number))
    const tap = call.constant(fromNumbers(type, [1, count, 1, ...ones], steps))
    const start = reshapeTo(call, call.add('range', [], { start: -(pads[axis] as number), step: strides[axis] as number, length: places[axis] as Dim, dtype: type }), [1, 1, 1, ...places.map((d, i) => (i === axis ? d : 1))])
    return call.add('add', [sliceAxis(call, offsets, 2, axis, 1), call.add('add', [start, tap])])
  })
  // The last axis of the image comes first.
  const [first, ...others] = places as [Dim, ...Dim[]], flat = along.map((v) => reshapeTo(call, v, [mul(batch, groups), mul(count, first), ...others, 1])).reverse()
  return flat.length === 1 ? flat[0] as Value : call.add('concat', flat, { axis: kernel.length + 1 })
}

const deformConv: Rule = (call) => {
  call.arity(3, 5)
  const taps = tapsOf(call), count = taps.kernel.reduce((p, k) => p * k, 1), group = call.attrs.int('group', 1), [batch, channels, ...image] = call.shape(0) as readonly [Dim, Dim, ...Dim[]]
  const [out, each] = call.shape(1) as readonly [Dim, Dim], places = call.shape(2).slice(2), points = product(places), type = call.dtype(0) === 'float64' ? 'float64' : 'float32', { groups } = taps
  call.assume(mul(each, group), channels, 'DeformConv reads all channels')
  call.assume(call.shape(2)[1] as Dim, groups * count * taps.kernel.length, 'DeformConv has an offset for each axis of each tap')
  places.forEach((d, i) => {
    const room = sub(add(image[i] as Dim, taps.pads[i] as number, taps.pads[places.length + i] as number), ((taps.kernel[i] as number) - 1) * (taps.dilations[i] as number) + 1)
    call.assume(add(floorDiv(room, taps.strides[i] as number), 1), d, 'DeformConv has offsets for each place of its result')
  })
  const x = reshapeTo(call, call.input(0), [mul(batch, groups), floorDiv(channels, groups), ...image])
  const samples = call.add('grid_sample', [x, gridOf(call, taps, type)], { mode: 'linear', padding: 'zeros', align_corners: false, pixels: true }), mask = call.optional(4)
  const columns = reshapeTo(call, samples, [...shapeOf(samples).slice(0, 2), count, points])
  const masked = mask === null ? columns : call.add('mul', [columns, reshapeTo(call, mask, [mul(batch, groups), 1, count, points])])
  const weight = reshapeTo(call, call.input(1), [1, group, floorDiv(out, group), mul(each, count)])
  const sums = call.add('matmul', [weight, reshapeTo(call, masked, [batch, group, mul(each, count), points])], { trans_a: false, trans_b: false })
  const y = reshapeTo(call, sums, [batch, out, ...places]), bias = call.optional(3)
  return bias === null ? y : call.emit('add', [y, reshapeTo(call, bias, [out, ...places.map(() => 1)])])
}

/** Deformable convolution, of the default domain. */
export const DEFORMABLE: RuleTable = { DeformConv: since(19, deformConv) }
