/**
 * Rules for random tensors, which are the same in every run and on every target: an element is a hash of its place, and of the seed attribute
 * or, where there is none, of how many random nodes come before. The hash is arithmetic of 32-bit integers.
 */
import type { Dim } from '../../../base/dim.js'
import { DTYPES, type DType } from '../../../base/dtype.js'
import { product, sub } from '../../../ir/dims.js'
import type { Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { dtypeOfNumber } from '../tensor.js'
import { castTo, isFloat, reshapeTo, sliceAxis, unsqueezeAt } from './compose.js'

/** The finaliser of MurmurHash3 (Austin Appleby, public domain), by which every bit of the input reaches every bit of the result. */
const ROUNDS = [[16, 0x85ebca6b], [13, 0xc2b2ae35]] as const, LAST_SHIFT = 16

function hashed(x: number): number {
  let h = x
  for (const [shift, factor] of ROUNDS) h = Math.imul(h ^ (h >>> shift), factor)
  return (h ^ (h >>> LAST_SHIFT)) >>> 0
}

function hashedValue(call: NodeCall, x: Value): Value {
  const folded = (h: Value, shift: number): Value => call.add('bitwise_xor', [h, call.add('shift_right', [h, call.scalar('uint32', shift)])])
  return folded(ROUNDS.reduce((h, [shift, factor]) => call.add('mul', [folded(h, shift), call.scalar('uint32', factor)]), x), LAST_SHIFT)
}

/** Where the numbers of a node start. */
function seedOf(call: NodeCall): number {
  const given = call.attrs.has('seed'), [bits] = new Uint32Array(Float32Array.of(call.attrs.float('seed', 0)).buffer)
  return given ? hashed((bits as number) + 1) : hashed(call.nextRandom() ^ 0x9e3779b9)
}

/** Numbers from 0 to below 1 of a shape, float64 or float32; those of other `streams` have nothing to do with them. */
function uniform(call: NodeCall, shape: readonly Dim[], seed: number, stream: number, type: DType): Value {
  const place = call.add('range', [], { start: 0, step: 1, length: product(shape), dtype: 'uint32' }), key = hashed(seed + stream)
  const inner = hashedValue(call, call.add('add', [place, call.scalar('uint32', key)]))
  const bits = hashedValue(call, call.add('bitwise_xor', [inner, call.scalar('uint32', hashed(key ^ 0x5bd1e995))]))
  // As many bits as a product with another number of the type leaves below it.
  const kept = type === 'float64' ? 32 : 23, high = kept === 32 ? bits : call.add('shift_right', [bits, call.scalar('uint32', 32 - kept)])
  return reshapeTo(call, call.add('mul', [castTo(call, high, type), call.scalar(type, 2 ** -kept)]), shape)
}

/** What numbers for a dtype are computed in. */
const wide = (dtype: DType): 'float32' | 'float64' => (dtype === 'float64' ? dtype : 'float32')

type Draw = (call: NodeCall, shape: readonly Dim[], type: DType) => Value

const drawUniform: Draw = (call, shape, type) => {
  const low = call.attrs.float('low', 0), high = call.attrs.float('high', 1), u = uniform(call, shape, seedOf(call), 0, type)
  return call.add('add', [call.add('mul', [u, call.scalar(type, high - low)]), call.scalar(type, low)])
}

/** By the method of Box and Muller. */
const drawNormal: Draw = (call, shape, type) => {
  const c = (value: number): Value => call.scalar(type, value), seed = seedOf(call), mean = call.attrs.float('mean', 0), scale = call.attrs.float('scale', 1)
  const above = call.add('sub', [c(1), uniform(call, shape, seed, 0, type)]), turn = uniform(call, shape, seed, 1, type)
  const radius = call.add('sqrt', [call.add('mul', [call.add('log', [above]), c(-2)])])
  const normal = call.add('mul', [radius, call.add('cos', [call.add('mul', [turn, c(2 * Math.PI)])])])
  return call.add('add', [call.add('mul', [normal, c(scale)]), c(mean)])
}

function drawn(call: NodeCall, draw: Draw, shape: readonly Dim[], dtype: DType): Value {
  if (!isFloat(dtype) || DTYPES[dtype].bits < 16) call.fail('unsupported-dtype', `${call.opType} makes floats, not ${dtype}`)
  return castTo(call, draw(call, shape, wide(dtype)), dtype)
}

/** The dtype that an attribute names. */
const named = (call: NodeCall, absent: number | undefined, own?: () => DType): DType => {
  const number = call.attrs.int('dtype', absent)
  return number === undefined && own !== undefined ? own() : dtypeOfNumber(number ?? 1, `the result of ${call.opType}`)
}

const ofShape = (draw: Draw): Rule => (call) => {
  call.arity(0)
  const shape = call.attrs.ints('shape', undefined) ?? call.fail('bad-attribute', 'shape is missing')
  return drawn(call, draw, shape, named(call, 1))
}

const like = (draw: Draw): Rule => (call) => {
  call.arity(1)
  return drawn(call, draw, call.shape(0), named(call, undefined, () => call.dtype(0)))
}

const bernoulli: Rule = (call) => {
  call.arity(1)
  const type = wide(call.dtype(0)), below = call.add('lt', [uniform(call, call.shape(0), seedOf(call), 0, type), castTo(call, call.input(0), type)])
  return castTo(call, below, named(call, undefined, () => call.dtype(0)))
}

/** A class is drawn where the running sum of probabilities passes a number drawn from 0 to the sum of all. */
const multinomial: Rule = (call) => {
  call.arity(1)
  const [batch, classes] = call.shape(0), count = call.attrs.int('sample_size', 1), to = named(call, 6)
  if (call.shape(0).length !== 2 || batch === undefined || classes === undefined) return call.fail('shape-mismatch', `Multinomial takes a tensor of rank 2, not ${call.shape(0).length}`)
  if (to !== 'int32' && to !== 'int64') call.fail('unsupported-dtype', `Multinomial gives int32 or int64, not ${to}`)
  call.assume(1, classes, 'Multinomial draws from at least one class', 'le')
  const type = wide(call.dtype(0)), sums = call.add('cumsum', [call.add('softmax', [castTo(call, call.input(0), type)], { axis: 1 })], { axis: 1, exclusive: false, reverse: false })
  const last = sub(classes, 1), all = sliceAxis(call, sums, 1, last, 1), aim = call.add('mul', [uniform(call, [batch, count], seedOf(call), 0, type), all])
  const passed = call.add('le', [unsqueezeAt(call, sliceAxis(call, sums, 1, 0, last), [1]), unsqueezeAt(call, aim, [2])])
  return castTo(call, call.add('reduce_sum', [castTo(call, passed, 'int32')], { axes: [2], keepdims: false }), to)
}

/** Random tensors of the default domain. */
export const RANDOM: RuleTable = {
  RandomUniform: always(ofShape(drawUniform)), RandomNormal: always(ofShape(drawNormal)),
  RandomUniformLike: always(like(drawUniform)), RandomNormalLike: always(like(drawNormal)),
  Bernoulli: since(15, bernoulli), Multinomial: since(7, multinomial),
}
