/** Where a program's bytes come from: memory, a file, a URL. */
import { IngotError } from '../base/error.js'

/** The bytes at a path (in Node), a `file:` URL (in Node) or another URL (through fetch). Throws `file-not-found` or `file-unreadable`. */
export async function readSource(source: string | URL): Promise<Uint8Array> {
  const isUrl = typeof source !== 'string' || /^[a-z][a-z\d+.-]+:/i.test(source)
  try {
    if (typeof process === 'object' && process?.versions?.node && (!isUrl || String(source).startsWith('file:'))) {
      // The name stands in a variable so that bundlers for browsers do not look for the module.
      const name = 'node:fs/promises'
      const { readFile } = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { readFile(path: string | URL): Promise<Uint8Array> }
      return await readFile(isUrl ? new URL(source) : source)
    }
    const response = await fetch(source)
    if (response.ok) return new Uint8Array(await response.arrayBuffer())
    throw Object.assign(new Error(`status ${response.status}`), { code: response.status })
  } catch (cause) {
    const missing = ['ENOENT', 404].includes((cause as { readonly code: string | number }).code)
    throw new IngotError(missing ? 'file-not-found' : 'file-unreadable', missing ? `there is nothing at ${source}` : `could not read ${source}: ${cause}`, { cause })
  }
}
