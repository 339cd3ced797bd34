/**
 * Dims as int64 vectors of one element that the ONNX graph computes: extents by Shape, elements of inputs by Gather, and
 * arithmetic on them. All of it comes from graph inputs, so it can stand anywhere; each dim is computed once.
 */
import { IngotError } from '../../base/error.js'
import { dimKey, type Dim, type DimExpr } from '../../ir/dims.js'
import { printDim } from '../../ir/dims-text.js'
import { dtypeOf, type SymbolDecl } from '../../ir/graph.js'
import { numberOfDType } from '../onnx/tensor.js'
import { int, type AttributeDrafts } from './attributes.js'
import type { GraphWriter, Ref } from './graph-writer.js'

/** `dims` as one int64 vector: a constant where all are numbers, else computed. */
export function dimVector(writer: GraphWriter, dims: readonly Dim[]): Ref {
  if (dims.every((d) => typeof d === 'number')) return writer.ints(dims)
  const key = `[${dims.map(dimKey).join('; ')}]`
  const known = writer.dimValues.get(key)
  if (known !== undefined) return known
  const parts = dims.map((d) => dimValue(writer, d))
  const [only] = parts
  const ref = parts.length === 1 && only !== undefined ? only : emit(writer, 'Concat', parts, 'shape', { axis: int(0) })
  writer.dimValues.set(key, ref)
  return ref
}

/** One dim as an int64 vector of one element. Throws `shape-not-static` for a symbol that no input gives. */
export function dimValue(writer: GraphWriter, dim: Dim): Ref {
  if (typeof dim === 'number') return writer.ints([dim])
  const key = dimKey(dim)
  let ref = writer.dimValues.get(key)
  if (ref === undefined) {
    ref = typeof dim === 'string' ? symbolValue(writer, dim) : expressionValue(writer, dim)
    writer.dimValues.set(key, ref)
  }
  return ref
}

function emit(writer: GraphWriter, opType: string, inputs: readonly Ref[], wish: string, attributes: AttributeDrafts = {}, dtype: Ref['dtype'] = 'int64'): Ref {
  const ref = { name: writer.name(wish), dtype }
  writer.node(opType, inputs, [ref.name], attributes, `dims/${wish}`)
  return ref
}

const cast = (writer: GraphWriter, x: Ref, dtype: Ref['dtype'], wish: string): Ref =>
  (x.dtype === dtype ? x : emit(writer, 'Cast', [x], wish, { to: int(numberOfDType(dtype)) }, dtype))

function symbolValue(writer: GraphWriter, symbol: string): Ref {
  const source: SymbolDecl['source'] | undefined = writer.symbols.get(symbol)?.source
  const input = source === undefined || source.kind === 'measured' ? undefined : writer.inputs[source.input]
  const measured = writer.measured.get(symbol)
  if (measured !== undefined) return emit(writer, 'Gather', [emit(writer, 'Reshape', [cast(writer, measured.ref, 'int64', `${symbol}.int64`), writer.ints([-1])], `${symbol}.flat`), writer.ints([measured.index])], symbol, { axis: int(0) })
  if (source === undefined || source.kind === 'measured' || input === undefined) throw new IngotError('shape-not-static', `the extent '${symbol}' is given by no input`, { hint: 'extents that are only known while running cannot be exported' })
  if (source.kind === 'extent') return emit(writer, 'Shape', [writer.ref(input)], symbol, { start: int(source.axis), end: int(source.axis + 1) })
  const flat = emit(writer, 'Reshape', [cast(writer, { ...writer.ref(input), dtype: dtypeOf(input) }, 'int64', `${input.name}.int64`), writer.ints([-1])], `${input.name}.flat`)
  return emit(writer, 'Gather', [flat, writer.ints([source.index])], symbol, { axis: int(0) })
}

function expressionValue(writer: GraphWriter, dim: DimExpr): Ref {
  const wish = printDim(dim)
  const args = (): Ref[] => (dim.slice(1) as Dim[]).map((d) => dimValue(writer, d))
  const chain = (opType: string): Ref => args().reduce((a, b) => emit(writer, opType, [a, b], wish))
  switch (dim[0]) {
    case '+': return chain('Add')
    case '*': return chain('Mul')
    case 'min': return emit(writer, 'Min', args(), wish)
    case 'max': return emit(writer, 'Max', args(), wish)
    case 'mod': return emit(writer, 'Mod', args(), wish)
    case 'floordiv': return quotient(writer, dim[1] as Dim, dim[2] as Dim, wish)
    case 'eq': return cast(writer, emit(writer, 'Equal', args(), wish, {}, 'bool'), 'int64', wish)
    case 'lt': return cast(writer, emit(writer, 'Less', args(), wish, {}, 'bool'), 'int64', wish)
    case 'select': {
      const [condition, a, b] = args() as [Ref, Ref, Ref]
      return emit(writer, 'Where', [cast(writer, condition, 'bool', wish), a, b], wish)
    }
  }
}

/** Div truncates: where the dividend may be negative, the remainder, which has the sign of the divisor, is taken away before. */
function quotient(writer: GraphWriter, a: Dim, b: Dim, wish: string): Ref {
  const x = dimValue(writer, a), y = dimValue(writer, b)
  if (isNonNegative(writer, a) && isNonNegative(writer, b)) return emit(writer, 'Div', [x, y], wish)
  const whole = emit(writer, 'Sub', [x, emit(writer, 'Mod', [x, y], `${wish}.rest`)], `${wish}.whole`)
  return emit(writer, 'Div', [whole, y], wish)
}

/** True where `dim` cannot be below 0, because extents are not; elements of inputs may be. */
export function isNonNegative(writer: GraphWriter, dim: Dim): boolean {
  if (typeof dim === 'number') return dim >= 0
  if (typeof dim === 'string') return writer.symbols.get(dim)?.source.kind === 'extent'
  const args = dim.slice(1) as Dim[], holds = (d: Dim): boolean => isNonNegative(writer, d)
  switch (dim[0]) {
    case 'max': return args.some(holds)
    case 'mod': return args.slice(1).every(holds)
    case 'select': return args.slice(1).every(holds)
    case 'eq': case 'lt': return true
    default: return args.every(holds)
  }
}
