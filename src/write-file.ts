/** Writing files whole or not at all, with errors that say why in words. */
import { IngotError } from './base/error.js'
import { nodeModule } from './base/node-modules.js'

const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOENT: ['its folder does not exist', 'make the folder first'],
  ENOTDIR: ['a part of its path is a file, not a folder', 'choose another path'],
  EISDIR: ['it is a folder', 'name a file in it'],
  EACCES: ['permission denied', 'choose a place that you may write to'],
  EPERM: ['permission denied', 'choose a place that you may write to'],
  EROFS: ['the file system is read-only', 'choose a place that you may write to'],
  ENOSPC: ['the disk is full', 'free some space'],
}

/** The error for a file that could not be written, from what Node threw. */
export function writeError(path: string, cause: unknown): IngotError {
  const code = String((cause as { readonly code?: unknown }).code)
  const [reason, hint] = REASONS[code] ?? [cause instanceof Error ? cause.message : String(cause), 'choose another path']
  return new IngotError('file-unreadable', `cannot write '${path}': ${reason}`, { hint, cause })
}

/** Where `writeWhole` writes before it renames. */
export function partialPath(path: string): string {
  return `${path}.${process.pid}.part`
}

/** Writes `data` to `path` (Node, Deno, Bun) by way of a file beside it, so that a failure leaves no half file. Throws `file-unreadable`. */
export async function writeWhole(path: string, data: Uint8Array | string): Promise<void> {
  const fs = await nodeModule('node:fs/promises')
  const partial = partialPath(path)
  try {
    await fs.writeFile(partial, data)
    await fs.rename(partial, path)
  } catch (cause) {
    await fs.rm(partial, { force: true }).catch(() => undefined)
    throw writeError(path, cause)
  }
}
