/** What is made of constants when a program is loaded: see `Prepare` in format.ts. */
import { IngotError } from '../base/error.js'
import type { Memory } from './calls.js'
import type { Prepare, ProgramBuffer, ProgramData, ProgramHeader, Step } from './format.js'
import type { BufferPlace, Layout } from './layout.js'
import type { HostTools } from './wasm/host.js'

/** Throws `artefact-damaged` about a field of the header or another part of the file. */
export function damaged(field: string): never {
  throw new IngotError('artefact-damaged', `the artefact is damaged: ${field} is not valid`, { hint: 'fetch the file or compile the model again' })
}

/** Throws `artefact-damaged` unless what is made at load stays in its memory, behind a constants section of `constantBytes`, and is made of constants; the rest of the header was checked. */
export function checkPrepare({ buffers, constants, kernels, prepare = NOTHING }: ProgramHeader, constantBytes: number, { storageBytes }: HostTools): void {
  if (prepare === NOTHING) return
  const require = (holds: boolean, field: string): void => { if (!holds) damaged(field) }
  const isList = (list: unknown): boolean => Array.isArray(list) && list.every((item) => typeof item === 'object' && item !== null)
  require(typeof prepare === 'object' && prepare !== null && Number.isSafeInteger(prepare.bytes) && isList(prepare.steps) && isList(prepare.raw), 'prepare')
  const { bytes, steps, raw } = prepare
  const bufferAt = (i: unknown): ProgramBuffer | undefined => (Number.isInteger(i) ? buffers[i as number] : undefined)
  const inSection = new Set<unknown>(constants.map((c) => c.buffer)), isMade = (i: unknown): boolean => bufferAt(i)?.place === 'constant' && bufferAt(i)?.alias === undefined && !inSection.has(i)
  let sum = 64 * Math.ceil(constantBytes / 64), last = 0
  buffers.forEach(({ dtype, stored = dtype, length, offset = NaN }, i) => {
    if (!isMade(i)) return
    const own = storageBytes(stored, Number(length))
    require(offset >= constantBytes && offset + own <= bytes, `buffers[${i}].offset`)
    sum += 64 * Math.ceil(own / 64)
  })
  require(bytes >= constantBytes && bytes <= sum, 'prepare.bytes')
  steps.forEach(({ kernel, buffers: given, params, origin }, i) => {
    require(Number.isInteger(kernel) && kernels[kernel] !== undefined && Array.isArray(params) && params.every(Number.isInteger) && typeof origin === 'string', `prepare.steps[${i}]`)
    require(Array.isArray(given) && given.map(bufferAt).every((b) => b?.place === 'constant' && b.alias === undefined), `prepare.steps[${i}].buffers`)
  })
  raw.forEach(({ buffer }, i) => {
    const b = bufferAt(buffer)
    require(isMade(buffer) && b !== undefined && b.first >= last && b.first < steps.length, `prepare.raw[${i}].buffer`)
    last = b?.first as number
  })
}

const NOTHING: Prepare = { bytes: 0, steps: [], raw: [] }

/** Throws `artefact-damaged` unless a raw constant has as many bytes as its place. */
export function checkRaw(place: Uint8Array, bytes: number): Uint8Array {
  if (place.length !== bytes) damaged(`the length of a raw section, ${bytes} bytes and not ${place.length},`)
  return place
}

/**
 * Runs the prepare steps of a program, which `checkPrepare` has found good, over `memory`, whose `constants` are what lives as long as the session. Gives the place of each raw
 * constant in turn, to be filled before the next is asked for. Throws what a kernel does, as a run would.
 */
export function* preparing(header: ProgramHeader, memory: Memory, tools: HostTools): Generator<Uint8Array, void> {
  const { storageBytes, bindCalls } = tools
  const { steps, raw } = header.prepare ?? NOTHING, starts = new Map(header.constants.map(({ buffer, offset }) => [buffer, offset]))
  const placeOf = (i: number): BufferPlace => {
    const { dtype, stored = dtype, length, offset = 0 } = header.buffers[i] as ProgramBuffer & { readonly length: number }
    // Of packed types, bytes are counted.
    const own = storageBytes(stored, length)
    return { dtype: stored, constant: true, offset: starts.get(i) ?? offset, bytes: own, length: Math.min(length, own) }
  }
  const run = (step: Step): void => {
    const own = { ...header, inputs: [], outputs: [], steps: [{ ...step, buffers: step.buffers.map((_, k) => k) }] }
    bindCalls(own, { buffers: step.buffers.map(placeOf), params: [step.params] } as unknown as Layout, memory).run(new Float64Array(1))
  }
  let next = 0
  for (const [i, step] of steps.entries()) {
    for (let c = raw[next]; c !== undefined && (header.buffers[c.buffer]?.first as number) <= i; c = raw[++next]) {
      const { offset, bytes: own } = placeOf(c.buffer)
      yield memory.constants.subarray(offset, offset + own)
    }
    run(step)
  }
}

const checkAll = ({ header, sections: { constants } }: ProgramData, tools: HostTools): void => checkPrepare(header, constants?.length ?? 0, tools)

/** A memory that begins with what lives as long as a session of a program. */
export function keep(program: ProgramData, module: WebAssembly.Module, tools: HostTools): WebAssembly.Memory {
  checkAll(program, tools)
  const bytes = tools.keptBytes(program), memory = tools.memoryOf(bytes)
  prepareAll(program, tools.wasmMemory(memory, bytes, module, program.header, 0, 0), tools)
  return memory
}

/** The same from a program in memory, all at once; its constants are copied too. */
export function prepareAll({ header, sections }: ProgramData, memory: Memory, tools: HostTools): void {
  checkAll({ header, sections }, tools)
  memory.constants.set(sections.constants ?? [])
  let i = 0
  for (const place of preparing(header, memory, tools)) {
    const section = sections[`raw${i++}`] ?? new Uint8Array(0)
    checkRaw(place, section.length).set(section)
  }
}
