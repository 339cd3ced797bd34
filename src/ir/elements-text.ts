/**
 * The text of tensor elements and numbers. Numbers print as the shortest decimals that read back to the same bits; a NaN
 * whose bits are not the usual ones prints as `nan(0x7fc00001)`.
 */
import { DTYPES, elementCount, type DType, type HostTensor } from '../base/dtype.js'
import { fromNumbers, hostTensor, toNumbers } from './host-tensor.js'

/** A double's text: `0.1`, `-0`, `inf`, `-inf`, `nan`. */
export function printNumber(n: number): string {
  if (Number.isNaN(n)) return 'nan'
  if (n === Infinity) return 'inf'
  if (n === -Infinity) return '-inf'
  return Object.is(n, -0) ? '-0' : String(n)
}

/** The number of a text that `printNumber` gives; undefined for any other text. */
export function readNumber(text: string): number | undefined {
  if (text === 'nan') return NaN
  if (text === 'inf') return Infinity
  if (text === '-inf') return -Infinity
  return /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined
}

/** The texts of a tensor's elements, row-major, at most `limit` of them. */
export function printElements(tensor: HostTensor, limit = Infinity): string[] {
  const count = Math.min(elementCount(tensor.shape), limit)
  const { kind, bits } = DTYPES[tensor.dtype]
  if (kind === 'string') return (tensor.data as readonly string[]).slice(0, count).map((s) => JSON.stringify(s))
  if (kind === 'bool') return Array.from((tensor.data as Uint8Array).subarray(0, count), (b) => (b === 0 ? 'false' : b === 1 ? 'true' : String(b)))
  const data = tensor.data as Exclude<HostTensor['data'], readonly string[]>
  if (kind !== 'float' && bits >= 8) return Array.from(data.subarray(0, count) as ArrayLike<number | bigint>, String)
  const head = bits < 8 ? tensor : ({ ...tensor, shape: [count], data: data.subarray(0, count) } as HostTensor)
  const numbers = toNumbers(head).subarray(0, count)
  if (kind !== 'float') return Array.from(numbers, String)
  const print = tensor.dtype === 'float64' ? printNumber : shortestPrinter(tensor.dtype)
  return Array.from(numbers, (n, i) => (Number.isNaN(n) ? printNan(tensor, i) : print(n)))
}

/** Prints numbers of a narrow float type with no more digits than reading them back needs. */
function shortestPrinter(dtype: DType): (n: number) => string {
  const round = (n: number): number => (dtype === 'float32' ? Math.fround(n) : toNumbers(fromNumbers(dtype, [1], [n]))[0] as number)
  return (n) => {
    if (!Number.isFinite(n) || (Number.isInteger(n) && Math.abs(n) < 1e6)) return printNumber(n)
    for (let digits = 3; digits < 17; digits++) {
      const short = Number(n.toPrecision(digits))
      if (round(short) === n) return printNumber(short)
    }
    return printNumber(n)
  }
}

/** The unsigned integers that the elements of a float type are stored as. */
function bitsOf(tensor: HostTensor): (i: number) => string {
  const data = tensor.data as Float32Array
  if (tensor.dtype === 'float32') { const words = new Uint32Array(data.buffer, data.byteOffset, data.length); return (i) => (words[i] as number).toString(16) }
  if (tensor.dtype === 'float64') { const words = new BigUint64Array(data.buffer, data.byteOffset, data.length); return (i) => (words[i] as bigint).toString(16) }
  return (i) => (data[i] as number).toString(16)
}

function printNan(tensor: HostTensor, i: number): string {
  const bits = bitsOf(tensor)(i)
  const usual = bitsOf(fromNumbers(tensor.dtype, [1], [NaN]))(0)
  return bits === usual ? 'nan' : `nan(0x${bits})`
}

/**
 * The tensor of the given element texts (strings without their quotes). Gives the number of the first text that is no element of
 * `dtype`, and -1 when the count does not fit `shape`.
 */
export function readElements(dtype: DType, shape: readonly number[], texts: readonly string[]): HostTensor | number {
  if (texts.length !== elementCount(shape)) return -1
  const { kind } = DTYPES[dtype]
  if (kind === 'string') return { dtype, shape, data: texts }
  if (dtype === 'int64' || dtype === 'uint64') {
    const wrong = texts.findIndex((t) => !/^-?\d+$/.test(t))
    return wrong >= 0 ? wrong : hostTensor(dtype, shape, texts.map(BigInt))
  }
  const numbers = texts.map((t) => (t.startsWith('nan(') ? NaN : readElement(kind, t)))
  const wrong = numbers.indexOf(undefined)
  if (wrong >= 0) return wrong
  const tensor = kind === 'bool' ? hostTensor(dtype, shape, Uint8Array.from(numbers as number[])) : fromNumbers(dtype, shape, numbers as number[])
  texts.forEach((t, i) => { if (t.startsWith('nan(')) writeBits(tensor, i, t.slice(4, -1)) })
  return tensor
}

function readElement(kind: string, text: string): number | undefined {
  if (kind === 'bool' && (text === 'true' || text === 'false')) return text === 'true' ? 1 : 0
  return kind === 'float' || /^-?\d+$/.test(text) ? readNumber(text) : undefined
}

/** Writes an element's bits where the storage is a float array; the other float types store bits anyway. */
function writeBits(tensor: HostTensor, i: number, hex: string): void {
  const storage = tensor.data as Float32Array
  if (tensor.dtype === 'float32') new Uint32Array(storage.buffer, storage.byteOffset, storage.length)[i] = Number(hex)
  else if (tensor.dtype === 'float64') new BigUint64Array(storage.buffer, storage.byteOffset, storage.length)[i] = BigInt(hex)
  else (tensor.data as Uint16Array)[i] = Number(hex)
}
