/** Ops that move, repeat or make elements as ONNX nodes. */
import type { DType, HostTensor } from '../../../base/dtype.js'
import { add, dimsEqual, divExact, lt, mul, product, select, type Dim } from '../../../ir/dims.js'
import { numberOfDType } from '../../onnx/tensor.js'
import { bool, int, ints, tensor, text } from '../attributes.js'
import { isNonNegative } from '../dim-values.js'
import type { Ref } from '../graph-writer.js'
import { rule, type NodeExport, type Rule, type RuleTable } from '../node-export.js'

/** 0 (copy the extent) and at most one -1 (what is left) where they certainly say the same; undefined where they do not. */
function wildcards(own: readonly Dim[], shape: readonly Dim[]): readonly number[] | undefined {
  if (shape.includes(0)) return undefined
  const out = shape.map((d, i): number | undefined => (typeof d === 'number' ? d : i < own.length && dimsEqual(d, own[i] as Dim) ? 0 : undefined))
  if (out.every((d) => d !== undefined)) return out
  const open = shape.filter((d) => typeof d !== 'number'), [left] = open
  const rest = product(shape.filter((d) => typeof d === 'number'))
  const quotient = divExact(product(own), rest)
  if (open.length !== 1 || left === undefined || quotient === undefined || !dimsEqual(quotient, left)) return undefined
  return shape.map((d) => (typeof d === 'number' ? d : -1))
}

const reshape = rule<{ readonly shape: readonly Dim[] }>((e, { shape }) => {
  const isStatic = shape.every((d) => typeof d === 'number')
  const simple = isStatic ? undefined : wildcards(e.type(0).shape, shape)
  if (simple !== undefined) e.result('Reshape', [e.input(0), e.ints(simple)])
  // A 0 that is meant, or that an extent may turn out to be, must not copy.
  else e.result('Reshape', [e.input(0), e.dims(shape)], !isStatic || shape.includes(0) ? { allowzero: int(1) } : {})
})

/** Where a slice may end before the first element, a number that no index reaches says so. */
const FAR = Number.MAX_SAFE_INTEGER

interface SliceAttrs { readonly axes: readonly number[]; readonly starts: readonly Dim[]; readonly steps: readonly number[]; readonly sizes: readonly Dim[] }

const slice = rule<SliceAttrs>((e, { axes, starts, steps, sizes }) => {
  if (axes.length === 0) { e.result('Identity', [e.input(0)]); return }
  const shape = e.type(0).shape
  const ends = axes.map((axis, i): Dim => {
    const size = sizes[i] as Dim, step = steps[i] as number, start = starts[i] as Dim
    if (size === 0) return 0
    const end = add(start, mul(step, size))
    if (step > 0) return dimsEqual(end, shape[axis] as Dim) ? FAR : end
    return typeof end === 'number' ? (end < 0 ? -FAR : end) : isNonNegative(e.writer, end) ? end : select(lt(end, 0), -FAR, end)
  })
  const from = starts.map((s, i) => (sizes[i] === 0 ? 0 : s)), by = steps.map((s, i) => (sizes[i] === 0 ? 1 : s))
  e.result('Slice', [e.input(0), e.dims(from), e.dims(ends), e.ints(axes), ...(by.every((s) => s === 1) ? [] : [e.ints(by)])])
})

/** `x` as a tensor of rank 0. */
function scalarOf(e: NodeExport, x: Ref, rank: number): Ref {
  return rank === 0 ? x : e.add('Reshape', [x, e.ints([])])
}

const pad = rule<{ readonly mode: string; readonly before: readonly Dim[]; readonly after: readonly Dim[] }>((e, { mode, before, after }) => {
  const value = e.optional(1)
  if (before.length === 0) { e.result('Identity', [e.input(0)]); return }
  const fill = mode !== 'constant' || value === null ? [] : [scalarOf(e, value, e.type(1).shape.length)]
  e.result('Pad', [e.input(0), e.dims([...before, ...after]), ...fill], { mode: text(mode) })
})

/** An op on data and indices whose axis, counted from the front, is an attribute. */
const alongAxis = (opType: string): Rule => rule<{ readonly axis: number }>((e, { axis }) => { e.result(opType, e.inputs(), { axis: int(axis) }) })

const range = rule<{ readonly start: Dim; readonly step: Dim; readonly length: Dim; readonly dtype: DType }>((e, { start, step, length, dtype }) => {
  const cast = { to: int(numberOfDType(dtype)) }
  if (step === 0) { e.result('Cast', [e.add('Expand', [e.dims([start]), e.dims([length])])], cast); return }
  const [from, limit, delta] = [start, add(start, mul(step, length)), step].map((d) => scalarOf(e, e.dims([d]), 1)) as [Ref, Ref, Ref]
  if (dtype === 'int64') e.result('Range', [from, limit, delta])
  else e.result('Cast', [e.add('Range', [from, limit, delta])], cast)
})

const dimsTensor = rule<{ readonly dims: readonly Dim[]; readonly shape: readonly number[]; readonly dtype: DType }>((e, { dims, shape, dtype }) => {
  const flat = e.dims(dims), shaped = shape.length === 1 ? flat : e.add('Reshape', [flat, e.ints(shape)], shape.includes(0) ? { allowzero: int(1) } : {})
  e.result('Cast', [shaped], { to: int(numberOfDType(dtype)) })
})

/** Ops on index tuples take int64 indices only. */
const tuples = (e: NodeExport): readonly (Ref | null)[] => e.inputs().map((r, i) => (i === 1 && r !== null ? e.cast(r, 'int64') : r))

/** OneHot wants indices of rank 1 or more. */
const oneHot = rule<{ readonly axis: number; readonly depth: Dim }>((e, { axis, depth }) => {
  if (e.type(0).shape.length > 0) { e.result('OneHot', [e.input(0), e.dims([depth]), e.input(1)], { axis: int(axis) }); return }
  const row = e.add('OneHot', [e.add('Reshape', [e.input(0), e.ints([1])]), e.dims([depth]), e.input(1)], { axis: int(0) }, e.resultType().dtype)
  e.result('Reshape', [row, e.ints([-1])])
})

/** Ops that move, repeat or make elements. */
export const MOVEMENT: RuleTable = {
  reshape, slice, pad, range,
  // The order of elements in memory is no business of ONNX.
  relayout: (e) => { e.result('Identity', [e.input(0)]) },
  transpose: rule<{ readonly perm: readonly number[] }>((e, { perm }) => {
    if (perm.length < 2) e.result('Identity', [e.input(0)])
    else e.result('Transpose', [e.input(0)], { perm: ints(perm) })
  }),
  expand: rule<{ readonly shape: readonly Dim[] }>((e, { shape }) => { e.result('Expand', [e.input(0), e.dims(shape)]) }),
  tile: rule<{ readonly repeats: readonly Dim[] }>((e, { repeats }) => {
    if (repeats.length === 0) e.result('Identity', [e.input(0)])
    else e.result('Tile', [e.input(0), e.dims(repeats)])
  }),
  concat: alongAxis('Concat'),
  gather: alongAxis('Gather'),
  gather_elements: alongAxis('GatherElements'),
  gather_nd: rule<{ readonly batch_dims: number }>((e, a) => { e.result('GatherND', tuples(e), { batch_dims: int(a.batch_dims) }) }),
  scatter_elements: rule<{ readonly axis: number; readonly reduction: string }>((e, a) => { e.result('ScatterElements', e.inputs(), { axis: int(a.axis), reduction: text(a.reduction) }) }),
  scatter_nd: rule<{ readonly reduction: string }>((e, a) => { e.result('ScatterND', tuples(e), { reduction: text(a.reduction) }) }),
  fill: rule<{ readonly shape: readonly Dim[]; readonly value: HostTensor }>((e, { shape, value }) => { e.result('ConstantOfShape', [e.dims(shape)], { value: tensor({ ...value, shape: [1] }) }) }),
  dims_tensor: dimsTensor,
  measure: rule<{ readonly symbols: readonly string[] }>((e, { symbols }) => {
    symbols.forEach((symbol, index) => e.writer.measured.set(symbol, { ref: e.input(0), index }))
    e.result('Identity', [e.input(0)])
  }),
  one_hot: oneHot,
  trilu: rule<{ readonly upper: boolean; readonly k: number }>((e, { upper, k }) => { e.result('Trilu', [e.input(0), e.scalar('int64', k)], { upper: bool(upper) }) }),
}
