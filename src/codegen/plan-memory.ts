/**
 * Memory of a program: one buffer per tensor that lives in memory, with the steps between which it is needed. Static
 * programs get their offsets here; with symbolic extents the same planner runs when a program is bound.
 */
import { allocate, bytesOf, DTYPES, type DType } from '../base/dtype.js'
import { IngotError, invariant } from '../base/error.js'
import { numberToFloat16 } from '../base/float16.js'
import { storedAs } from '../base/stored-as.js'
import { mul, type Dim } from '../ir/dims.js'
import { tensorOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { toNumbers } from '../ir/host-tensor.js'
import type { ProgramBuffer, ProgramConstant, RawConstant } from '../runtime/format.js'
import { GPU_ALIGNMENT, gpuBytes, planOffsets } from '../runtime/plan.js'
import type { CallBuffer, LoweredCall, LoweredStep } from './lower.js'
import type { Packing } from './schedule/prepare.js'
import { HALF_MAX } from './wgsl/choose-half.js'
import { storedConstant, type StoredConstant } from './stored-constants.js'

export interface MemoryPlan {
  readonly buffers: readonly ProgramBuffer[]
  readonly constants: readonly ProgramConstant[]
  /** The constants section. */
  readonly constantBytes: Uint8Array
  /** What is made of constants before the first run; absent where nothing is. */
  readonly prepare?: PreparePlan
  /** Buffer numbers of each call, in the kernel's order; of a part on the host, inputs before outputs. */
  readonly callBuffers: readonly (readonly number[])[]
  /** Buffer number of a graph value. */
  readonly bufferOf: (value: Value) => number
}

/** Memory of what is made before the first run: its bytes, the buffers of each call, and the constants that these calls alone read. */
export interface PreparePlan {
  readonly bytes: number
  readonly callBuffers: readonly (readonly number[])[]
  readonly raw: readonly RawConstant[]
  readonly rawBytes: readonly Uint8Array[]
}

const ALIGNMENT = 64

interface Draft { readonly dtype: DType; readonly stored?: DType | undefined; readonly length: Dim; readonly place: 'arena' | 'constant' | 'made'; readonly alias?: number; first: number; last: number; device?: boolean }

interface Constant { readonly name: string; readonly dtype: DType; readonly stored: StoredConstant; readonly buffer: number }

export interface PlanOptions {
  /** Plans memory of a GPU: elements in 32-bit words, every buffer from a multiple of 256, and only what shaders use. */
  readonly device?: boolean
  /** Values that are stored as float16. */
  readonly half?: ReadonlySet<Value>
}

/** Plans buffers of `graph` as it was lowered. Inputs live from the first step on, outputs to the last. */
export function planMemory(graph: Graph, { steps, prepare }: { readonly steps: readonly LoweredStep[]; readonly prepare: readonly LoweredCall[] }, { device = false, half = new Set() }: PlanOptions = {}): MemoryPlan {
  const drafts: Draft[] = []
  const numbers = new Map<Value, number>()
  const constants: Constant[] = []
  const packed = new Map<Value, Map<string, number>>()
  /** What a view is a view of. */
  const views = new Map<Value, Value>()
  const calls = steps.filter((s) => s.kind !== 'alias')
  const storedOf = (dtype: DType): DType | undefined => { const stored = device ? storedAs(dtype) : undefined; return stored === dtype ? undefined : stored }
  const lastStep = Math.max(0, calls.length - 1)

  const define = (value: Value, first: number, alias?: number): number => {
    const type = tensorOf(value)
    const root = alias === undefined ? undefined : drafts[alias]
    const draft: Draft = { dtype: type.dtype, stored: half.has(value) ? halfOf(type.dtype) : storedOf(type.dtype), length: mul(1, ...type.shape), place: root?.place ?? 'arena', ...(alias !== undefined && { alias }), first, last: first }
    numbers.set(value, drafts.push(draft) - 1)
    return drafts.length - 1
  }
  const constant = (value: Value, packing?: Packing, words = false): number => {
    const { dtype } = tensorOf(value), word = words ? half.has(value) ? halfOf(dtype) : storedOf(dtype) : undefined
    if (dtype === 'string') throw new IngotError('unsupported-dtype', `the constant %${value.name} holds strings, which no kernel can read`, { where: { dtype } })
    const plain = storedConstant(value, packing), stored = word === undefined ? plain : { ...plain, elements: asWords(dtype, word, plain.elements) }
    const buffer = drafts.push({ dtype, stored: word, length: mul(1, ...stored.shape), place: 'constant', first: 0, last: lastStep }) - 1
    constants.push({ name: constantName(value, packing), dtype, stored, buffer })
    return buffer
  }
  /** A constant is stored once for each way of packing it. */
  const packedNumberOf = (value: Value, packing?: Packing): number => {
    const known = packed.get(value) ?? new Map<string, number>(), key = keyOf(packing)
    packed.set(value, known)
    const number = known.get(key) ?? constant(value, packing, device)
    known.set(key, number)
    return number
  }
  const numberOf = (value: Value): number => {
    const known = numbers.get(value)
    if (known !== undefined) return known
    const source = views.get(value) ?? value
    invariant(source.data !== undefined, `%${value.name} is used before any step defines it`)
    const buffer = constant(source)
    numbers.set(value, buffer)
    return buffer
  }
  const use = (buffer: number, step: number): number => {
    const root = drafts[drafts[buffer]?.alias ?? buffer]
    if (root !== undefined) root.last = Math.max(root.last, root.place === 'made' ? prepare.length : step)
    return buffer
  }

  for (const input of graph.inputs) define(input, 0)
  const prepared = new PreparedBuffers(drafts, numbers, prepare)
  const callBuffers: number[][] = []
  const temps = new Map<Node, Map<string, number>>()
  const temp = ({ node, name, dtype, length }: Extract<CallBuffer, { kind: 'temp' }>, step: number): number => {
    const own = temps.get(node) ?? new Map<string, number>()
    temps.set(node, own)
    const number = own.get(name) ?? drafts.push({ dtype, stored: storedOf(dtype), length, place: 'arena', first: step, last: step, device: true }) - 1
    own.set(name, number)
    return use(number, step)
  }
  const place = (b: CallBuffer, step: number): number => {
    if (b.kind === 'temp') return temp(b, step)
    const source = device ? (views.get(b.value) ?? b.value) : b.value
    if (b.packing !== undefined || (device && source.data !== undefined)) return use(packedNumberOf(source, b.packing), step)
    const known = numbers.has(b.value) || b.value.data !== undefined
    return use(known ? numberOf(b.value) : define(b.value, step), step)
  }
  for (const s of steps) {
    if (s.kind === 'alias' && device && (views.get(s.of) ?? s.of).data !== undefined) views.set(s.value, views.get(s.of) ?? s.of)
    else if (s.kind === 'alias') {
      const of = numberOf(s.of)
      define(s.value, callBuffers.length, drafts[of]?.alias ?? of)
      views.set(s.value, views.get(s.of) ?? s.of)
    } else {
      const step = callBuffers.length
      if (s.kind === 'host') callBuffers.push([...s.inputs, ...s.outputs].map((value) => use(numbers.has(value) || views.has(value) ? numberOf(value) : define(value, step), step)))
      else callBuffers.push(s.buffers.map((b) => { const number = place(b, step), root = drafts[drafts[number]?.alias ?? number]; if (root !== undefined) root.device = true; return number }))
    }
  }
  for (const o of graph.outputs) use(numberOf(o.value), lastStep)
  const once = prepared.finish((value, packing) => packed.get(value)?.get(keyOf(packing)) ?? (packing === undefined && value.data !== undefined ? numbers.get(value) : undefined))
  return { ...layOut(drafts, constants, device, once), callBuffers, bufferOf: numberOf }
}

const keyOf = (packing: Packing | undefined): string => (packing === undefined ? '' : `${packing.columns}/${packing.factor}/${packing.rows ?? ''}`)

const constantName = ({ name }: Value, packing: Packing | undefined): string => (packing === undefined ? name : `${name}@${packing.factor}`)

/** The buffers of calls that run once. What they make is there for all steps of a run; constants that steps of a run read too are stored as ever. */
class PreparedBuffers {
  readonly #drafts: Draft[]
  readonly #numbers: Map<Value, number>
  readonly #calls: readonly LoweredCall[]

  constructor(drafts: Draft[], numbers: Map<Value, number>, calls: readonly LoweredCall[]) {
    this.#drafts = drafts
    this.#numbers = numbers
    this.#calls = calls
    calls.forEach(({ buffers }, call) => buffers.forEach((b) => {
      if (b.kind === 'value' && b.value.data === undefined && !numbers.has(b.value)) numbers.set(b.value, this.#add(tensorOf(b.value).dtype, mul(1, ...tensorOf(b.value).shape), call))
    }))
  }

  /** The rest of the plan; `stored` is the buffer of a constant in the constants section. */
  finish(stored: (value: Value, packing?: Packing) => number | undefined): Omit<PreparePlan, 'bytes'> {
    const raw: RawConstant[] = [], rawBytes: Uint8Array[] = [], known = new Map<Value, Map<string, number>>()
    const rawNumber = (value: Value, packing: Packing | undefined, call: number): number => {
      const { shape, elements } = storedConstant(value, packing), { dtype } = tensorOf(value)
      const buffer = this.#add(dtype, mul(1, ...shape), call)
      raw.push({ name: constantName(value, packing), dtype, shape, buffer })
      // What is in its memory order and not packed is the graph's own.
      rawBytes.push(elements === value.data?.data ? new Uint8Array(bytesOf(elements)) : bytesOf(elements))
      return buffer
    }
    const place = (b: CallBuffer, call: number): number => {
      if (b.kind === 'temp') return this.#add(b.dtype, b.length, call)
      if (b.value.data === undefined) return this.#numbers.get(b.value) as number
      const forms = known.get(b.value) ?? new Map<string, number>()
      known.set(b.value, forms)
      const number = forms.get(keyOf(b.packing)) ?? stored(b.value, b.packing) ?? rawNumber(b.value, b.packing, call)
      forms.set(keyOf(b.packing), number)
      return number
    }
    const callBuffers = this.#calls.map(({ buffers }, call) => buffers.map((b) => {
      const number = place(b, call), draft = this.#drafts[number] as Draft
      draft.last = Math.max(draft.last, call)
      return number
    }))
    return { callBuffers, raw, rawBytes }
  }

  #add(dtype: DType, length: Dim, call: number): number {
    return this.#drafts.push({ dtype, length, place: 'made', first: call, last: call }) - 1
  }
}

const halfOf = (dtype: DType): DType | undefined => (dtype === 'float16' ? undefined : 'float16')

/** `elements` in the words that a GPU has for them; what lies beyond a word becomes the nearest one, which only indices out of range are. */
function asWords(dtype: DType, word: DType, elements: StoredConstant['elements']): StoredConstant['elements'] {
  if (word === 'float16') return Uint16Array.from(elements as Float32Array, (x) => numberToFloat16(Number.isFinite(x) ? Math.max(-HALF_MAX, Math.min(HALF_MAX, x)) : x))
  const wide = dtype === 'int64' || dtype === 'uint64'
  const [lo, hi] = word === 'uint32' ? [0n, 2n ** 32n - 1n] : [-(2n ** 31n), 2n ** 31n - 1n]
  const numbers = wide ? Float64Array.from(elements as BigInt64Array, (x) => Number(x < lo ? lo : x > hi ? hi : x)) : toNumbers({ dtype, shape: [elements.length], data: elements })
  const out = allocate(word, elements.length) as Int32Array
  out.set(numbers)
  return out
}

function layOut(drafts: readonly Draft[], constants: readonly Constant[], device: boolean, once: Omit<PreparePlan, 'bytes'>): Pick<MemoryPlan, 'buffers' | 'constants' | 'constantBytes' | 'prepare'> {
  const table: ProgramConstant[] = []
  const offsets = new Map<number, number>()
  let end = 0
  for (const { name, dtype, stored, buffer } of constants) {
    const bytes = bytesOf(stored.elements).byteLength
    table.push({ name, dtype, shape: stored.shape, offset: end, bytes, buffer })
    offsets.set(buffer, end)
    end = align(end + bytes, device ? GPU_ALIGNMENT : ALIGNMENT)
  }
  const constantBytes = new Uint8Array(end)
  constants.forEach(({ stored }, i) => constantBytes.set(bytesOf(stored.elements), table[i]?.offset ?? 0))
  const arena = staticOffsets(drafts, 'arena', device), made = staticOffsets(drafts, 'made', device)
  const buffers = drafts.map((d, i): ProgramBuffer => {
    const root = d.alias === undefined ? d : (drafts[d.alias] as Draft)
    const planned = (d.place === 'arena' ? arena : made)?.offsets.get(i), isMade = d.place === 'made'
    const offset = d.alias !== undefined ? undefined : d.place === 'constant' ? offsets.get(i) : planned !== undefined && isMade ? end + planned : planned
    const place = device && d.place === 'arena' && root.device !== true ? 'host' : isMade ? 'constant' : d.place
    return { dtype: d.dtype, ...(d.stored !== undefined && { stored: d.stored }), length: d.length, place, ...(offset !== undefined && { offset }), ...(d.alias !== undefined && { alias: d.alias }), first: root.first, last: root.last }
  })
  return { buffers, constants: table, constantBytes, ...(once.callBuffers.length > 0 && { prepare: { ...once, bytes: end + (made?.total ?? 0) } }) }
}

function align(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

/** Byte offsets of the buffers in a place, and the bytes of it, when every extent is a number; undefined otherwise. */
function staticOffsets(drafts: readonly Draft[], place: Draft['place'], device: boolean): { readonly offsets: ReadonlyMap<number, number>; readonly total: number } | undefined {
  const roots = drafts.flatMap((d, i) => (d.place === place && d.alias === undefined && (!device || d.device === true) ? [{ d, i }] : []))
  if (roots.some(({ d }) => typeof d.length !== 'number')) return undefined
  const bytesOfDraft = (d: Draft): number => { const bytes = Math.ceil(((d.length as number) * DTYPES[d.stored ?? d.dtype].bits) / 8); return device ? gpuBytes(bytes) : bytes }
  const { offsets, total } = planOffsets(roots.map(({ d }) => ({ bytes: bytesOfDraft(d), first: d.first, last: d.last })))
  return { offsets: new Map(roots.map(({ i }, k) => [i, offsets[k] as number])), total }
}
