/** A program's constants on a device, in as few buffers as its limits allow. */
import { IngotError } from '../../base/error.js'
import type { ProgramData } from '../format.js'

/** Where the constants section's byte `offset` lies on the device. */
export type ConstantPlace = (offset: number) => { readonly buffer: GPUBuffer; readonly offset: number }

export interface Constants { readonly at: ConstantPlace; readonly dispose: () => void }

const STORAGE = 0x80

/** Uploads the constants section. Throws `out-of-memory` for a constant that is larger than a buffer can be. */
export function uploadConstants(device: GPUDevice, { header, sections }: ProgramData): Constants {
  const section = sections.constants ?? new Uint8Array(0), most = device.limits.maxBufferSize
  const chunks: { readonly start: number; readonly buffer: GPUBuffer }[] = []
  const constants = [...header.constants].sort((a, b) => a.offset - b.offset)
  for (let i = 0; i < constants.length;) {
    const start = constants[i]?.offset as number
    let end = start
    for (let next; (next = constants[i]) !== undefined && (next.offset + next.bytes - start <= most || end === start); i++) end = next.offset + next.bytes
    const size = Math.max(256, Math.ceil((end - start) / 4) * 4)
    if (size > most) throw new IngotError('out-of-memory', `a constant of ${end - start} bytes is larger than a buffer of this WebGPU device, ${most} bytes`, { hint: 'use a device with larger buffers, or compile for wasm' })
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
