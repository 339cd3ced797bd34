/**
 * Memory of a program: one buffer per tensor that lives in memory, with the steps between which it is needed. Static
 * programs get their offsets here; with symbolic extents the same planner runs when a program is bound.
 */
import { allocate, bytesOf, DTYPES, type DType } from '../base/dtype.js'
import { IngotError, invariant } from '../base/error.js'
import { mul, type Dim } from '../ir/dims.js'
import { elementsInOrder, physicalShape } from '../ir/layout.js'
import { tensorOf, type Graph, type Value } from '../ir/graph.js'
import type { ProgramBuffer, ProgramConstant } from '../runtime/format.js'
import { planOffsets } from '../runtime/plan.js'
import type { CallBuffer, LoweredStep } from './lower.js'

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

/** Plans buffers of `graph` lowered to `steps`. Inputs live from the first step on, outputs to the last. */
export function planMemory(graph: Graph, steps: readonly LoweredStep[]): MemoryPlan {
  const drafts: Draft[] = []
  const numbers = new Map<Value, number>()
  const constants: { readonly value: Value; readonly buffer: number }[] = []
  const calls = steps.filter((s) => s.kind === 'call')
  const lastStep = Math.max(0, calls.length - 1)

  const define = (value: Value, first: number, alias?: number): number => {
    const type = tensorOf(value)
    const root = alias === undefined ? undefined : drafts[alias]
    const draft: Draft = { dtype: type.dtype, length: mul(1, ...type.shape), place: root?.place ?? 'arena', ...(alias !== undefined && { alias }), first, last: first }
    numbers.set(value, drafts.push(draft) - 1)
    return drafts.length - 1
  }
  const constant = (value: Value): number => {
    const type = tensorOf(value)
    const buffer = drafts.push({ dtype: type.dtype, length: mul(1, ...type.shape), place: 'constant', first: 0, last: lastStep }) - 1
    numbers.set(value, buffer)
    constants.push({ value, buffer })
    return buffer
  }
  const numberOf = (value: Value): number => {
    const known = numbers.get(value)
    if (known !== undefined) return known
    invariant(value.data !== undefined, `%${value.name} is used before any step defines it`)
    return constant(value)
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

function layOut(drafts: readonly Draft[], constants: readonly { readonly value: Value; readonly buffer: number }[]): Pick<MemoryPlan, 'buffers' | 'constants' | 'constantBytes'> {
  const table: ProgramConstant[] = []
  const offsets = new Map<number, number>()
  let end = 0
  for (const { value, buffer } of constants) {
    const tensor = value.data
    invariant(tensor !== undefined, `%${value.name} has no data`)
    if (tensor.dtype === 'string') throw new IngotError('unsupported-dtype', `the constant %${value.name} holds strings, which no kernel can read`, { where: { dtype: 'string' } })
    const bytes = bytesOf(tensor.data).byteLength
    table.push({ name: value.name, dtype: tensor.dtype, shape: physicalShape(value) as readonly number[], offset: end, bytes, buffer })
    offsets.set(buffer, end)
    end = align(end + bytes)
  }
  const constantBytes = new Uint8Array(end)
  constants.forEach(({ value }, i) => constantBytes.set(bytesOf(value.data === undefined ? allocate('uint8', 0) : elementsInOrder(value.data, value.order)), table[i]?.offset ?? 0))
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
