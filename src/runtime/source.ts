/** Programs from where their bytes are: a file or a URL, read in order; constants of a wasm program straight into its memory. */
import { IngotError } from '../base/error.js'
import type { Wanted } from './decode.js'
import type { Lanes } from './digest.js'
import type { ProgramData } from './format.js'
import { digestLanes } from './wasm/digest-lanes.js'

/** A program, and the memory that its constants lie in, from address 0 on, where they do. */
export interface ReadProgram { readonly program: ProgramData; readonly memory?: WebAssembly.Memory | undefined }

/** What reading needs of the runtime around: given, so that bundlers leave it in the file that all pages load. */
type Decoding = (digestOf: (bytes: Uint8Array) => string) => Generator<Wanted, ProgramData, Uint8Array>
type Digest = (bytes: Uint8Array, lanes?: Lanes, atOnce?: number) => string

/** `read` fills an array with what begins at a byte of the source; gives the bytes read, fewer only where it ends. Calls never go back. `size` is Infinity where it is not known. */
interface Source { readonly size: number; read(from: number, into: Uint8Array): Promise<number>; close(): unknown }

/**
 * The program at a path (in Node), a `file:` URL (in Node) or another URL (through fetch). `webgpu` is given where its programs need a device found.
 * Throws `file-not-found`, `file-unreadable`, `out-of-memory` and what `decodeProgram` does.
 */
export async function readSource(source: string | URL, decoding: Decoding, digest: Digest, memoryOf: (bytes: number) => WebAssembly.Memory, webgpu?: () => Promise<{ findDevice(): Promise<unknown> }>): Promise<ReadProgram> {
  const guarded = async <T>(job: () => Promise<T>): Promise<T> => {
    try {
      return await job()
    } catch (cause) {
      const missing = ['ENOENT', 404].includes((cause as { readonly code: string | number }).code)
      throw new IngotError(missing ? 'file-not-found' : 'file-unreadable', missing ? `there is nothing at ${source}` : `could not read ${source}: ${cause}`, { cause })
    }
  }
  const opened = await guarded(() => open(source))
  try {
    let memory: WebAssembly.Memory | undefined, lanes: Lanes | undefined
    const steps = decoding((bytes) => (bytes.buffer === memory?.buffer ? digest(bytes, lanes, bytes.length) : digest(bytes)))
    let step = steps.next()
    while (!step.done) {
      // A length may be damaged, and what is not there needs no memory.
      const { from, bytes, target, inMemory } = step.value, within = Math.max(0, Math.min(bytes, opened.size - from))
      // A device is looked for while the rest is read; that there is none is told when it is needed.
      if (target === 'wgsl') webgpu?.().then((m) => m.findDevice()).catch(() => undefined)
      if (inMemory === true) {
        memory = memoryOf(within)
        lanes = digestLanes(memory)
      }
      const content = await guarded(async () => {
        const into = inMemory === true ? new Uint8Array((memory as WebAssembly.Memory).buffer, 0, within) : new Uint8Array(within)
        return into.subarray(0, await opened.read(from, into))
      })
      step = steps.next(content)
    }
    return { program: step.value, memory }
  } finally {
    await opened.close()
  }
}

async function open(source: string | URL): Promise<Source> {
  const isUrl = typeof source !== 'string' || /^[a-z][a-z\d+.-]+:/i.test(source)
  if (typeof process === 'object' && process?.versions?.node && (!isUrl || String(source).startsWith('file:'))) return openFile(isUrl ? new URL(source) : source)
  const response = await fetch(source)
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { code: response.status })
  const size = response.headers.get('content-encoding') === null ? Number(response.headers.get('content-length') ?? Infinity) : Infinity
  return streamed(size, response.body?.getReader())
}

/** Bytes that Node reads at a time: one read takes less than 2 GiB. */
const AT_ONCE = 2 ** 30

async function openFile(path: string | URL): Promise<Source> {
  // The name stands in a variable so that bundlers for browsers do not look for the module.
  const name = 'node:fs/promises'
  const fs = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { open(path: string | URL): Promise<FileHandle> }
  const file = await fs.open(path), { size } = await file.stat()
  return {
    size,
    async read(from, into) {
      let done = 0
      for (let got = 1; got > 0 && done < into.length; done += got) got = (await file.read(into, done, Math.min(AT_ONCE, into.length - done), from + done)).bytesRead
      return done
    },
    close: () => file.close(),
  }
}

interface FileHandle {
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  stat(): Promise<{ readonly size: number }>
  close(): Promise<void>
}

/** What arrives over the network, piece by piece; what lies between the ranges that are read is passed over. */
function streamed(size: number, reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Source {
  let piece = new Uint8Array(0), at = 0
  return {
    size,
    async read(from, into) {
      const end = from + into.length
      for (;;) {
        const start = Math.max(from, at), part = piece.subarray(start - at, end - at)
        into.set(part, start - from)
        if (at + piece.length >= end) return into.length
        const { value } = (await reader?.read()) ?? {}
        if (value === undefined) return Math.max(0, at + piece.length - from)
        at += piece.length
        piece = value as Uint8Array<ArrayBuffer>
      }
    },
    close: () => reader?.cancel().catch(() => undefined),
  }
}
