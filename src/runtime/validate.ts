/**
 * The header's validator: what passes can be bound and run without any access outside the program's own memory. First the
 * types of all fields by a table, then what has to hold between them. Works in time and space linear in the header.
 * Unknown keys are ignored. Every failure is `artefact-damaged` and names the field.
 */
import type { Dim } from '../base/dim.js'
import { isDType, storageBytes, type DType } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { ProgramBuffer, ProgramHeader, SectionName, WgslCode } from './format.js'

/** Most axes of a tensor, and most levels of a dim. */
const MOST_LEVELS = 64
/** Operands of each dim operator; 0 is any number from one on. */
const DIM_ARITY: Readonly<Record<string, number>> = { '+': 0, '*': 0, min: 0, max: 0, floordiv: 2, mod: 2, eq: 2, lt: 2, select: 3 }

/** Throws `artefact-damaged` about a field of the header or another part of the file. */
export function damaged(field: string, why = 'is not valid', cause?: unknown): never {
  throw new IngotError('artefact-damaged', `the artefact is damaged: ${field} ${why}`, { hint: 'fetch the file or compile the model again', cause })
}

/** Throws `artefact-damaged` unless `value`, which stands at `field`, is what is due there. */
type Check = (value: unknown, field: string) => void

const check = (test: (value: unknown) => boolean): Check => (value, field) => { if (!test(value)) damaged(field) }

export const text = check((value) => typeof value === 'string')

/** An integer from `lo` up to but not including `end`. */
const integer = (lo: number, end: number): Check => check((value) => Number.isSafeInteger(value) && (value as number) >= lo && (value as number) < end)

/** A number of bytes, or where some begin. */
export const size = integer(0, 2 ** 53)

const oneOf = (...names: readonly unknown[]): Check => check((value) => names.includes(value))

/** An array of what `item` takes, of at most `most` entries. */
export const array = (item: Check, most = Infinity): Check => (value, field) => {
  if (!Array.isArray(value) || value.length > most) damaged(field)
  value.forEach((inner, i) => item(inner, `${field}[${i}]`))
}

/** An object with these keys and perhaps others; those that end in `?` may be absent. */
export const object = (fields: Readonly<Record<string, Check>>): Check => (value, field) => {
  if (typeof value !== 'object' || value === null) damaged(field)
  for (const [key, inner] of Object.entries(fields)) {
    const name = key.replace('?', ''), found = (value as Record<string, unknown>)[name]
    if (found !== undefined || name === key) inner(found, field === '' ? name : `${field}.${name}`)
  }
}

// Strings are no kernel's.
const dtype = check((value) => typeof value === 'string' && isDType(value) && value !== 'string')

/** A dim over the given symbols. */
const dimOf = (symbols: ReadonlySet<unknown>): Check => {
  const isDim = (value: unknown, level = 0): boolean => {
    if (typeof value === 'string') return symbols.has(value)
    if (!Array.isArray(value)) return Number.isSafeInteger(value)
    const [op, ...operands] = value as unknown[], arity = typeof op === 'string' && Object.hasOwn(DIM_ARITY, op) ? DIM_ARITY[op] : -1
    return level <= MOST_LEVELS && operands.length > 0 && (arity === 0 || operands.length === arity) && operands.every((operand) => isDim(operand, level + 1))
  }
  return check((value) => isDim(value))
}

/** The part of a js kernel's code that the steps have to fit; the rest is for the renderer to check. */
export interface Signature { readonly params: readonly string[]; readonly buffers: readonly { readonly dtype: DType; readonly length: Dim }[] }

const signature: Check = (code, field) => {
  object({ params: array(text) })(code, field)
  object({ buffers: array(object({ dtype, length: dimOf(new Set((code as Signature).params)) })) })(code, field)
}

/** The bytes of each section. */
type Lengths = Readonly<Partial<Record<SectionName, { readonly length: number }>>>

/** The code of a kernel in a wgsl program with these sections. */
const wgslCode = (sections: Lengths): Check => (code, field) => {
  object({ kind: oneOf('shader', 'host'), offset: size, bytes: size })(code, field)
  const { kind, offset, bytes } = code as WgslCode
  if (offset + bytes > (sections[kind === 'host' ? kind : 'wgsl']?.length ?? 0)) damaged(field)
  if (kind === 'host') return
  object({ entryPoint: text, access: array(oneOf('read', 'read_write')), params: array(text), fault: oneOf(true, false), 'slots?': array(size) })(code, field)
  object({ groups: array(dimOf(new Set((code as { readonly params: readonly string[] }).params))), 'subgroups?': wgslCode(sections), 'plain?': wgslCode(sections) })(code, field)
}

/** Types and ranges of all fields. */
function checkFields(header: ProgramHeader, sections: Lengths): void {
  const some = array(object({}))
  object({ inputs: some, buffers: some, steps: some, kernels: some, symbols: some, 'measured?': some })(header, '')
  const numberIn = (items: readonly unknown[]): Check => integer(0, items.length)
  const buffer = numberIn(header.buffers)
  const time = integer(-1, 2 ** 31)
  const dim = dimOf(new Set([...header.symbols, ...(header.measured ?? [])].map(({ name }) => name)))
  const extent: Check = (value, field) => (typeof value === 'number' ? size : dim)(value, field)
  const ports = array(object({ name: text, dtype, shape: array(extent, MOST_LEVELS), buffer, 'bounds?': array(integer(-(2 ** 53), 2 ** 53), 2) }))
  object({
    name: text, producer: text, target: oneOf('js', 'wasm', 'wgsl'), 'graph?': text, 'requires?': array(text), 'threads?': integer(1, 65),
    inputs: ports, outputs: ports,
    symbols: array(object({ name: text, kind: oneOf('extent', 'element'), input: numberIn(header.inputs), 'axis?': size, 'index?': size })),
    constraints: array(object({ kind: oneOf('eq', 'le'), a: dim, b: dim, why: text })),
    buffers: array(object({ dtype, 'stored?': dtype, length: extent, place: oneOf('arena', 'constant', 'host'), 'offset?': size, 'alias?': buffer, 'aliasOffset?': extent, first: time, last: time })),
    constants: array(object({ name: text, dtype, shape: array(size, MOST_LEVELS), offset: size, bytes: size, buffer })),
    kernels: array(object({ name: text, code: header.target === 'wgsl' || header.measured ? wgslCode(sections) : header.target === 'js' ? signature : text, 'shared?': oneOf(true, false) })),
    steps: array(object({ kernel: numberIn(header.kernels), buffers: array(buffer), params: array(dim), 'flops?': dim, origin: text })),
  })(header, '')
}

/** What has to hold between fields. */
function checkRelations({ target, symbols, inputs, outputs, buffers, constants, prepare }: ProgramHeader, sectionBytes: number): void {
  const require = (holds: boolean, field: () => string): void => { if (!holds) damaged(field()) }
  const bufferAt = (i: number): ProgramBuffer => buffers[i] as ProgramBuffer
  for (const [side, items] of Object.entries({ symbols, inputs, outputs })) {
    const seen = new Set<string>()
    items.forEach(({ name }, i) => require(seen.size !== seen.add(name).size, () => `${side}[${i}].name`))
  }
  symbols.forEach((symbol, i) => {
    const port = inputs[symbol.input]
    require(symbol.kind === 'extent' ? port?.shape[symbol.axis] !== undefined : symbol.index !== undefined && /^u?int(8|16|32|64)$/.test(port?.dtype ?? ''), () => `symbols[${i}]`)
  })
  const roots: number[] = []
  buffers.forEach(({ offset = 0, alias, first, last }, i) => {
    require(offset % 64 === 0, () => `buffers[${i}].offset`)
    require(first <= last, () => `buffers[${i}].last`)
    require(alias === undefined || alias < i, () => `buffers[${i}].alias`)
    roots[i] = alias === undefined ? i : (roots[alias] as number)
  })
  for (const [side, ports] of Object.entries({ inputs, outputs })) {
    ports.forEach((port, i) => {
      require(port.dtype === bufferAt(port.buffer).dtype, () => `${side}[${i}].dtype`)
      // Feeds are written to inputs, and constants are the caller's own bytes or for all runs.
      require(ports === outputs || bufferAt(roots[port.buffer] as number).place !== 'constant', () => `${side}[${i}].buffer`)
    })
  }
  const given = new Set<number>()
  constants.forEach(({ buffer, dtype: type, offset, bytes }, i) => {
    const { place, alias, length, dtype: own, stored = own } = bufferAt(buffer)
    require(place === 'constant' && alias === undefined && given.size !== given.add(buffer).size, () => `constants[${i}].buffer`)
    require(type === own && typeof length === 'number' && storageBytes(stored, length) === bytes, () => `constants[${i}].bytes`)
    require(offset % 64 === 0 && offset + bytes <= sectionBytes, () => `constants[${i}].offset`)
  })
  // What is made at load is checked there, see `prepare.ts`, and so are parts.
  buffers.forEach(({ place, alias }, i) => require(place !== 'constant' || alias !== undefined || given.has(i) || (prepare !== undefined && target === 'wasm'), () => `buffers[${i}]`))
}

/** Checks a header against the format and against its sections, and gives it back typed. */
export function validateProgram(value: unknown, sections: Lengths): ProgramHeader {
  const header = value as ProgramHeader
  checkFields(header, sections)
  checkRelations(header, sections.constants?.length ?? 0)
  const { target, measured } = header
  if (target !== 'js' && !measured && !sections[target] && !sections['wasm-relaxed']) damaged(`the ${target} section`)
  return header
}
