/** A program's constants on a device, in as few buffers as its limits allow: each binding's within one. */
import { IngotError } from '../../base/error.js'
import type { ProgramData } from '../format.js'
import { spansOf } from './spans.js'

/** Where the constants section's byte `offset` lies on the device. */
export type ConstantPlace = (offset: number) => { readonly buffer: GPUBuffer; readonly offset: number }

export interface Constants { readonly at: ConstantPlace; readonly dispose: () => void }

const STORAGE = 0x80

/** Uploads what shaders need of the constants section. Throws `out-of-memory` for what is to be bound at once and is larger than a buffer can be. */
export function uploadConstants(device: GPUDevice, { header, sections }: ProgramData): Constants {
  const section = sections.constants ?? new Uint8Array(0), most = device.limits.maxBufferSize
  const chunks: { readonly start: number; readonly buffer: GPUBuffer }[] = []
  const ranges = rangesOf(header)
  for (let i = 0; i < ranges.length;) {
    const start = ranges[i]?.lo as number
    let end = start
    for (let next; (next = ranges[i]) !== undefined && (next.hi - start <= most || end === start); i++) end = next.hi
    const size = Math.max(256, Math.ceil((end - start) / 4) * 4)
    if (size > most) throw new IngotError('out-of-memory', `constants of ${end - start} bytes, which a kernel needs at once, are larger than a buffer of this WebGPU device, ${most} bytes`, { hint: 'use a device with larger buffers, or compile for wasm' })
    const buffer = device.createBuffer({ label: 'constants', size, usage: STORAGE, mappedAtCreation: true })
    new Uint8Array(buffer.getMappedRange()).set(section.subarray(start, end))
    buffer.unmap()
    chunks.push({ start, buffer })
  }
  return {
    at(offset) {
      const chunk = chunks.findLast(({ start }) => start <= offset) as { readonly start: number; readonly buffer: GPUBuffer }
      return { buffer: chunk.buffer, offset: offset - chunk.start }
    },
    dispose() { for (const { buffer } of chunks) buffer.destroy() },
  }
}

/** Ranges of the section that bindings need, in order; those that overlap are one. */
function rangesOf({ buffers, constants, steps, kernels }: ProgramData['header']): readonly { readonly lo: number; readonly hi: number }[] {
  const places = new Map(constants.map(({ buffer, offset, bytes }) => [buffer, { constant: true, offset, bytes }]))
  buffers.forEach(({ dtype, stored = dtype, length, alias, aliasOffset }, i) => {
    const whole = alias === undefined ? undefined : places.get(alias), shift = Number(aliasOffset ?? 0)
    if (whole !== undefined) places.set(i, { constant: true, offset: whole.offset + shift, bytes: (length as number) * (stored === 'float16' ? 2 : 4) })
  })
  const arena = { constant: false, offset: 0, bytes: 0 }
  const merged: { lo: number; hi: number }[] = []
  for (const { lo, hi } of steps.flatMap((step) => spansOf(step, kernels[step.kernel]?.code, (b) => places.get(b) ?? arena)).filter((s) => s.constant).sort((a, b) => a.lo - b.lo)) {
    const last = merged.at(-1)
    if (last !== undefined && lo < last.hi) last.hi = Math.max(last.hi, hi)
    else merged.push({ lo, hi })
  }
  return merged
}
