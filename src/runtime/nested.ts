/** Nested arrays of numbers as tensor storage: `[[1, 2], [3, 4]]` has shape [2, 2]. */
import { allocate, DTYPES, elementCount, type DType, type TensorStorage } from '../base/dtype.js'
import { numberToBfloat16, numberToFloat16 } from '../base/float16.js'

export type NestedValues = number | bigint | boolean | string | readonly NestedValues[]

/** Makes the error for what is wrong with the values; the caller knows the code and what they are for. */
export type NestedError = (what: string, hint: string) => Error

/** Reads nested values as elements of `dtype`; integers must be whole and in range. Throws what `error` makes. */
export function readNested(values: NestedValues, dtype: DType, error: NestedError): { readonly shape: number[]; readonly data: TensorStorage } {
  const shape: number[] = []
  for (let v: NestedValues | undefined = values; Array.isArray(v) && shape.length < 65; v = v[0] as NestedValues | undefined) shape.push(v.length)
  const convert = converter(dtype, error)
  const data = allocate(dtype, elementCount(shape)) as unknown[]
  let at = 0
  const fill = (v: NestedValues, axis: number): void => {
    const extent = shape[axis]
    if (Array.isArray(v) !== (extent !== undefined) || (Array.isArray(v) && v.length !== extent)) {
      throw error(`the nested values are ragged: at depth ${axis} there is ${Array.isArray(v) ? `an array of ${v.length}` : 'a single value'}, elsewhere ${extent === undefined ? 'a single value' : `an array of ${extent}`}`, 'give every row the same length')
    }
    if (Array.isArray(v)) for (const item of v as readonly NestedValues[]) fill(item, axis + 1)
    else data[at++] = convert(v as number)
  }
  fill(values, 0)
  return { shape, data: data as unknown as TensorStorage }
}

function converter(dtype: DType, error: NestedError): (v: unknown) => unknown {
  const { kind, bits } = DTYPES[dtype]
  const refuse = (v: unknown): never => { throw error(`${typeof v === 'string' ? JSON.stringify(v) : String(v)} is not a value of ${dtype}`, 'give values that the dtype can hold') }
  if (kind === 'string') return (v) => (typeof v === 'string' ? v : refuse(v))
  if (kind === 'bool') return (v) => (v === true || v === 1 ? 1 : v === false || v === 0 ? 0 : refuse(v))
  if (bits < 16 && kind === 'float' || bits < 8) throw error(`${dtype} has no plain numbers here`, 'give its bits in a Uint8Array')
  if (kind === 'float') {
    const round = dtype === 'float16' ? numberToFloat16 : dtype === 'bfloat16' ? numberToBfloat16 : Number
    return (v) => (typeof v === 'number' ? round(v) : refuse(v))
  }
  const low = kind === 'int' ? -(2 ** (bits - 1)) : 0, high = kind === 'int' ? 2 ** (bits - 1) : 2 ** bits
  return (v) => {
    const whole = typeof v === 'bigint' || (typeof v === 'number' && Number.isInteger(v))
    if (!whole || (v as number) < low || (v as number) >= high) return refuse(v)
    return bits === 64 ? BigInt(v as number) : Number(v)
  }
}
