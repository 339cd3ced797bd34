/**
 * Memory of a program: one buffer per tensor that lives in memory, with the steps between which it is needed. Static
 * programs get their offsets here; with symbolic extents the same planner runs when a program is bound.
 */
import { bytesOf, DTYPES, type DType } from '../base/dtype.js'
import { IngotError, invariant } from '../base/error.js'
import { mul, type Dim } from '../ir/dims.js'
import { tensorOf, type Graph, type Value } from '../ir/graph.js'
import type { ProgramBuffer, ProgramConstant } from '../runtime/format.js'
import { planOffsets } from '../runtime/plan.js'
import type { CallBuffer, LoweredStep } from './lower.js'
import type { Packing } from './schedule/prepare.js'
import { storedConstant, type StoredConstant } from './stored-constants.js'

export interface MemoryPlan {
  readonly buffers: readonly ProgramBuffer[]
  readonly constants: readonly ProgramConstant[]
  /** The constants section. */
  readonly constantBytes: Uint8Array
  /** Buffer numbers of each call, in the kernel's order. */
  readonly callBuffers: readonly (readonly number[])[]
  /** Buffer number of a graph value. */
  readonly bufferOf: (value: Value) => number
}

const ALIGNMENT = 64

interface Draft { readonly dtype: DType; readonly length: Dim; readonly place: 'arena' | 'constant'; readonly alias?: number; first: number; last: number }

interface Constant { readonly name: string; readonly dtype: DType; readonly stored: StoredConstant; readonly buffer: number }

/** Plans buffers of `graph` lowered to `steps`. Inputs live from the first step on, outputs to the last. */
export function planMemory(graph: Graph, steps: readonly LoweredStep[]): MemoryPlan {
  const drafts: Draft[] = []
  const numbers = new Map<Value, number>()
  const constants: Constant[] = []
  const packed = new Map<Value, Map<string, number>>()
  const calls = steps.filter((s) => s.kind === 'call')
  const lastStep = Math.max(0, calls.length - 1)

  const define = (value: Value, first: number, alias?: number): number => {
    const type = tensorOf(value)
    const root = alias === undefined ? undefined : drafts[alias]
    const draft: Draft = { dtype: type.dtype, length: mul(1, ...type.shape), place: root?.place ?? 'arena', ...(alias !== undefined && { alias }), first, last: first }
    numbers.set(value, drafts.push(draft) - 1)
    return drafts.length - 1
  }
  const constant = (value: Value, packing?: Packing): number => {
    const { dtype } = tensorOf(value)
    if (dtype === 'string') throw new IngotError('unsupported-dtype', `the constant %${value.name} holds strings, which no kernel can read`, { where: { dtype } })
    const stored = storedConstant(value, packing)
    const buffer = drafts.push({ dtype, length: mul(1, ...stored.shape), place: 'constant', first: 0, last: lastStep }) - 1
    constants.push({ name: packing === undefined ? value.name : `${value.name}@${packing.factor}`, dtype, stored, buffer })
    return buffer
  }
  /** A constant is stored once for each way of packing it. */
  const packedNumberOf = (value: Value, packing: Packing): number => {
    const known = packed.get(value) ?? new Map<string, number>(), key = `${packing.columns}/${packing.factor}`
    packed.set(value, known)
    const number = known.get(key) ?? constant(value, packing)
    known.set(key, number)
    return number
  }
  const numberOf = (value: Value): number => {
    const known = numbers.get(value)
    if (known !== undefined) return known
    invariant(value.data !== undefined, `%${value.name} is used before any step defines it`)
    const buffer = constant(value)
    numbers.set(value, buffer)
    return buffer
  }
  const use = (buffer: number, step: number): number => {
    const root = drafts[drafts[buffer]?.alias ?? buffer]
    if (root !== undefined) root.last = Math.max(root.last, step)
    return buffer
  }

  for (const input of graph.inputs) define(input, 0)
  const callBuffers: number[][] = []
  const place = (b: CallBuffer, step: number): number => {
    if (b.kind === 'temp') return drafts.push({ dtype: b.dtype, length: b.length, place: 'arena', first: step, last: step }) - 1
    if (b.packing !== undefined) return use(packedNumberOf(b.value, b.packing), step)
    const known = numbers.has(b.value) || b.value.data !== undefined
    return use(known ? numberOf(b.value) : define(b.value, step), step)
  }
  for (const s of steps) {
    if (s.kind === 'alias') {
      const of = numberOf(s.of)
      define(s.value, callBuffers.length, drafts[of]?.alias ?? of)
    } else {
      const step = callBuffers.length
      callBuffers.push(s.buffers.map((b) => place(b, step)))
    }
  }
  for (const o of graph.outputs) use(numberOf(o.value), lastStep)
  return { ...layOut(drafts, constants), callBuffers, bufferOf: numberOf }
}

function layOut(drafts: readonly Draft[], constants: readonly Constant[]): Pick<MemoryPlan, 'buffers' | 'constants' | 'constantBytes'> {
  const table: ProgramConstant[] = []
  const offsets = new Map<number, number>()
  let end = 0
  for (const { name, dtype, stored, buffer } of constants) {
    const bytes = bytesOf(stored.elements).byteLength
    table.push({ name, dtype, shape: stored.shape, offset: end, bytes, buffer })
    offsets.set(buffer, end)
    end = align(end + bytes)
  }
  const constantBytes = new Uint8Array(end)
  constants.forEach(({ stored }, i) => constantBytes.set(bytesOf(stored.elements), table[i]?.offset ?? 0))
  const arena = staticOffsets(drafts)
  const buffers = drafts.map((d, i): ProgramBuffer => {
    const root = d.alias === undefined ? d : (drafts[d.alias] as Draft)
    const offset = d.alias !== undefined ? undefined : d.place === 'constant' ? offsets.get(i) : arena?.get(i)
    return { dtype: d.dtype, length: d.length, place: d.place, ...(offset !== undefined && { offset }), ...(d.alias !== undefined && { alias: d.alias }), first: root.first, last: root.last }
  })
  return { buffers, constants: table, constantBytes }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

/** Byte offsets of the arena's buffers when every extent is a number; undefined otherwise. */
function staticOffsets(drafts: readonly Draft[]): ReadonlyMap<number, number> | undefined {
  const roots = drafts.flatMap((d, i) => (d.place === 'arena' && d.alias === undefined ? [{ d, i }] : []))
  if (roots.some(({ d }) => typeof d.length !== 'number')) return undefined
  const { offsets } = planOffsets(roots.map(({ d }) => ({ bytes: Math.ceil(((d.length as number) * DTYPES[d.dtype].bits) / 8), first: d.first, last: d.last })))
  return new Map(roots.map(({ i }, k) => [i, offsets[k] as number]))
}
