/**
 * Buffers that share a binding: every WebGPU device binds 8 storage buffers to a shader, kernels of many tensors have more. First
 * constants of one dtype that lie near each other become one buffer; where that is not enough, all that lies in the arena does, as
 * bits where dtypes differ, because what a shader writes must not be bound twice. Each pooled buffer begins where a parameter says.
 *
 *   y0[i] = x0[i] + x1[i]   ⇒   pool[base_y0 * 64 + i] = pool[base_x0 * 64 + i] + pool[base_x1 * 64 + i]
 */
import type { Dim } from '../../base/dim.js'
import type { DType } from '../../base/dtype.js'
import { storedAs } from '../../base/stored-as.js'
import { add, mul } from '../../ir/dims.js'
import { binary, bitcast, cast, constant, narrow, REGISTER, selectExpr, type Expr } from '../../ir/kernel/expr.js'
import type { Kernel, KernelBuffer } from '../../ir/kernel/kernel.js'
import { visitStmts } from '../../ir/kernel/walk.js'
import { scalarise } from '../scalarise.js'
import { rebind, type Access } from './rebind.js'

/** Storage buffers that every device binds to a shader, and the bytes of one that it binds at least. */
export const MOST_BUFFERS = 8
export const MOST_BYTES = 2 ** 27

/** Bytes between places where a buffer may begin. */
const STEP = 256
const NONE: ReadonlySet<string> = new Set()

/** Where a buffer of a call lies: bytes of the constants section, or undefined in the arena. */
export type ConstantRange = { readonly offset: number; readonly bytes: number } | undefined

/** The binding of each buffer of `kernel`, of at most `MOST_BUFFERS` with the fault cell; each has its own where there are enough. Those in `half` lie in memory as float16. */
export function bindingSlots(kernel: Kernel, places: readonly ConstantRange[], half = NONE): readonly number[] {
  const all = kernel.buffers.map((_, i) => i)
  let most = MOST_BUFFERS
  visitStmts(kernel.body, (s) => { if (s.kind === 'data-index' && s.sure !== true) most = MOST_BUFFERS - 1 })
  if (all.length <= most) return all
  const joined = joinConstants(kernel, places, half), isConstant = ([first]: readonly number[]): boolean => places[first as number] !== undefined
  const groups = joined.length <= most ? joined : [all.filter((i) => places[i] === undefined), ...joined.filter(isConstant)]
  const slots: number[] = []
  groups.filter((g) => g.length > 0).map((g) => Math.min(...g)).sort((a, b) => a - b).forEach((first, slot) => groups.find((g) => g.includes(first))?.forEach((i) => { slots[i] = slot }))
  return slots
}

/** Constants of one stored dtype in groups that a binding can span; buffers of the arena by themselves. */
function joinConstants({ buffers }: Kernel, places: readonly ConstantRange[], half: ReadonlySet<string>): readonly (readonly number[])[] {
  const groups: number[][] = buffers.flatMap((_, i) => (places[i] === undefined ? [[i]] : []))
  const constants = buffers.flatMap((b, i) => { const place = places[i]; return place === undefined ? [] : [{ i, place, stored: half.has(b.name) ? 'float16' : storedAs(b.dtype) }] }).sort((a, b) => a.place.offset - b.place.offset)
  for (const stored of new Set(constants.map((c) => c.stored))) {
    let group: number[] = [], start = -Infinity
    for (const { i, place } of constants.filter((c) => c.stored === stored)) {
      if (place.offset + place.bytes - start > MOST_BYTES) { groups.push((group = [])); start = place.offset }
      group.push(i)
    }
  }
  return groups
}

/** `kernel` with one buffer for each of `slots`, and a parameter for each that shares one: where it begins, in 256 bytes. */
export function poolBindings(kernel: Kernel, slots: readonly number[], half = NONE): Kernel {
  const accesses = new Map<string, Access>(), bases: string[] = []
  const buffers = [...new Set(slots)].sort((a, b) => a - b).map((slot): KernelBuffer => {
    const members = kernel.buffers.filter((_, i) => slots[i] === slot), [first] = members as [KernelBuffer]
    if (members.length === 1) return first
    const dtype = members.every((m) => m.dtype === first.dtype) ? first.dtype : 'int32'
    const pool: KernelBuffer = { name: `pool ${slot}`, dtype, length: 0, role: members.every((m) => m.role === 'in') ? 'in' : 'out' }
    for (const m of members) accesses.set(m.name, accessIn(pool, m, STEP / (half.has(m.name) ? 2 : 4)))
    return pool
  })
  if (accesses.size === 0) return kernel
  for (const b of kernel.buffers) if (accesses.has(b.name)) bases.push(baseOf(b.name))
  return { ...rebind(scalarise(kernel), buffers, (name) => accesses.get(name)), params: [...kernel.params, ...bases] }
}

const baseOf = (buffer: string): string => `base ${buffer}`

/** Elements of `member` in `pool`, where it begins at a multiple of `step` elements. */
function accessIn(pool: KernelBuffer, member: KernelBuffer, step: number): Access {
  const shift = (index: Dim): Dim => add(mul(step, baseOf(member.name)), index)
  const same = pool.dtype === member.dtype
  return {
    load(_, index) {
      const word: Expr = { kind: 'load', buffer: pool.name, index: [shift(index)] }
      return same ? word : fromBits(member.dtype, word)
    },
    store: (index, value) => ({ kind: 'store', buffer: pool.name, index: shift(index), value: same ? value : toBits(member.dtype, value) }),
  }
}

function fromBits(dtype: DType, word: Expr): Expr {
  if (dtype === 'bool') return binary('ne', word, constant('i32', 0))
  const type = REGISTER[dtype]
  return type === 'i32' ? word : type === 'f32' ? bitcast(type, word) : cast(type, word)
}

function toBits(dtype: DType, value: Expr): Expr {
  if (dtype === 'bool') return selectExpr(value, constant('i32', 1), constant('i32', 0))
  const type = REGISTER[dtype], held = narrow(dtype, value)
  return type === 'i32' ? held : type === 'f32' ? bitcast('i32', held) : cast('i32', held)
}
