/**
 * External tensor data: a model names files beside itself, and may name nothing else. Locations are relative paths inside
 * the model's folder; absolute ones, `..` and links that lead out are refused before anything is read.
 */
import { IngotError } from '../../base/error.js'
import { nodeModule } from '../../base/node-modules.js'
import type { Message } from './schema.js'
import type { ExternalReader } from './tensor.js'

/** Gives the bytes of an external file by its location in the model: a record of files, or a function. */
export type ExternalData = Readonly<Record<string, Uint8Array>> | ((location: string) => Uint8Array | undefined)

/** A reader over external data that the caller holds in memory. */
export function readerOf(data: ExternalData): ExternalReader {
  const files = new Map<string, Uint8Array>()
  return (tensor, bytes) => {
    const { location, offset, length } = placeOf(tensor, bytes)
    let file = files.get(location)
    if (file === undefined) {
      file = typeof data === 'function' ? data(location) : Object.hasOwn(data, location) ? data[location] : undefined
      if (file === undefined) throw missing(tensor, location, 'pass its bytes in externalData')
      files.set(location, file)
    }
    return rangeOf(tensor, file, location, offset, length)
  }
}

/** Files that a model's tensors name, each once. Throws `external-data-outside` for a location that may not be read. */
export function locationsOf(tensors: Iterable<Message<'TensorProto'>>): string[] {
  const locations = new Set<string>()
  for (const t of tensors) if (t.dataLocation === 1) locations.add(placeOf(t, 0).location)
  return [...locations]
}

/** Reads the named files from `folder` (Node and the like). Throws `external-data-missing` or `external-data-outside`. */
export async function readFiles(folder: string, locations: readonly string[]): Promise<Record<string, Uint8Array>> {
  const [{ readFile, realpath }, path] = await Promise.all([nodeModule('node:fs/promises'), nodeModule('node:path')])
  const root = await realpath(folder)
  const out: Record<string, Uint8Array> = {}
  for (const location of locations) {
    const wish = path.join(root, location)
    const real = await realpath(wish).catch(() => { throw new IngotError('external-data-missing', `the model keeps tensors in '${location}', which is not in its folder`, { hint: `put the file beside the model, at ${wish}` }) })
    if (real !== root && !real.startsWith(root + path.sep)) throw outside(location, `it is a link to ${real}`)
    out[location] = await readFile(real)
  }
  return out
}

interface Place { readonly location: string; readonly offset: number; readonly length: number }

function placeOf(tensor: Message<'TensorProto'>, bytes: number): Place {
  const entries = new Map(tensor.externalData.map((e) => [e.key ?? '', e.value ?? '']))
  const location = entries.get('location') ?? ''
  if (location === '') throw missing(tensor, '', 'the model does not say which file holds it')
  if (/^([/\\]|[A-Za-z]:)/.test(location)) throw outside(location, 'it is an absolute path')
  if (location.split(/[/\\]/).includes('..')) throw outside(location, "it has '..' in it")
  if (location.includes('\0') || location.includes('://')) throw outside(location, 'it is no relative path')
  const number = (key: string, absent: number): number => {
    const text = entries.get(key)
    if (text === undefined || text === '') return absent
    const value = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new IngotError('external-data-range', `tensor '${tensor.name ?? ''}' has the external ${key} '${text}'`, { hint: 'it must be a number of bytes' })
    return value
  }
  return { location, offset: number('offset', 0), length: number('length', bytes) }
}

function rangeOf(tensor: Message<'TensorProto'>, file: Uint8Array, location: string, offset: number, length: number): Uint8Array {
  if (offset + length > file.length) {
    throw new IngotError('external-data-range', `tensor '${tensor.name ?? ''}' lies at bytes ${offset} to ${offset + length} of '${location}', which has ${file.length}`, { hint: 'the file is truncated, or belongs to another model' })
  }
  return file.subarray(offset, offset + length)
}

function missing(tensor: Message<'TensorProto'>, location: string, hint: string): IngotError {
  return new IngotError('external-data-missing', `tensor '${tensor.name ?? ''}' is stored in '${location}', which was not given`, { hint })
}

function outside(location: string, why: string): IngotError {
  return new IngotError('external-data-outside', `the model keeps tensors in '${location}', which may not be read: ${why}`, { hint: "external data must lie in the model's own folder" })
}
