/** Nested arrays of numbers as tensor storage: `[[1, 2], [3, 4]]` has shape [2, 2]. */
import { allocate, DTYPES, elementCount, type DType, type TensorStorage } from '../base/dtype.js'
import { numberToBfloat16, numberToFloat16 } from '../base/float16.js'

export type NestedValues = number | bigint | boolean | string | readonly NestedValues[]

/** Makes the error for what is wrong with the values; the caller knows the code and what they are for. */
export type NestedError = (what: string, hint: string) => Error

/** Reads nested values as elements of `dtype`; integers must be whole and in range. Throws what `error` makes. */
export function readNested(values: NestedValues, dtype: DType, error: NestedError): { readonly shape: number[]; readonly data: TensorStorage } {
  const shape: number[] = []
  for (let v = values as unknown; Array.isArray(v) && shape.length < 65; v = v[0]) shape.push(v.length)
  const { kind, bits } = DTYPES[dtype]
  if (bits > 0 && bits < (kind === 'float' ? 16 : 8)) throw error(`${dtype} has no plain numbers here`, 'give its bits in a Uint8Array')
  const data = allocate(dtype, elementCount(shape)) as unknown[]
  let at = 0
  const fill = (v: NestedValues, axis: number): void => {
    const extent = shape[axis]
    if ((Array.isArray(v) ? v.length : undefined) !== extent) {
      const label = (length: number | undefined): string => (length === undefined ? 'a single value' : `an array of ${length}`)
      throw error(`the nested values are ragged: at depth ${axis} there is ${label(Array.isArray(v) ? v.length : undefined)}, elsewhere ${label(extent)}`, 'give every row the same length')
    }
    if (Array.isArray(v)) for (const item of v as readonly NestedValues[]) fill(item, axis + 1)
    else {
      const element = convert(v, dtype)
      if (element === undefined) throw error(`${typeof v === 'string' ? JSON.stringify(v) : v} is not a value of ${dtype}`, 'give values that the dtype can hold')
      data[at++] = element
    }
  }
  fill(values, 0)
  return { shape, data: data as unknown as TensorStorage }
}

/** `v` as it is stored; undefined where the dtype cannot hold it. */
function convert(v: unknown, dtype: DType): unknown {
  const { kind, bits } = DTYPES[dtype]
  switch (kind) {
    case 'string': return typeof v === kind ? v : undefined
    case 'bool': return v === true || v === 1 ? 1 : v === false || v === 0 ? 0 : undefined
    case 'float': return typeof v !== 'number' ? undefined : dtype === 'float16' ? numberToFloat16(v) : dtype === 'bfloat16' ? numberToBfloat16(v) : v
  }
  const low = kind === 'int' ? -(2 ** (bits - 1)) : 0
  const fits = (typeof v === 'bigint' || Number.isInteger(v)) && (v as number) >= low && (v as number) < low + 2 ** bits
  return fits ? (bits === 64 ? BigInt : Number)(v as number) : undefined
}
