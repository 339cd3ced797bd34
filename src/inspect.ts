/** What is inside a program, as data: ports, kernels with origins, memory against its lower bound, constants, sizes. */
import { evaluateDim, type Dim } from './base/dim.js'
import { DTYPES, storageBytes } from './base/dtype.js'
import { IngotError } from './base/error.js'
import { printDim, printShape } from './ir/dims-text.js'
import type { InputShapes } from './ir/graph.js'
import { decodeProgram } from './runtime/decode.js'
import type { MeasuredSymbol, Port, ProgramData, ProgramKernel, Step } from './runtime/format.js'
import { gpuBytes, liveLowerBound, planOffsets } from './runtime/plan.js'

export interface PortDescription { readonly name: string; readonly dtype: string; readonly shape: string }
export interface KernelDescription { readonly name: string; /** Calls in a run, and when the program is loaded. */ readonly calls: number; readonly callsAtLoad: number; readonly origins: readonly string[]; readonly codeBytes: number }
export interface MemoryDescription {
  /** Extents that the sizes below were computed for; empty for a static program. */
  readonly symbols: Readonly<Record<string, number>>
  readonly arenaBytes: number
  /** Largest sum of bytes that are live at one step: no plan can be smaller without computing in place. */
  readonly lowerBoundBytes: number
  /** What lives as long as a session: stored constants, but for those that are read at load alone, and what is made at load. */
  readonly constantBytes: number
  /** Of these, what is made when the program is loaded, with room for what it is made of, and of how many stored bytes that are read then alone. */
  readonly madeBytes: number
  readonly readAtLoadBytes: number
}
export interface ProgramDescription {
  readonly name: string
  readonly target: string
  /** The number of parts that run one after the other, where extents are only known while running. */
  readonly parts?: number
  readonly producer: string
  readonly inputs: readonly PortDescription[]
  readonly outputs: readonly PortDescription[]
  readonly symbols: Readonly<Record<string, string>>
  /** Calls of kernels in a run, and when the program is loaded. */
  readonly steps: number
  readonly stepsAtLoad: number
  readonly kernels: readonly KernelDescription[]
  /** What is stored; `atLoad` where it is read at load alone, and not kept. */
  readonly constants: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[]; readonly bytes: number; readonly atLoad?: true }[]
  readonly memory: MemoryDescription
}

/** Where the search for extents ends: programs that need larger ones need them to be given. */
const MOST_GUESSED = 65536

const describePort = (p: Port): PortDescription => ({ name: p.name, dtype: p.dtype, shape: printShape(p.shape) })

/** Describes `data`; memory is computed for the extents that `shapes` gives to inputs, and for those not given for the least that every tensor of the program has elements with. */
export function inspectProgram(data: ProgramData, shapes: InputShapes = {}): ProgramDescription {
  const values = symbolValues(data, shapes)
  return data.header.measured === undefined ? describe(data, values) : describeParts(data, data.header.measured, values)
}

/** A program in parts: what is in all of them. All arenas are there at once, unless a session has a limit of memory. */
function describeParts(data: ProgramData, measured: readonly MeasuredSymbol[], values: Readonly<Record<string, number>>): ProgramDescription {
  const whole = describe(data, values), { steps, kernels } = data.header
  const parts = steps.map((step) => {
    const { code } = kernels[step.kernel] as ProgramKernel, { offset, bytes } = code as { readonly offset: number; readonly bytes: number }
    return describe(decodeProgram((data.sections.host as Uint8Array).subarray(offset, offset + bytes)), values)
  })
  const sum = (of: (part: ProgramDescription) => number): number => parts.reduce((all, part) => all + of(part), 0)
  return {
    ...whole, parts: parts.length,
    symbols: { ...whole.symbols, ...Object.fromEntries(measured.map((s) => [s.name, 'measured while running'])) },
    steps: sum((p) => p.steps), stepsAtLoad: sum((p) => p.stepsAtLoad), kernels: parts.flatMap((p) => p.kernels), constants: parts.flatMap((p) => p.constants),
    memory: {
      symbols: values, arenaBytes: sum((p) => p.memory.arenaBytes), lowerBoundBytes: sum((p) => p.memory.lowerBoundBytes),
      constantBytes: sum((p) => p.memory.constantBytes), madeBytes: sum((p) => p.memory.madeBytes), readAtLoadBytes: sum((p) => p.memory.readAtLoadBytes),
    },
  }
}

function describe(data: ProgramData, values: Readonly<Record<string, number>>): ProgramDescription {
  const h = data.header, { steps: stepsAtLoad, raw } = h.prepare ?? { steps: [], raw: [] }
  const calls = new Map<number, Set<string>>()
  for (const s of [...h.steps, ...stepsAtLoad]) calls.set(s.kernel, (calls.get(s.kernel) ?? new Set()).add(s.origin))
  const count = (steps: readonly Step[], kernel: number): number => steps.filter((s) => s.kernel === kernel).length
  return {
    name: h.name, target: h.target, producer: h.producer,
    inputs: h.inputs.map(describePort), outputs: h.outputs.map(describePort),
    symbols: Object.fromEntries(h.symbols.map((s) => [s.name, s.kind === 'extent' ? `extent ${s.axis} of ${h.inputs[s.input]?.name ?? '?'}` : `element ${s.index} of ${h.inputs[s.input]?.name ?? '?'}`])),
    steps: h.steps.length, stepsAtLoad: stepsAtLoad.length,
    kernels: h.kernels.map((k, i) => ({ name: k.name, calls: count(h.steps, i), callsAtLoad: count(stepsAtLoad, i), origins: [...(calls.get(i) ?? [])], codeBytes: JSON.stringify(k.code).length })),
    constants: [
      ...h.constants.map((c) => ({ name: c.name, dtype: c.dtype, shape: c.shape, bytes: c.bytes })),
      ...raw.map(({ name, dtype, shape }) => ({ name, dtype, shape, bytes: storageBytes(dtype, shape.reduce((n, d) => n * d, 1)), atLoad: true as const })),
    ],
    memory: describeMemory(data, values),
  }
}

function symbolValues(data: ProgramData, shapes: InputShapes): Record<string, number> {
  const { inputs, symbols } = data.header
  for (const name of Object.keys(shapes)) {
    if (!inputs.some((p) => p.name === name)) throw new IngotError('bad-option', `the program has no input '${name}'`, { hint: `its inputs are ${inputs.map((p) => `'${p.name}'`).join(', ')}` })
  }
  const values = leastValues(data, Object.fromEntries(symbols.flatMap((s): readonly (readonly [string, number])[] => {
    const given = s.kind === 'extent' ? shapes[inputs[s.input]?.name ?? '']?.[s.axis] : undefined
    return typeof given === 'number' ? [[s.name, given]] : []
  })))
  for (const { name, shape } of inputs) {
    const given = shapes[name]
    if (given === undefined) continue
    const declared = shape.map((d) => evaluateDim(d, (s) => values[s] ?? 1))
    if (given.length !== declared.length || given.some((d, axis) => d !== null && d !== declared[axis])) {
      throw new IngotError('bad-option', `the shape ${printShape(given.map((d) => d ?? '_'))} does not fit the input '${name}' of shape ${printShape(shape)}`, { hint: 'inputs that share a symbol need the same extent there' })
    }
  }
  return values
}

/** The extents in `given`; for the others 1, or the least power of two with which all tensors have elements, as a window must fit into what it slides over. */
function leastValues({ header: { symbols: fed, measured = [], buffers } }: ProgramData, given: Readonly<Record<string, number>>): Record<string, number> {
  const symbols = [...fed, ...measured]
  const fits = (values: Readonly<Record<string, number>>): boolean => buffers.every((b) => evaluateDim(b.length, (s) => values[s] ?? 1) >= 1)
  const valuesWith = (other: number): Record<string, number> => Object.fromEntries(symbols.map((s) => [s.name, given[s.name] ?? other]))
  let other = 1
  while (other < MOST_GUESSED && !fits(valuesWith(other))) other *= 2
  const values = valuesWith(other)
  if (!fits(values)) return valuesWith(1)
  for (const { name } of symbols) {
    const one = { ...values, [name]: given[name] ?? 1 }
    if (fits(one)) Object.assign(values, one)
  }
  return values
}

function describeMemory(data: ProgramData, symbols: Readonly<Record<string, number>>): MemoryDescription {
  const value = (d: Dim): number => evaluateDim(d, (s) => {
    const known = symbols[s]
    if (known === undefined) throw new IngotError('artefact-damaged', `the extent ${printDim(d)} names an unknown symbol '${s}'`)
    return known
  })
  const bytesOf = data.header.target === 'wgsl' ? gpuBytes : (bytes: number): number => bytes
  const items = data.header.buffers
    .filter((b) => b.place === 'arena' && b.alias === undefined)
    .map((b) => ({ bytes: bytesOf(Math.ceil((Math.max(0, value(b.length)) * DTYPES[b.stored ?? b.dtype].bits) / 8)), first: b.first, last: b.last }))
  const { constants, prepare } = data.header, stored = constants.reduce((n, c) => n + c.bytes, 0)
  const made = prepare === undefined ? 0 : prepare.bytes - (data.sections.constants?.length ?? 0)
  return {
    symbols, arenaBytes: planOffsets(items).total, lowerBoundBytes: liveLowerBound(items),
    constantBytes: stored + made, madeBytes: made, readAtLoadBytes: Object.entries(data.sections).reduce((n, [name, section]) => n + (name.startsWith('raw') ? (section?.length ?? 0) : 0), 0),
  }
}
