/** The rule for the matrix that gathers the bins of a spectrum into bands of the mel scale. */
import type { Dim } from '../../../base/dim.js'
import { add, floorDiv } from '../../../ir/dims.js'
import type { Value } from '../../../ir/graph.js'
import { fromNumbers, toNumbers } from '../../../ir/host-tensor.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { dtypeOfNumber } from '../tensor.js'
import { castTo, reshapeTo, sliceAxis } from './compose.js'
import { dimAsScalar } from './scalars.js'

/** mel(f) = 2595 · log10(1 + f / 700). */
const FACTOR = 2595, CORNER = 700

/** Triangles over the bins of a spectrum, whose edges are evenly spaced on the mel scale, and lie on bins. */
const melWeightMatrix: Rule = (call) => {
  call.arity(5)
  const [bands, length, rate] = [0, 1, 2].map((i) => call.dims(i, `input ${i} of MelWeightMatrix`)[0] ?? 0) as [Dim, Dim, Dim], edges = [3, 4].map((i) => call.constantOf(i))
  const to = dtypeOfNumber(call.attrs.int('output_datatype', 1), 'the result of MelWeightMatrix')
  const [low, high] = edges.map((edge) => (edge === undefined ? undefined : toNumbers(edge)[0]))
  const known = typeof bands === 'number' && typeof length === 'number' && typeof rate === 'number' && low !== undefined && high !== undefined
  return castTo(call, known ? constantMatrix(call, bands, length, rate, low, high) : runningMatrix(call, bands, length, rate), to)
}

function constantMatrix(call: NodeCall, bands: number, length: number, rate: number, low: number, high: number): Value {
  const mel = (f: number): number => FACTOR * Math.log10(1 + f / CORNER), bins = Math.floor(length / 2) + 1, elements = new Float64Array(bins * bands)
  const edges = Array.from({ length: bands + 2 }, (_, i) => Math.floor((length + 1) * CORNER * (10 ** ((i * (mel(high) - mel(low)) / (bands + 2) + mel(low)) / FACTOR) - 1) / rate))
  for (let band = 0; band < bands; band++) {
    const [left, centre, right] = edges.slice(band, band + 3) as [number, number, number]
    for (let bin = Math.max(left, 0); bin < Math.min(right, bins); bin++) elements[bin * bands + band] = bin < centre ? (bin - left) / (centre - left) : (right - bin) / (right - centre)
    if (centre >= 0 && centre < bins) elements[centre * bands + band] = 1
  }
  return call.constant(fromNumbers('float64', [bins, bands], elements), call.outputName(0))
}

function runningMatrix(call: NodeCall, bands: Dim, length: Dim, rate: Dim): Value {
  const type = 'float32', c = (value: number): Value => call.scalar(type, value), one = c(1), scaled = (x: Value, factor: number): Value => call.add('mul', [x, c(factor)])
  const mel = (i: number): Value => scaled(call.add('log', [call.add('add', [scaled(reshapeTo(call, castTo(call, call.input(i), type), []), 1 / CORNER), one])]), FACTOR / Math.LN10)
  const count = (extent: Dim): Value => call.add('range', [], { start: 0, step: 1, length: extent, dtype: type }), low = mel(3), step = call.add('div', [call.add('sub', [mel(4), low]), dimAsScalar(call, add(bands, 2), type)])
  const points = call.add('add', [call.add('mul', [count(add(bands, 2)), step]), low]), hertz = scaled(call.add('sub', [call.add('exp', [scaled(points, Math.LN10 / FACTOR)]), one]), CORNER)
  const edges = call.add('floor', [call.add('div', [call.add('mul', [hertz, dimAsScalar(call, add(length, 1), type)]), dimAsScalar(call, rate, type)])])
  const edge = (first: number): Value => sliceAxis(call, edges, 0, first, bands), bins = add(floorDiv(length, 2), 1), bin = reshapeTo(call, count(bins), [bins, 1])
  const rising = call.add('div', [call.add('sub', [bin, edge(0)]), call.add('sub', [edge(1), edge(0)])]), falling = call.add('div', [call.add('sub', [edge(2), bin]), call.add('sub', [edge(2), edge(1)])])
  const slope = call.add('where', [call.add('lt', [bin, edge(1)]), rising, falling]), inside = call.add('logical_and', [call.add('ge', [bin, edge(0)]), call.add('lt', [bin, edge(2)])])
  return call.add('where', [call.add('eq', [bin, edge(1)]), one, call.add('where', [inside, slope, c(0)])])
}

/** Mel bands, of the default domain. */
export const MEL: RuleTable = { MelWeightMatrix: since(17, melWeightMatrix) }
