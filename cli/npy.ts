/** NumPy's .npy files, versions 1 to 3 read and version 1 written, little-endian and C order. Source: numpy.lib.format. */
import { DTYPES, IngotError, storageOf, type DType, type HostTensor } from '../src/index.js'

const DESCRIPTIONS: Readonly<Partial<Record<DType, string>>> = {
  float32: '<f4', float64: '<f8', float16: '<f2', int8: '|i1', int16: '<i2', int32: '<i4', int64: '<i8',
  uint8: '|u1', uint16: '<u2', uint32: '<u4', uint64: '<u8', bool: '|b1',
}

/** The file's tensor. Throws `bad-tensor` for anything but a little-endian, C-ordered array of numbers or booleans. */
export function readNpy(bytes: Uint8Array, name: string): HostTensor {
  const bad = (what: string): never => { throw new IngotError('bad-tensor', `'${name}' is not a NumPy file that can be read: ${what}`, { hint: 'write it with numpy.save(path, numpy.ascontiguousarray(x))' }) }
  if (bytes.length < 10 || bytes[0] !== 0x93 || String.fromCharCode(...bytes.subarray(1, 6)) !== 'NUMPY') return bad('it does not begin with \\x93NUMPY')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const major = view.getUint8(6)
  const start = major === 1 ? 10 : 12
  const length = major === 1 ? view.getUint16(8, true) : bytes.length >= 12 ? view.getUint32(8, true) : Infinity
  if (start + length > bytes.length) return bad('its header is cut off')
  const header = new TextDecoder().decode(bytes.subarray(start, start + length))
  const descr = /'descr'\s*:\s*'([^']+)'/.exec(header)?.[1] ?? bad('its header names no dtype')
  if (/'fortran_order'\s*:\s*True/.test(header)) return bad('it is in Fortran order')
  const shape = (/'shape'\s*:\s*\(([^)]*)\)/.exec(header)?.[1] ?? bad('its header names no shape')).split(',').map((s) => s.trim()).filter((s) => s !== '').map(Number)
  const dtype = (Object.keys(DESCRIPTIONS) as DType[]).find((d) => DESCRIPTIONS[d] === descr || DESCRIPTIONS[d]?.replace('<', '=') === descr) ?? bad(`its dtype is '${descr}'`)
  const count = shape.reduce((n, d) => n * d, 1)
  const body = bytes.subarray(start + length)
  if (body.length !== count * (DTYPES[dtype].bits / 8)) return bad(`${count} elements of ${dtype} take ${count * (DTYPES[dtype].bits / 8)} bytes, and ${body.length} follow the header`)
  return { dtype, shape, data: storageOf(dtype, body) }
}

/** The bytes of a .npy file. Throws `bad-tensor` for dtypes that NumPy has none for. */
export function writeNpy(tensor: HostTensor, name: string): Uint8Array {
  const descr = DESCRIPTIONS[tensor.dtype]
  if (descr === undefined || !ArrayBuffer.isView(tensor.data)) throw new IngotError('bad-tensor', `'${name}' has dtype ${tensor.dtype}, which .npy files cannot hold`, { hint: 'leave --output out, or cast the output in the model' })
  const shape = `(${tensor.shape.join(', ')}${tensor.shape.length === 1 ? ',' : ''})`
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const body = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)
  const out = new Uint8Array(10 + padded.length + body.length)
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8])
  out.set(new TextEncoder().encode(padded), 10)
  out.set(body, 10 + padded.length)
  return out
}
