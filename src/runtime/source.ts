/** Programs from where their bytes are: a file or a URL, read in order; constants of a wasm program straight into its memory, where what is made of them is made meanwhile. */
import { IngotError } from '../base/error.js'
import type { Wanted } from './decode.js'
import type { Lanes } from './digest.js'
import type { ProgramData } from './format.js'
import { checkPrepare, checkRaw, damaged, preparing } from './prepare.js'
import { digestLanes } from './wasm/digest-lanes.js'
import type { HostTools, Kept } from './wasm/host.js'
import { warmUp } from './wasm/warm.js'

/** A program, and for wasm the memory that holds what lives as long as a session, where that is done. */
export interface ReadProgram { readonly program: ProgramData; readonly kept?: Kept | undefined }

/** What reading needs of the runtime around: given, so that bundlers leave it in the file that all pages load. */
interface ReadingTools extends HostTools {
  readonly decoding: (digestOf: (bytes: Uint8Array) => string) => Generator<Wanted, ProgramData, Uint8Array>
  readonly digest: (bytes: Uint8Array, lanes?: Lanes, atOnce?: number) => string
}

/** `read` fills an array with what begins at a byte of the source; gives the bytes read, fewer only where it ends. Calls never go back. `size` is Infinity where it is not known. */
interface Source { readonly size: number; read(from: number, into: Uint8Array): Promise<number>; close(): unknown }

/**
 * The program at a path (in Node), a `file:` URL (in Node) or another URL (through fetch). `webgpu` is given where its programs need a device found.
 * Throws `file-not-found`, `file-unreadable`, `out-of-memory` and what `decodeProgram` does.
 */
export async function readSource(source: string | URL, threads: number | undefined, tools: ReadingTools, webgpu?: () => Promise<{ findDevice(): Promise<unknown> }>): Promise<ReadProgram> {
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
    const keeper = new Keeper(tools, threads), steps = tools.decoding((bytes) => keeper.digest(bytes))
    let step = steps.next()
    while (!step.done) {
      // A length may be damaged, and what is not there needs no memory.
      const { from, bytes, program } = step.value, within = Math.max(0, Math.min(bytes, opened.size - from))
      // A device is looked for while the rest is read; that there is none is told when it is needed.
      if (program?.header.target === 'wgsl') webgpu?.().then((m) => m.findDevice()).catch(() => undefined)
      const into = (await keeper.placeFor(step.value, within)) ?? new Uint8Array(within)
      step = steps.next(await guarded(async () => into.subarray(0, await opened.read(from, into))))
    }
    return { program: step.value, kept: await keeper.finish(step.value) }
  } finally {
    await opened.close()
  }
}

/** Keeps what sessions of a wasm program need in a memory as it arrives, and makes the rest of it; its module is compiled meanwhile. Threads share another memory, so nothing is kept for them. */
class Keeper {
  readonly #tools: ReadingTools
  readonly #threads: number | undefined
  #memory: WebAssembly.Memory | undefined
  #lanes: Lanes | undefined
  #module: Promise<WebAssembly.Module | undefined> | undefined
  #raws: Generator<Uint8Array, void> | undefined
  /** Raw constants that are there. */
  #count = 0

  constructor(tools: ReadingTools, threads: number | undefined) {
    this.#tools = tools
    this.#threads = threads
  }

  digest(bytes: Uint8Array): string {
    return bytes.buffer === this.#memory?.buffer ? this.#tools.digest(bytes, this.#lanes, bytes.length) : this.#tools.digest(bytes)
  }

  /** Where `bytes` of a section go; undefined where it is not kept. The steps before those that need it are done. */
  async placeFor({ name, program, bytes: wanted }: Wanted, bytes: number): Promise<Uint8Array | undefined> {
    if (program === undefined || program.header.target !== 'wasm' || (this.#threads ?? program.header.threads ?? 1) !== 1) return undefined
    const { prepare } = program.header
    const isRaw = name === `raw${this.#count}` && this.#count !== prepare?.raw.length
    if (name !== 'constants' && !isRaw) return undefined
    if (this.#memory === undefined) checkPrepare(program.header, isRaw ? 0 : wanted, this.#tools)
    // What is wrong with a module shows where it is used.
    this.#module ??= this.#compile(program).catch(() => undefined)
    if (!isRaw) {
      // Where raw constants come first, steps have run without these.
      if (this.#memory !== undefined) damaged('sections')
      return new Uint8Array(this.#memoryOf(prepare?.bytes ?? bytes).buffer, 0, bytes)
    }
    this.#count++
    this.#raws ??= await this.#start(program)
    return checkRaw(this.#raws.next().value ?? new Uint8Array(0), wanted)
  }

  /** Makes what is left to be made; undefined where nothing was kept. */
  async finish(program: ProgramData): Promise<Kept | undefined> {
    const { prepare } = program.header
    if (this.#memory === undefined) return undefined
    if (prepare !== undefined) {
      this.#raws ??= await this.#start(program)
      if (this.#raws.next().done !== true) damaged('sections')
    }
    return { memory: this.#memory, module: await this.#module }
  }

  #memoryOf(bytes: number): WebAssembly.Memory {
    if (this.#memory === undefined) {
      this.#memory = this.#tools.memoryOf(bytes)
      this.#lanes = digestLanes(this.#memory)
    }
    return this.#memory
  }

  async #start(program: ProgramData): Promise<Generator<Uint8Array, void>> {
    const { keptBytes, compileModule, codeFor, wasmMemory } = this.#tools, bytes = keptBytes(program)
    const module = (await this.#module) ?? await compileModule(codeFor(program))
    return preparing(program.header, wasmMemory(this.#memoryOf(bytes), bytes, module, program.header, 0, 0), this.#tools)
  }

  async #compile(program: ProgramData): Promise<WebAssembly.Module> {
    const { codeFor, compileModule, memoryOf } = this.#tools, code = codeFor(program), module = await compileModule(code)
    warmUp(code, module, memoryOf(0), code === program.sections['wasm-relaxed'])
    return module
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
