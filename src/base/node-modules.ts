/** Node's own modules, loaded when they are needed: bundles for browsers hold none and do not look for any. */
import { IngotError } from './error.js'

/** The parts that Ingot uses. */
interface NodeModules {
  readonly 'node:fs/promises': {
    readFile(path: string): Promise<Uint8Array>
    realpath(path: string): Promise<string>
    writeFile(path: string, data: Uint8Array | string): Promise<void>
    rename(from: string, to: string): Promise<void>
    rm(path: string, options: { readonly force: boolean }): Promise<void>
    mkdir(path: string, options: { readonly recursive: boolean }): Promise<unknown>
  }
  readonly 'node:path': { readonly sep: string; join(...parts: string[]): string; dirname(path: string): string; resolve(...parts: string[]): string }
}

/** The module of that name (Node, Deno, Bun). Throws `file-unreadable` where there is none, as in a browser. */
export async function nodeModule<Name extends keyof NodeModules>(name: Name): Promise<NodeModules[Name]> {
  try {
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as NodeModules[Name]
  } catch (cause) {
    throw new IngotError('file-unreadable', 'there is no file system here, so no path can be read or written', { hint: 'pass the bytes: new Uint8Array(await (await fetch(url)).arrayBuffer())', cause })
  }
}
