/** Program: what `compile` returns. Its data goes to `load` as it is, or to a file. */
import { IngotError } from './base/error.js'
import { renderJsModule } from './codegen/js/module.js'
import type { PickedTarget } from './pick-target.js'
import { encodeProgram } from './runtime/encode.js'
import type { ProgramData, ProgramHeader } from './runtime/format.js'
import { writeWhole } from './write-file.js'

/** What the compiler did. */
export interface CompileReport {
  /** Milliseconds of each step, in order. */
  readonly steps: readonly { readonly name: string; readonly ms: number }[]
  /** Nodes of the graph as imported, and after all passes. */
  readonly nodes: { readonly before: number; readonly after: number }
  readonly kernels: number
  /** The number of parts that the program runs one after the other, where it has extents that are only known while running. */
  readonly parts?: number
  /** With the target `auto`, which it is and why. */
  readonly picked?: PickedTarget
  /** For wgsl, the nodes that run on the host and why, for each part of the program that does. */
  readonly host?: readonly (readonly { readonly origin: string; readonly op: string; readonly why: string }[])[]
  /** Bookkeeping nodes stripped, by op name (`autograd.record`: 12). */
  readonly stripped: Readonly<Record<string, number>>
  /** Origins of choices (ONNX If) that are made while running: both branches are computed, and the wanted results picked. */
  readonly branches: readonly string[]
  /** Convolutions that are computed by Winograd's transforms; none with `exact`. */
  readonly winograd: readonly WinogradConvolution[]
}

/** A convolution whose tiles of `tile` × `tile` results are computed from (tile + 2)² products, and what its weights take so and as they were. */
export interface WinogradConvolution { readonly origin: string; readonly tile: number; readonly weightBytes: number; readonly exactWeightBytes: number }

export class Program {
  readonly data: ProgramData
  /** What the compiler did: time of each step, nodes, kernels, bookkeeping stripped, convolutions by Winograd's transforms. */
  readonly report: CompileReport

  constructor(data: ProgramData, report: CompileReport) {
    this.data = data
    this.report = report
  }

  get header(): ProgramHeader { return this.data.header }

  /** The artefact's bytes; the same program gives the same bytes. */
  encode(): Uint8Array { return encodeProgram(this.data) }

  /** The program as the text of an ES module, for pages that forbid evaluation; target `js` only. */
  toModule(): string {
    if (this.header.target !== 'js') throw new IngotError('bad-option', `a program for the target ${this.header.target} cannot be emitted as a module`, { hint: 'compile with target js' })
    if (this.header.measured !== undefined) throw new IngotError('bad-option', 'a program with extents that are only known while running cannot be emitted as a module', { hint: 'save it as .ingot' })
    return renderJsModule(this.data)
  }

  /** Writes the artefact, or the module's text, to `path` (Node, Deno, Bun); a failure leaves no half file. Throws `bad-option` without a path, `file-unreadable` where it cannot be written. */
  async save(path: string, form: 'ingot' | 'module' = 'ingot'): Promise<void> {
    if (typeof path !== 'string' || path === '') throw new IngotError('bad-option', 'save takes the path of the file to write', { hint: "program.save('model.ingot'); program.encode() gives the bytes" })
    await writeWhole(path, form === 'module' ? this.toModule() : this.encode())
  }
}
