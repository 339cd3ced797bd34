/**
 * The header's validator: what passes can be bound and run without any access outside the program's own memory. First the
 * types of all fields by a table, then what has to hold between them. Works in time and space linear in the header.
 * Unknown keys are ignored. Every failure is `artefact-damaged` and names the field.
 */
import type { Dim } from '../base/dim.js'
import { DTYPES, isDType, storageBytes, type DType } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { ProgramBuffer, ProgramData, ProgramHeader } from './format.js'

const MAX_RANK = 64
const MAX_DIM_DEPTH = 64
/** Operands of each dim operator; 0 is any number from one on. */
const DIM_ARITY: Readonly<Record<string, number>> = { '+': 0, '*': 0, min: 0, max: 0, floordiv: 2, mod: 2, eq: 2, lt: 2, select: 3 }

/** Throws `artefact-damaged` about a field of the header. */
export function damaged(field: string, why: string): never {
  throw new IngotError('artefact-damaged', `the artefact is damaged: ${field} ${why}`, { hint: 'fetch the file or compile the model again' })
}

/** Throws `artefact-damaged` unless `value`, which stands at `field`, is what is due there. */
type Check = (value: unknown, field: string) => void

/** Shallow, because a hostile value may be nested deeper than the stack. */
const show = (value: unknown): string => (typeof value === 'object' ? `an ${Array.isArray(value) ? 'array' : 'object'}` : String(value).slice(0, 80))

export const text: Check = (value, field) => { if (typeof value !== 'string') damaged(field, 'is not a string') }

/** An integer from `lo` up to but not including `end`. */
export const integer = (lo: number, end: number): Check => (value, field) => {
  if (!Number.isSafeInteger(value) || (value as number) < lo || (value as number) >= end) damaged(field, `is ${show(value)}, not an integer from ${lo} to ${end - 1}`)
}
const size = integer(0, 2 ** 53)

const oneOf = (...names: readonly string[]): Check => (value, field) => {
  if (!names.includes(value as string)) damaged(field, `is ${show(value)}, not ${names.join(' or ')}`)
}

export const array = (check: Check, most = Infinity): Check => (value, field) => {
  if (!Array.isArray(value)) damaged(field, 'is not an array')
  if (value.length > most) damaged(field, `has ${value.length} entries`)
  value.forEach((item, i) => check(item, `${field}[${i}]`))
}

/** An object with these keys and perhaps others; those that end in `?` may be absent. */
export const object = (fields: Readonly<Record<string, Check>>): Check => (value, field) => {
  if (typeof value !== 'object' || value === null) damaged(field, 'is not an object')
  for (const [key, check] of Object.entries(fields)) {
    const name = key.replace('?', ''), inner = (value as Record<string, unknown>)[name]
    if (inner !== undefined || name === key) check(inner, field === '' ? name : `${field}.${name}`)
  }
}

const dtype: Check = (value, field) => {
  // Strings are no kernel's.
  if (typeof value !== 'string' || !isDType(value) || value === 'string') damaged(field, `is ${show(value)}, not a dtype`)
}

/** A dim over the given symbols. */
const dimOf = (symbols: ReadonlySet<unknown>): Check => {
  const check = (value: unknown, field: string, depth: number): void => {
    if (typeof value === 'string' ? symbols.has(value) : Number.isSafeInteger(value)) return
    const [op, ...operands] = Array.isArray(value) ? (value as unknown[]) : []
    const arity = typeof op === 'string' && Object.hasOwn(DIM_ARITY, op) ? DIM_ARITY[op] : -1
    if (depth > MAX_DIM_DEPTH || operands.length < 1 || (arity !== 0 && operands.length !== arity)) damaged(field, `holds ${show(value)}, which is no extent here`)
    for (const operand of operands) check(operand, field, depth + 1)
  }
  return (value, field) => check(value, field, 0)
}

/** The part of a js kernel's code that the steps have to fit; the rest is for the renderer to check. */
export interface Signature { readonly params: readonly string[]; readonly buffers: readonly { readonly dtype: DType; readonly length: Dim }[] }

const signature: Check = (code, field) => {
  object({ params: array(text) })(code, field)
  object({ buffers: array(object({ dtype, length: dimOf(new Set((code as Signature).params)) })) })(code, field)
}

/** Types and ranges of all fields. */
function checkFields(header: ProgramHeader): void {
  const some = array(object({}))
  object({ inputs: some, buffers: some, steps: some, kernels: some, symbols: array(object({ name: text })) })(header, '')
  const numberIn = (items: readonly unknown[]): Check => integer(0, items.length)
  const buffers = numberIn(header.buffers)
  const time = integer(-1, header.steps.length + 2)
  const dim = dimOf(new Set(header.symbols.map((symbol) => symbol.name)))
  const extent: Check = (value, field) => (typeof value === 'number' ? size : dim)(value, field)
  const ports = array(object({ name: text, dtype, shape: array(extent, MAX_RANK), buffer: buffers }))
  object({
    name: text, producer: text, target: oneOf('js', 'wasm', 'wgsl'), 'graph?': text,
    inputs: ports, outputs: ports,
    symbols: array(object({ kind: oneOf('extent', 'element'), input: numberIn(header.inputs), 'axis?': size, 'index?': size })),
    constraints: array(object({ kind: oneOf('eq', 'le'), a: dim, b: dim, why: text })),
    buffers: array(object({ dtype, length: extent, place: oneOf('arena', 'constant'), 'offset?': size, 'alias?': buffers, 'aliasOffset?': extent, first: time, last: time })),
    constants: array(object({ name: text, dtype, shape: array(size, MAX_RANK), offset: size, bytes: size, buffer: buffers })),
    kernels: array(object({ name: text, code: header.target === 'js' ? signature : text })),
    steps: array(object({ kernel: numberIn(header.kernels), buffers: array(buffers), params: array(dim), 'flops?': dim, origin: text })),
  })(header, '')
}

function checkNames(items: readonly { readonly name: string }[], field: string): void {
  const seen = new Set<string>()
  items.forEach(({ name }, i) => { if (seen.size === seen.add(name).size) damaged(`${field}[${i}].name`, `is "${name}" a second time`) })
}

function checkSymbols({ symbols, inputs }: ProgramHeader): void {
  symbols.forEach((symbol, i) => {
    const port = inputs[symbol.input]
    if (symbol.kind === 'extent' ? port?.shape[symbol.axis] === undefined : symbol.index === undefined || !/^u?int(8|16|32|64)$/.test(port?.dtype ?? '')) damaged(`symbols[${i}]`, `is no ${symbol.kind} of input ${symbol.input}`)
  })
}

/** For every buffer the one that owns its memory; refuses circles of aliases. */
export function findRoots(buffers: readonly ProgramBuffer[]): Int32Array {
  const roots = new Int32Array(buffers.length).fill(-1)
  buffers.forEach((_, i) => {
    const chain: number[] = []
    let at = i
    for (let next: number | undefined = i; next !== undefined; next = buffers[at]?.alias) {
      at = next
      const known = roots[at] as number
      if (known === -2) damaged(`buffers[${i}].alias`, 'leads back to itself')
      if (known >= 0) { at = known; break }
      roots[at] = -2
      chain.push(at)
    }
    for (const member of chain) roots[member] = at
  })
  return roots
}

function checkMemory({ buffers, constants, inputs, outputs }: ProgramHeader, sectionBytes: number): void {
  const roots = findRoots(buffers)
  buffers.forEach(({ offset, first, last }, i) => { if (last < first || (offset ?? 0) % 64 !== 0) damaged(`buffers[${i}].${last < first ? 'last' : 'offset'}`, `is ${last < first ? last : offset}`) })
  for (const ports of [inputs, outputs]) {
    ports.forEach((port, i) => {
      const field = `${ports === inputs ? 'inputs' : 'outputs'}[${i}]`
      if (port.dtype !== buffers[port.buffer]?.dtype) damaged(`${field}.dtype`, 'is not that of its buffer')
      // Feeds are written to inputs, and constants are the caller's own bytes.
      if (ports === inputs && buffers[roots[port.buffer] ?? 0]?.place !== 'arena') damaged(`${field}.buffer`, 'is a constant')
    })
  }
  const given = new Set<number>()
  constants.forEach(({ buffer, dtype: type, offset, bytes }, i) => {
    const { place, alias, length, dtype: own } = buffers[buffer] as ProgramBuffer
    if (place !== 'constant' || alias !== undefined || given.size === given.add(buffer).size) damaged(`constants[${i}].buffer`, `is ${buffer}, which is no constant or has a value`)
    if (type !== own || typeof length !== 'number' || storageBytes(own, length) !== bytes) damaged(`constants[${i}].bytes`, `is ${bytes} of ${type}, not what buffers[${buffer}] takes`)
    if (offset % 64 !== 0 || offset + bytes > sectionBytes) damaged(`constants[${i}].offset`, `is ${offset}: ${bytes} bytes do not lie there in a section of ${sectionBytes}`)
  })
  buffers.forEach(({ place, alias }, i) => { if (place === 'constant' && alias === undefined && !given.has(i)) damaged(`buffers[${i}]`, 'is a constant without a value') })
}

function checkCalls({ target, steps, kernels, buffers }: ProgramHeader): void {
  if (target !== 'js') return
  steps.forEach((step, i) => {
    const taken = kernels[step.kernel]?.code as Signature
    for (const key of ['buffers', 'params'] as const) {
      if (step[key].length !== taken[key].length) damaged(`steps[${i}].${key}`, `has ${step[key].length} entries, the kernel takes ${taken[key].length}`)
    }
    taken.buffers.forEach((wanted, k) => {
      const given = buffers[step.buffers[k] ?? -1]
      if (DTYPES[wanted.dtype].array !== DTYPES[given?.dtype ?? 'string'].array) damaged(`steps[${i}].buffers[${k}]`, `is ${given?.dtype}, the kernel takes ${wanted.dtype}`)
    })
  })
}

/** Checks a header against the format and against its sections, and gives it back typed. */
export function validateProgram(value: unknown, sections: ProgramData['sections']): ProgramHeader {
  const header = value as ProgramHeader
  checkFields(header)
  checkNames(header.symbols, 'symbols')
  checkNames(header.inputs, 'inputs')
  checkNames(header.outputs, 'outputs')
  checkSymbols(header)
  checkMemory(header, sections.constants?.length ?? 0)
  checkCalls(header)
  if (header.target !== 'js' && sections[header.target] === undefined) damaged('sections', `has no ${header.target}`)
  return header
}
