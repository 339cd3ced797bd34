/** Binding, the part that no target differs in: symbols have values, so every shape, size, offset and parameter has one. */
import { evaluateDim, type Dim } from '../base/dim.js'
import { DTYPES, elementCount, storageBytes, type DType } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import { dimLabel } from './dim-label.js'
import type { Port, ProgramData, ProgramHeader } from './format.js'
import { align64, gpuBytes, planOffsets, type PlanItem } from './plan.js'
import { damaged, type Signature } from './validate.js'

/** A buffer's place, and the dtype of what is stored there: bytes from `offset` on of the arena or, where it is `constant`, of what lives as long as the session. `length` counts stored elements (bytes for packed types). */
export interface BufferPlace { readonly dtype: DType; readonly constant: boolean; readonly offset: number; readonly bytes: number; readonly length: number }

/** Bytes of what lives as long as a session: the constants section, and behind it what is made of constants when the program is loaded. */
export const keptBytes = ({ header: { prepare }, sections: { constants } }: ProgramData): number => prepare?.bytes ?? constants?.length ?? 0

/** Everything that follows from the values of the symbols. */
export interface Layout {
  readonly buffers: readonly BufferPlace[]
  /** Parameter values of each step. */
  readonly params: readonly (readonly number[])[]
  /** Frozen, so that results can share them. */
  readonly outputShapes: readonly (readonly number[])[]
  readonly arenaBytes: number
  /** The buffers that own arena memory, for the lower bound on it. */
  readonly owners: readonly PlanItem[]
  /** What a dim is at these values. */
  readonly valueOf: (dim: Dim) => number
}

/**
 * Lays the program out for the values of its symbols. Throws `constraint-violated` where what the model takes for granted
 * does not hold, `artefact-damaged` where the plan is no plan.
 */
export function layOut(header: ProgramHeader, symbols: ReadonlyMap<string, number>): Layout {
  const { inputs, outputs, steps } = header
  const valueOf = (dim: Dim): number => evaluateDim(dim, (name) => symbols.get(name) ?? NaN)
  const bindings = [...symbols].map(([name, value]) => `${name} = ${value}`).join(', ')
  const violated = (what: string, origin?: string): never => {
    throw new IngotError('constraint-violated', `${what} where ${bindings}`, { where: { ...(origin !== undefined && { origin }) }, hint: 'the model does not work with inputs of these shapes' })
  }
  const integer = (dim: Dim, what: string, least = 0, end = 2 ** 53): number => {
    const n = valueOf(dim)
    return Number.isSafeInteger(n) && n >= least && n < end ? n : violated(`${what} is ${dimLabel(dim)} = ${n}`)
  }
  for (const { kind, a, b, why } of header.constraints) {
    const x = valueOf(a), y = valueOf(b)
    if (kind === 'eq' ? x !== y : !(x <= y)) violated(`${dimLabel(a)} = ${x} must ${kind === 'eq' ? 'equal' : 'not be above'} ${dimLabel(b)} = ${y}`, why)
  }
  const sizes = header.buffers.map(({ length }, i) => integer(length, `the length of buffer ${i}`))
  const shapesOf = (ports: readonly Port[], side: string): number[][] => ports.map((port, i) => {
    const shape = port.shape.map((dim, axis) => integer(dim, `extent ${axis} of ${side} "${port.name}"`))
    if (elementCount(shape) !== sizes[port.buffer]) damaged(`${side}s[${i}]`)
    return shape
  })
  shapesOf(inputs, 'input')
  const params = steps.map(({ params: dims, origin }) => dims.map((dim) => integer(dim, `a 32-bit parameter of ${origin}`, -(2 ** 31), 2 ** 31)))
  if (header.target === 'js') checkCalls(header, params, sizes)
  return { ...placeBuffers(header, sizes, (dim) => integer(dim, 'an offset')), params, outputShapes: shapesOf(outputs, 'output').map((shape) => Object.freeze(shape)), valueOf }
}

/** A js kernel must be given what it says it takes, and buffers at least as long: what it indexes follows from that. */
function checkCalls({ steps, kernels, buffers }: ProgramHeader, params: readonly (readonly number[])[], sizes: readonly number[]): void {
  steps.forEach((step, i) => {
    const taken = kernels[step.kernel]?.code as Signature
    for (const key of ['buffers', 'params'] as const) if (step[key].length !== taken[key].length) damaged(`steps[${i}].${key}`)
    taken.buffers.forEach(({ dtype, length }, k) => {
      const given = step.buffers[k] as number
      const wanted = evaluateDim(length, (name) => params[i]?.[taken.params.indexOf(name)] ?? NaN)
      if (DTYPES[dtype].array !== DTYPES[buffers[given]?.dtype ?? dtype].array || !((sizes[given] as number) >= wanted)) damaged(`steps[${i}].buffers[${k}]`)
    })
  })
}

function placeBuffers({ target, buffers, constants }: ProgramHeader, sizes: readonly number[], offsetOf: (dim: Dim) => number): Pick<Layout, 'buffers' | 'arenaBytes' | 'owners'> {
  const bytes = buffers.map(({ dtype, stored = dtype }, i) => storageBytes(stored, sizes[i] as number))
  // An owner of memory lives as long as whoever shares it.
  const lives = new Map<number, { readonly bytes: number; first: number; last: number }>(), roots: number[] = []
  buffers.forEach(({ alias, place, first, last }, i) => {
    roots[i] = alias === undefined ? i : (roots[alias] as number)
    const life = lives.get(roots[i] as number)
    if (life) { life.first = Math.min(life.first, first); life.last = Math.max(life.last, last) }
    else if (alias === undefined && place === 'arena') lives.set(i, { bytes: target === 'wgsl' ? gpuBytes(bytes[i] as number) : (bytes[i] as number), first, last })
  })
  const owners = [...lives.values()], ids = [...lives.keys()]
  const given = ids.map((i) => buffers[i]?.offset)
  const offsets = given.includes(undefined) ? planOffsets(owners).offsets : given
  const starts = new Map(constants.map(({ buffer, offset }) => [buffer, offset]))
  let arenaBytes = 0, sum = 0
  owners.forEach((owner, k) => {
    const offset = offsets[k] as number, size = align64(owner.bytes)
    starts.set(ids[k] as number, offset)
    arenaBytes = Math.max(arenaBytes, offset + size)
    sum += size
  })
  if (arenaBytes > sum) damaged('buffers', `need ${sum} bytes and are spread over ${arenaBytes}`)
  const places: BufferPlace[] = []
  buffers.forEach(({ dtype, stored = dtype, place, offset = 0, alias, aliasOffset }, i) => {
    const own = bytes[i] as number, { bits } = DTYPES[stored]
    const base = alias === undefined ? { constant: place === 'constant', offset: starts.get(i) ?? offset, bytes: own } : (places[alias] as BufferPlace)
    const shift = offsetOf(aliasOffset ?? 0)
    if (shift + own > base.bytes || (shift * 8) % bits !== 0) damaged(`buffers[${i}].aliasOffset`)
    places.push({ dtype: stored, constant: base.constant, offset: base.offset + shift, bytes: own, length: bits < 8 ? own : (sizes[i] as number) })
  })
  return { buffers: places, arenaBytes, owners }
}
