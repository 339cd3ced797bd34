/**
 * The header's validator: what passes can be bound and run without any access outside the program's own memory. Works in
 * time and space linear in the header. Unknown keys are ignored. Every failure is `artefact-damaged` and names the field.
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
  throw new IngotError('artefact-damaged', `the artefact is damaged: ${field} ${why}`, { hint: 'fetch the file again, or compile the model again' })
}

/** Shallow, because a hostile value may be nested deeper than the stack. */
const show = (value: unknown): string => (Array.isArray(value) ? 'an array' : typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value === 'object' && value !== null ? 'an object' : String(value))

/** `value` as an object. */
export function record(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) damaged(field, 'is not an object')
  return value as Record<string, unknown>
}
/** `value` as an array. */
export function list(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) damaged(field, 'is not an array')
  return value
}
/** `value` as a string. */
export function text(value: unknown, field: string): string {
  if (typeof value !== 'string') damaged(field, 'is not a string')
  return value
}
/** `value` as an integer from `lo` (0) up to but not including `end`. */
export function index(value: unknown, field: string, end: number, lo = 0): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < lo || value >= end) damaged(field, `is ${show(value)}, not an integer from ${lo} to ${end - 1}`)
  return value
}

function oneOf(value: unknown, field: string, names: readonly string[]): void {
  if (typeof value !== 'string' || !names.includes(value)) damaged(field, `is ${show(value)}, not one of ${names.join(', ')}`)
}

function dtype(value: unknown, field: string): DType {
  if (typeof value !== 'string' || !isDType(value)) return damaged(field, `is ${show(value)}, not a dtype`)
  return value
}

/** Checks a dim; `symbols` are the names it may use. */
function dim(value: unknown, field: string, symbols: ReadonlySet<string>, depth = 0): Dim {
  if (typeof value === 'number') { if (!Number.isSafeInteger(value)) damaged(field, `is ${value}, not an integer`) }
  else if (typeof value === 'string') { if (!symbols.has(value)) damaged(field, `uses ${show(value)}, which is no symbol`) }
  else {
    const [op, ...operands] = list(value, field)
    const arity = typeof op === 'string' && Object.hasOwn(DIM_ARITY, op) ? DIM_ARITY[op] : undefined
    if (arity === undefined || (arity === 0 ? operands.length === 0 : operands.length !== arity)) damaged(field, `applies ${show(op)} to ${operands.length} operands, which is no expression`)
    if (depth > MAX_DIM_DEPTH) damaged(field, 'is nested too deep')
    for (const operand of operands) dim(operand, field, symbols, depth + 1)
  }
  return value as Dim
}

const each = (value: unknown, field: string, check: (item: Record<string, unknown>, field: string, i: number) => void): number => {
  const items = list(value, field)
  items.forEach((item, i) => check(record(item, `${field}[${i}]`), `${field}[${i}]`, i))
  return items.length
}

const shape = (value: unknown, field: string, check: (item: unknown, field: string) => void): void => {
  const dims = list(value, field)
  if (dims.length > MAX_RANK) damaged(field, `has ${dims.length} dims, more than ${MAX_RANK}`)
  dims.forEach((item, i) => check(item, `${field}[${i}]`))
}

const unique = (name: string, field: string, seen: Set<string>): void => {
  if (seen.has(name)) damaged(field, `is "${name}" a second time`)
  seen.add(name)
}

function checkSymbols(header: Record<string, unknown>): ReadonlySet<string> {
  const names = new Set<string>()
  const inputs = list(header['inputs'], 'inputs')
  each(header['symbols'], 'symbols', (symbol, field) => {
    unique(text(symbol['name'], `${field}.name`), `${field}.name`, names)
    oneOf(symbol['kind'], `${field}.kind`, ['extent', 'element'])
    const input = index(symbol['input'], `${field}.input`, inputs.length)
    const port = record(inputs[input], `inputs[${input}]`)
    if (symbol['kind'] === 'extent') index(symbol['axis'], `${field}.axis`, list(port['shape'], `inputs[${input}].shape`).length)
    else {
      index(symbol['index'], `${field}.index`, 2 ** 32)
      const { kind, bits } = DTYPES[dtype(port['dtype'], `inputs[${input}].dtype`)]
      if ((kind !== 'int' && kind !== 'uint') || bits < 8) damaged(`${field}.input`, 'is not an input of integers')
    }
  })
  return names
}

function checkBuffers(value: unknown, symbols: ReadonlySet<string>, steps: number): readonly ProgramBuffer[] {
  const count = list(value, 'buffers').length
  each(value, 'buffers', (buffer, field) => {
    if (dtype(buffer['dtype'], `${field}.dtype`) === 'string') damaged(`${field}.dtype`, 'is string, which kernels do not have')
    const length = dim(buffer['length'], `${field}.length`, symbols)
    if (typeof length === 'number' && length < 0) damaged(`${field}.length`, `is ${length}`)
    oneOf(buffer['place'], `${field}.place`, ['arena', 'constant'])
    if (buffer['offset'] !== undefined && index(buffer['offset'], `${field}.offset`, Number.MAX_SAFE_INTEGER) % 64 !== 0) damaged(`${field}.offset`, 'is no multiple of 64')
    if (buffer['alias'] !== undefined) index(buffer['alias'], `${field}.alias`, count)
    if (buffer['aliasOffset'] !== undefined) dim(buffer['aliasOffset'], `${field}.aliasOffset`, symbols)
    index(buffer['last'], `${field}.last`, steps + 2, index(buffer['first'], `${field}.first`, steps + 2, -1))
  })
  return value as readonly ProgramBuffer[]
}

/** For every buffer the one that owns its memory; refuses circles of aliases. */
export function findRoots(buffers: readonly ProgramBuffer[]): Int32Array {
  const roots = new Int32Array(buffers.length).fill(-1)
  for (let i = 0; i < buffers.length; i++) {
    const chain: number[] = []
    let at = i
    for (;;) {
      const known = roots[at] as number
      if (known === -2) damaged(`buffers[${i}].alias`, 'leads back to itself')
      if (known >= 0) { at = known; break }
      roots[at] = -2
      chain.push(at)
      const alias = buffers[at]?.alias
      if (alias === undefined) break
      at = alias
    }
    for (const member of chain) roots[member] = at
  }
  return roots
}

function checkPorts(value: unknown, side: 'inputs' | 'outputs', symbols: ReadonlySet<string>, buffers: readonly ProgramBuffer[], roots: Int32Array): void {
  const names = new Set<string>()
  each(value, side, (port, field) => {
    unique(text(port['name'], `${field}.name`), `${field}.name`, names)
    shape(port['shape'], `${field}.shape`, (item, at) => { const d = dim(item, at, symbols); if (typeof d === 'number' && d < 0) damaged(at, `is ${d}`) })
    const buffer = index(port['buffer'], `${field}.buffer`, buffers.length)
    if (dtype(port['dtype'], `${field}.dtype`) !== buffers[buffer]?.dtype) damaged(`${field}.dtype`, `differs from that of buffers[${buffer}]`)
    // Feeds are written to inputs, and constants are the caller's own bytes.
    if (side === 'inputs' && buffers[roots[buffer] ?? 0]?.place !== 'arena') damaged(`${field}.buffer`, 'is a constant')
  })
}

function checkConstants(value: unknown, buffers: readonly ProgramBuffer[], sectionBytes: number): void {
  const given = new Set<number>()
  each(value, 'constants', (constant, field) => {
    text(constant['name'], `${field}.name`)
    shape(constant['shape'], `${field}.shape`, (item, at) => index(item, at, Number.MAX_SAFE_INTEGER))
    const at = index(constant['buffer'], `${field}.buffer`, buffers.length)
    const buffer = buffers[at]
    if (buffer?.place !== 'constant' || buffer.alias !== undefined || given.has(at)) damaged(`${field}.buffer`, `is ${at}, which is no constant's or another's`)
    given.add(at)
    if (dtype(constant['dtype'], `${field}.dtype`) !== buffer.dtype) damaged(`${field}.dtype`, `differs from that of buffers[${at}]`)
    const offset = index(constant['offset'], `${field}.offset`, sectionBytes + 64)
    const bytes = index(constant['bytes'], `${field}.bytes`, sectionBytes + 1)
    if (offset % 64 !== 0 || offset + bytes > sectionBytes) damaged(field, `lies at ${offset} … ${offset + bytes} of a section of ${sectionBytes} bytes`)
    if (typeof buffer.length !== 'number' || storageBytes(buffer.dtype, buffer.length) !== bytes) damaged(`${field}.bytes`, `is ${bytes}, which differs from buffers[${at}]`)
  })
  buffers.forEach((buffer, i) => { if (buffer.place === 'constant' && buffer.alias === undefined && !given.has(i)) damaged(`buffers[${i}]`, 'is a constant without a value') })
}

/** The part of a js kernel's code that the steps have to fit; the rest is for the renderer to check. */
export interface Signature { readonly params: readonly string[]; readonly buffers: readonly { readonly dtype: DType; readonly length: Dim }[] }

function checkSignature(code: unknown, field: string): Signature {
  const kernel = record(code, field)
  const params = list(kernel['params'], `${field}.params`).map((p, i) => text(p, `${field}.params[${i}]`))
  const names = new Set(params)
  each(kernel['buffers'], `${field}.buffers`, (buffer, at) => { dtype(buffer['dtype'], `${at}.dtype`); dim(buffer['length'], `${at}.length`, names) })
  return kernel as unknown as Signature
}

function checkSteps(header: Record<string, unknown>, symbols: ReadonlySet<string>, buffers: readonly ProgramBuffer[]): void {
  const signatures: (Signature | null)[] = []
  const kernels = each(header['kernels'], 'kernels', (kernel, field) => {
    text(kernel['name'], `${field}.name`)
    if (header['target'] === 'js') signatures.push(checkSignature(kernel['code'], `${field}.code`))
    else { text(kernel['code'], `${field}.code`); signatures.push(null) }
  })
  each(header['steps'], 'steps', (step, field) => {
    text(step['origin'], `${field}.origin`)
    if (step['flops'] !== undefined) dim(step['flops'], `${field}.flops`, symbols)
    const wanted = signatures[index(step['kernel'], `${field}.kernel`, kernels)]
    const given = list(step['buffers'], `${field}.buffers`)
    const params = list(step['params'], `${field}.params`)
    given.forEach((b, i) => {
      const buffer = buffers[index(b, `${field}.buffers[${i}]`, buffers.length)] as ProgramBuffer
      const taken = wanted?.buffers[i]
      if (taken && DTYPES[buffer.dtype].array !== DTYPES[taken.dtype].array) damaged(`${field}.buffers[${i}]`, `is ${buffer.dtype}, which is not what the kernel takes`)
    })
    params.forEach((p, i) => dim(p, `${field}.params[${i}]`, symbols))
    if (wanted && given.length !== wanted.buffers.length) damaged(`${field}.buffers`, `has ${given.length} entries, the kernel takes ${wanted.buffers.length}`)
    if (wanted && params.length !== wanted.params.length) damaged(`${field}.params`, `has ${params.length} entries, the kernel takes ${wanted.params.length}`)
  })
}

/** Checks a header against the format and against its sections, and gives it back typed. */
export function validateProgram(value: unknown, sections: ProgramData['sections']): ProgramHeader {
  const header = record(value, 'header')
  text(header['name'], 'name')
  text(header['producer'], 'producer')
  oneOf(header['target'], 'target', ['js', 'wasm', 'wgsl'])
  if (header['graph'] !== undefined) text(header['graph'], 'graph')
  const symbols = checkSymbols(header)
  each(header['constraints'], 'constraints', (constraint, field) => {
    oneOf(constraint['kind'], `${field}.kind`, ['eq', 'le'])
    dim(constraint['a'], `${field}.a`, symbols)
    dim(constraint['b'], `${field}.b`, symbols)
    text(constraint['why'], `${field}.why`)
  })
  const buffers = checkBuffers(header['buffers'], symbols, list(header['steps'], 'steps').length)
  const roots = findRoots(buffers)
  checkPorts(header['inputs'], 'inputs', symbols, buffers, roots)
  checkPorts(header['outputs'], 'outputs', symbols, buffers, roots)
  checkConstants(header['constants'], buffers, sections.constants?.length ?? 0)
  checkSteps(header, symbols, buffers)
  if (header['target'] !== 'js' && sections[header['target'] as 'wasm' | 'wgsl'] === undefined) damaged('sections', `has no ${String(header['target'])} section`)
  return value as ProgramHeader
}
