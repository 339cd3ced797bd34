/** Binding, the part that no target differs in: symbols have values, so every shape, size, offset and parameter has one. */
import { evaluateDim, type Dim } from '../base/dim.js'
import { DTYPES, elementCount, storageBytes, type DType } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import { dimLabel } from './dim-label.js'
import { checkExtents, type BoundFeeds } from './feeds.js'
import type { ProgramBuffer, ProgramHeader, Step } from './format.js'
import { planOffsets, type PlanItem } from './plan.js'
import { damaged, findRoots, type Signature } from './validate.js'

/** A buffer's place: bytes from `offset` on of the arena or of the constants section. `length` counts stored elements (bytes for packed types). */
export interface BufferPlace { readonly dtype: DType; readonly constant: boolean; readonly offset: number; readonly bytes: number; readonly length: number }

/** Everything that follows from the values of the symbols. */
export interface Layout {
  readonly buffers: readonly BufferPlace[]
  /** Parameter values of each step. */
  readonly params: readonly (readonly number[])[]
  /** Floating-point operations of each step, where counted. */
  readonly flops: readonly (number | undefined)[]
  readonly inputShapes: readonly (readonly number[])[]
  readonly outputShapes: readonly (readonly number[])[]
  readonly arenaBytes: number
  /** The buffers that own arena memory, for the lower bound on it. */
  readonly owners: readonly PlanItem[]
}

/**
 * Lays the program out for the fed shapes. Throws `feed-extent` where fed extents disagree with the declared ones,
 * `constraint-violated` where what the model takes for granted does not hold, `artefact-damaged` where the plan is no plan.
 */
export function layOut(header: ProgramHeader, feeds: BoundFeeds): Layout {
  const values = new Map(header.symbols.map((symbol, i) => [symbol.name, feeds.symbols[i] ?? 0]))
  const value = (dim: Dim): number => (typeof dim === 'number' ? dim : evaluateDim(dim, (name) => values.get(name) ?? NaN))
  const bindings = header.symbols.map((symbol, i) => `${symbol.name} = ${feeds.symbols[i]}`).join(', ')
  const integer = (dim: Dim, least: number, what: () => string, end = 2 ** 53): number => {
    const n = value(dim)
    if (Number.isSafeInteger(n) && n >= least && n < end) return n
    throw new IngotError('constraint-violated', `${what()} is ${dimLabel(dim)} = ${n} where ${bindings}`, { hint: 'the model does not work with inputs of these shapes' })
  }
  const inputShapes = header.inputs.map((port) => port.shape.map(value))
  checkExtents(header, inputShapes, feeds)
  for (const { kind, a, b, why } of header.constraints) {
    const x = value(a), y = value(b)
    if (kind === 'eq' ? x !== y : !(x <= y)) {
      throw new IngotError('constraint-violated', `${dimLabel(a)} = ${x} must ${kind === 'eq' ? 'equal' : 'not be above'} ${dimLabel(b)} = ${y}`, { where: { origin: why }, hint: `the extents fed give ${bindings}` })
    }
  }
  const outputShapes = header.outputs.map((port) => port.shape.map((dim, axis) => integer(dim, 0, () => `extent ${axis} of output "${port.name}"`)))
  const sizes = header.buffers.map((buffer, i) => integer(buffer.length, 0, () => `the length of buffer ${i}`))
  const { buffers, arenaBytes, owners } = placeBuffers(header, sizes, (dim) => integer(dim, 0, () => 'an offset'))
  const checkPort = (side: string, shapes: readonly (readonly number[])[]) => (port: { readonly buffer: number }, i: number): void => {
    if (elementCount(shapes[i] ?? []) !== sizes[port.buffer]) damaged(`${side}[${i}]`, `has ${elementCount(shapes[i] ?? [])} elements, its buffer ${sizes[port.buffer]}`)
  }
  header.inputs.forEach(checkPort('inputs', inputShapes))
  header.outputs.forEach(checkPort('outputs', outputShapes))
  const params = header.steps.map((step) => step.params.map((dim) => integer(dim, -(2 ** 31), () => `a 32-bit parameter of ${step.origin}`, 2 ** 31)))
  if (header.target === 'js') params.forEach((given, i) => checkCall(header, i, given, sizes))
  const flops = header.steps.map((step) => (step.flops === undefined ? undefined : value(step.flops)))
  return { buffers, params, flops, inputShapes, outputShapes, arenaBytes, owners }
}

/** A kernel must find its buffers at least as long as it says it takes them: what it indexes follows from that. */
function checkCall(header: ProgramHeader, i: number, params: readonly number[], sizes: readonly number[]): void {
  const { kernel, buffers } = header.steps[i] as Step
  const code = header.kernels[kernel]?.code as Signature
  code.buffers.forEach(({ length }, k) => {
    const wanted = evaluateDim(length, (name) => params[code.params.indexOf(name)] ?? NaN)
    if (!((sizes[buffers[k] ?? -1] ?? 0) >= wanted)) damaged(`steps[${i}].buffers[${k}]`, `has ${sizes[buffers[k] ?? -1]} elements, the kernel takes ${wanted}`)
  })
}

function placeBuffers(header: ProgramHeader, sizes: readonly number[], offsetOf: (dim: Dim) => number): Pick<Layout, 'buffers' | 'arenaBytes' | 'owners'> {
  const { buffers } = header
  const places = new Array<BufferPlace | undefined>(buffers.length)
  const place = (i: number, constant: boolean, offset: number): BufferPlace => {
    const { dtype } = buffers[i] as ProgramBuffer
    const size = sizes[i] as number, bytes = storageBytes(dtype, size)
    return (places[i] = { dtype, constant, offset, bytes, length: DTYPES[dtype].bits < 8 ? bytes : size })
  }
  for (const constant of header.constants) place(constant.buffer, true, constant.offset)
  const lives = findLives(header, (i) => storageBytes((buffers[i] as ProgramBuffer).dtype, sizes[i] as number))
  const owners = [...lives.values()], ids = [...lives.keys()]
  const given = ids.every((i) => buffers[i]?.offset !== undefined)
  const offsets = given ? ids.map((i) => buffers[i]?.offset ?? 0) : planOffsets(owners).offsets
  let arenaBytes = 0, sum = 0
  ids.forEach((i, k) => {
    const { offset, bytes } = place(i, false, offsets[k] ?? 0)
    arenaBytes = Math.max(arenaBytes, offset + Math.ceil(bytes / 64) * 64)
    sum += Math.ceil(bytes / 64) * 64
  })
  if (arenaBytes > sum) damaged('buffers', `need ${sum} bytes and are spread over ${arenaBytes}`)
  const resolve = (start: number): BufferPlace => {
    const chain: number[] = []
    let at = start
    for (; places[at] === undefined; at = buffers[at]?.alias ?? at) chain.push(at)
    let base = places[at] as BufferPlace
    for (const i of chain.reverse()) {
      const shift = offsetOf(buffers[i]?.aliasOffset ?? 0)
      const own = place(i, base.constant, base.offset + shift)
      if (shift + own.bytes > base.bytes || shift % Math.max(1, DTYPES[own.dtype].bits / 8) !== 0) damaged(`buffers[${i}].aliasOffset`, `puts ${own.bytes} bytes at ${shift} of ${base.bytes}`)
      base = own
    }
    return base
  }
  return { buffers: buffers.map((_, i) => resolve(i)), arenaBytes, owners }
}

/** The owners of arena memory by buffer number. An owner lives as long as whoever shares its memory. */
function findLives(header: ProgramHeader, bytesOf: (i: number) => number): ReadonlyMap<number, PlanItem> {
  const { buffers } = header
  const lives = new Map<number, { readonly bytes: number; first: number; last: number }>()
  const roots = findRoots(buffers)
  buffers.forEach(({ place, alias, first, last }, i) => { if (alias === undefined && place === 'arena') lives.set(i, { bytes: bytesOf(i), first, last }) })
  buffers.forEach(({ first, last }, i) => {
    const life = lives.get(roots[i] ?? i)
    if (life !== undefined) { life.first = Math.min(life.first, first); life.last = Math.max(life.last, last) }
  })
  return lives
}
