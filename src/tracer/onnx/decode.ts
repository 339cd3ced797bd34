/** Bytes → decoded ONNX model, with errors for people where the bytes are something else. */
import { IngotError } from '../../base/error.js'
import type { Message } from './schema.js'
import { decodeMessage, WireError } from './wire.js'

/** IR versions this importer knows. */
export const IR_VERSIONS = { least: 3, greatest: 13 } as const

/** Decodes an ONNX model. Tensor bytes are views of `bytes`. Throws `not-onnx`, `onnx-invalid` or `unsupported-ir-version`. */
export function decodeModel(bytes: Uint8Array): Message<'ModelProto'> {
  rejectOtherFormats(bytes)
  const model = decodeOrExplain(bytes)
  if (model.graph === undefined) throw invalid('the model has no graph', 'the file may be truncated; compare its size with the original')
  const ir = model.irVersion ?? 0
  if (ir < IR_VERSIONS.least || ir > IR_VERSIONS.greatest) {
    throw new IngotError('unsupported-ir-version', `the model has IR version ${ir}; versions ${IR_VERSIONS.least} to ${IR_VERSIONS.greatest} are supported`, {
      hint: 'convert it with onnx.version_converter, or export it again with a current exporter',
    })
  }
  return model
}

/** Turns decoding faults of another message (test data, a tensor file) into `onnx-invalid`. */
export function decodeChecked<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    throw invalid(`${what} cannot be decoded: ${error.message} (at byte ${error.at})`, 'the bytes are damaged, truncated or something else')
  }
}

function decodeOrExplain(bytes: Uint8Array): Message<'ModelProto'> {
  try {
    return decodeMessage('ModelProto', bytes)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    // Every exporter writes ir_version first: bytes that start so are most likely a damaged model.
    const version = bytes[1] ?? 0
    if (bytes[0] === 8 && version >= 1 && version < 100) {
      throw invalid(`the model is damaged or truncated: ${error.message} (at byte ${error.at} of ${bytes.length})`, 'fetch the file again and compare its size with the original')
    }
    throw new IngotError('not-onnx', `these ${bytes.length} bytes are not an ONNX model: ${error.message} (at byte ${error.at})`, { hint: 'pass the bytes of a .onnx file' })
  }
}

function invalid(what: string, hint: string): IngotError {
  return new IngotError('onnx-invalid', what, { hint })
}

const MAGICS: readonly { readonly starts: readonly number[]; readonly what: string; readonly hint: string }[] = [
  { starts: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive', hint: 'unzip it first and pass the .onnx file inside; a PyTorch .pt or .pth file must be exported with torch.onnx.export' },
  { starts: [0x50, 0x4b, 0x05, 0x06], what: 'an empty zip archive', hint: 'pass the bytes of a .onnx file' },
  { starts: [0x1f, 0x8b], what: 'gzip data', hint: 'gunzip it first' },
  { starts: [0x42, 0x5a, 0x68], what: 'bzip2 data', hint: 'decompress it first' },
  { starts: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: 'xz data', hint: 'decompress it first' },
  { starts: [0x28, 0xb5, 0x2f, 0xfd], what: 'zstd data', hint: 'decompress it first' },
  { starts: [0x49, 0x4e, 0x47, 0x54], what: 'a compiled Ingot program', hint: 'pass it to load()' },
  { starts: [0x89, 0x48, 0x44, 0x46], what: 'an HDF5 file', hint: 'convert the model with tf2onnx' },
]

function rejectOtherFormats(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new IngotError('not-onnx', 'the file is empty (0 bytes)', { hint: 'pass the bytes of a .onnx file' })
  for (const magic of MAGICS) {
    if (magic.starts.every((b, i) => bytes[i] === b)) throw new IngotError('not-onnx', `the file is ${magic.what}, not an ONNX model`, { hint: magic.hint })
  }
  if (String.fromCharCode(...bytes.subarray(4, 8)) === 'TFL3') throw new IngotError('not-onnx', 'the file is a TensorFlow Lite model, not an ONNX model', { hint: 'convert it with tf2onnx' })
  const head = bytes.subarray(0, 256)
  if (!head.every((b) => (b >= 32 && b < 127) || b === 9 || b === 10 || b === 13)) return
  const text = String.fromCharCode(...head)
  const hint = text.startsWith('version https://git-lfs') ? 'it is a Git LFS pointer: run git lfs pull'
    : /^\s*</.test(text) ? 'it looks like a web page, so a download may have failed' : 'pass the bytes of a .onnx file'
  throw new IngotError('not-onnx', `the file is text, not an ONNX model: it starts with '${text.slice(0, 40).replace(/\s+/g, ' ')}'`, { hint })
}
