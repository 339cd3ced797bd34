/** What all elementwise ops share: broadcasting in `infer` and `reference`, so that an op is one row of a table. */
import { elementCount, type DType, type HostTensor } from '../../base/dtype.js'
import { IngotError, invariant } from '../../base/error.js'
import type { Dim } from '../dims.js'
import { dimsOf } from '../integer-elements.js'
import type { Call, ConcreteType, ReferenceCall } from '../op.js'
import { shapeOf, type Value } from '../graph.js'
import type { TensorType } from '../types.js'
import { elementsOf, newElements, tensorOfElements, type Element, type Elements } from './elements.js'
import { broadcastOffsets } from './offsets.js'
import { ALL_DTYPES, findElementClass, type ElementClass } from './operands.js'

/** One element of the result from one element of each input. */
export type ElementFunction = (...elements: never[]) => Element | boolean
/** The function for each class of dtypes that an op takes; a class without one is not supported by the op. */
export interface ElementFunctions {
  readonly float?: (...x: readonly number[]) => number | boolean
  readonly int?: (...x: readonly number[]) => number | boolean
  readonly big?: (...x: readonly bigint[]) => bigint | boolean
  readonly bool?: (...x: readonly number[]) => number | boolean
}

/** The dtypes for whose class there is a function. */
export function dtypesOf(functions: { readonly [C in ElementClass]?: unknown }): readonly DType[] {
  return ALL_DTYPES.filter((d) => functions[findElementClass(d) as ElementClass] !== undefined)
}

/** The function for `dtype`; throws `unsupported-dtype`, which `infer` has done before. */
export function functionFor(functions: { readonly [C in ElementClass]?: ElementFunction }, dtype: DType): ElementFunction {
  const c = findElementClass(dtype)
  const f = c === undefined ? undefined : functions[c]
  if (f === undefined) throw new IngotError('unsupported-dtype', `there is no ${dtype} version`, { where: { dtype } })
  return f
}

/** `f` on every element of one to three inputs broadcast to the output's shape. */
export function applyElementwise(f: ElementFunction, inputs: readonly HostTensor[], output: ConcreteType): HostTensor {
  const n = elementCount(output.shape)
  const out = newElements(output.dtype, n)
  const apply = f as (...elements: Element[]) => Element
  const [a, b, c] = inputs.map(elementsOf) as [Elements, Elements, Elements]
  const [ia, ib, ic] = inputs.map((t) => broadcastOffsets(t.shape, output.shape))
  const at = (list: Int32Array | undefined, i: number): number => (list === undefined ? i : (list[i] as number))
  if (inputs.length === 1) for (let i = 0; i < n; i++) out[i] = apply(a[at(ia, i)] as Element)
  else if (inputs.length === 2) for (let i = 0; i < n; i++) out[i] = apply(a[at(ia, i)] as Element, b[at(ib, i)] as Element)
  else for (let i = 0; i < n; i++) out[i] = apply(a[at(ia, i)] as Element, b[at(ib, i)] as Element, c[at(ic, i)] as Element)
  return tensorOfElements(output, out)
}

/** The inputs of a reference call that are all required; throws `bad-attribute` where one is not given. */
export function required(inputs: readonly (HostTensor | null)[]): readonly [HostTensor, ...HostTensor[]] {
  const given = inputs.map((t, i) => {
    if (t === null) throw new IngotError('bad-attribute', `input ${i} is required but not given`)
    return t
  })
  invariant(given.length > 0, 'an op without inputs was asked for them')
  return given as [HostTensor, ...HostTensor[]]
}

/** The only result type of a reference call. */
export function onlyOutput(outputs: readonly ConcreteType[]): ConcreteType {
  invariant(outputs.length === 1 && outputs[0] !== undefined, 'an op with one result was given another number of result types')
  return outputs[0]
}

/** The reference of an elementwise op: the function for its first input's dtype, broadcast. */
export function elementwiseReference(functions: { readonly [C in ElementClass]?: ElementFunction }, call: ReferenceCall<unknown>): HostTensor[] {
  const inputs = required(call.inputs)
  return [applyElementwise(functionFor(functions, inputs[0].dtype), inputs, onlyOutput(call.outputs))]
}

/** `f` on the elements, as dims, of inputs whose elements are known; undefined where one is not, or where `f` knows no dim. */
export function symbolicElementwise(call: Call<unknown>, output: TensorType, f: (...dims: readonly Dim[]) => Dim | undefined): readonly Dim[] | undefined {
  const shape = output.shape as readonly number[]
  const inputs = call.inputs as readonly Value[]
  const known = inputs.map(dimsOf)
  const offsets = inputs.map((v) => broadcastOffsets(shapeOf(v) as readonly number[], shape))
  const out: Dim[] = []
  for (let i = 0; i < elementCount(shape); i++) {
    const args = known.map((dims, k) => dims?.[offsets[k]?.[i] ?? i])
    const dim = args.includes(undefined) ? undefined : f(...(args as Dim[]))
    if (dim === undefined) return undefined
    out.push(dim)
  }
  return out
}
