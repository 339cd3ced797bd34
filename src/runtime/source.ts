/** Where a program's bytes come from: memory, a file, a URL. */
import { IngotError } from '../base/error.js'

const isNode = (): boolean => typeof process === 'object' && typeof process?.versions?.node === 'string'

/** The bytes at a path (in Node), a `file:` URL (in Node) or another URL (through fetch). Throws `file-not-found` or `file-unreadable`. */
export async function readSource(source: string | URL): Promise<Uint8Array> {
  const isUrl = typeof source !== 'string' || /^[a-z][a-z\d+.-]+:/i.test(source)
  if (isNode() && (!isUrl || String(source).startsWith('file:'))) return readLocalFile(isUrl ? new URL(source) : source)
  let response: Response
  try {
    response = await fetch(source)
  } catch (cause) {
    throw new IngotError('file-unreadable', `could not fetch ${String(source)}: ${String(cause)}`, { cause })
  }
  if (!response.ok) throw new IngotError(response.status === 404 ? 'file-not-found' : 'file-unreadable', `could not fetch ${String(source)}: status ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

async function readLocalFile(path: string | URL): Promise<Uint8Array> {
  // The name stands in a variable so that bundlers for browsers do not look for the module.
  const name = 'node:fs/promises'
  const { readFile } = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { readFile(path: string | URL): Promise<Uint8Array> }
  try {
    return await readFile(path)
  } catch (cause) {
    const missing = (cause as { readonly code?: unknown }).code === 'ENOENT'
    throw new IngotError(missing ? 'file-not-found' : 'file-unreadable', missing ? `there is no file ${String(path)}` : `could not read ${String(path)}: ${String(cause)}`, { cause })
  }
}
