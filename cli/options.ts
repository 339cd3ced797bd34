/** Readers of option values that several commands share. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { TARGETS, type InputShapes, type Lengths, type Target } from '../src/index.js'

export type Bounds = Readonly<Record<string, readonly [number, number]>>

/** `x=1,3,224,224` or `x=1,3,_,_`, collected over repeated options. */
export function shapeOption(text: string, previous: InputShapes = {}): InputShapes {
  const at = text.lastIndexOf('=')
  const extents = at < 1 ? [] : text.slice(at + 1).split(/[,x]/).map((s) => (s.trim() === '_' ? null : /^\d+$/.test(s.trim()) ? Number(s) : NaN))
  const scalar = at > 0 && text.slice(at + 1).trim() === ''
  if (at < 1 || (!scalar && extents.some((d) => d !== null && !Number.isSafeInteger(d)))) throw new InvalidArgumentError("write NAME=1,3,224,224: an input's name and its extents, _ for one that stays as it is")
  return { ...previous, [text.slice(0, at)]: scalar ? [] : extents }
}

/** `sr=16000`, `scales=1,2` or `axes=FILE.npy`, collected over repeated options. */
export function valueOption(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError("write NAME=16000, NAME=1,2,3 or NAME=FILE: an input's name and its value")
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) }
}

/** `x=3` or `x=none`, collected over repeated options. */
export function lengthOption(text: string, previous: Lengths = {}): Lengths {
  const [, name, length] = /^(.+)=(\d+|none)$/.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('write NAME=3: the name of a sequence and the number of its tensors; NAME=1 or NAME=none of an optional')
  return { ...previous, [name]: length === 'none' ? null : Number(length) }
}

/** One of the targets that programs can be compiled for. */
export function targetOption(text: string): Target {
  const target = TARGETS.find((t) => t === text)
  if (target === undefined) throw new InvalidArgumentError(`choose one of ${TARGETS.join(', ')}`)
  return target
}

/** A target, or `auto` for what there is. */
export const targetOrAuto = (text: string): Target | 'auto' => (text === 'auto' ? text : targetOption(text))

/** `ids=0:30521`, collected over repeated options. */
function boundsOption(text: string, previous: Bounds = {}): Bounds {
  const [, name, lo, hi] = /^(.+)=(-?\d+):(-?\d+)$/.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError("write NAME=0:30521: an input's name, its least and its greatest element")
  return { ...previous, [name]: [Number(lo), Number(hi)] }
}

/** What commands that compile for WebGPU are told. */
export interface DeviceOptions { readonly bounds?: Bounds; readonly precision?: 'f32' | 'f16' }

/** `command` with these options. */
export function withDeviceOptions(command: Command): Command {
  return command
    .option('--bounds <name=lo:hi>', 'what an integer input\'s elements can be (repeatable): keeps ids on the GPU; runs check them (wgsl)', boundsOption)
    .addOption(new Option('--precision <p>', 'f16 keeps floats in memory in 16 bits (wgsl, on devices with shader-f16)').choices(['f32', 'f16']))
}

/** Those that were given. */
export const deviceOptionsOf = ({ bounds, precision }: DeviceOptions): DeviceOptions => ({ ...(bounds !== undefined && { bounds }), ...(precision !== undefined && { precision }) })

/** A number of threads. */
export function threadsOption(text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1 || n > 64) throw new InvalidArgumentError('write an integer from 1 to 64')
  return n
}

/** The option of `load` or `compile`, where one was given. */
export const threadsOf = ({ threads }: { readonly threads?: number }): { readonly threads?: number } => (threads === undefined ? {} : { threads })

/** An integer from 0 on. */
export function seedOption(text: string): number {
  const n = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(n) || n < 0) throw new InvalidArgumentError('write an integer from 0 on')
  return n
}

/** A number from 0 on, such as 1e-4. */
export function toleranceOption(text: string): number {
  const x = Number(text)
  if (text.trim() === '' || !Number.isFinite(x) || x < 0) throw new InvalidArgumentError('write a number such as 1e-4')
  return x
}

/** A positive integer. */
export function countOption(text: string): number {
  const n = Number(text)
  if (!Number.isSafeInteger(n) || n < 1) throw new InvalidArgumentError('write a positive integer')
  return n
}

/** A number of bytes: `64MB`, `1.5GB`, `4096`; binary multiples. */
export function bytesOption(text: string): number {
  const m = /^(\d+(?:\.\d+)?)\s*([kmg]?)i?b?$/i.exec(text.trim())
  if (m === null) throw new InvalidArgumentError('write a size such as 64MB')
  return Math.floor(Number(m[1]) * 1024 ** ['', 'k', 'm', 'g'].indexOf((m[2] ?? '').toLowerCase()))
}

/** Bytes for people: `14.0 MB` (10^6). */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`
}

/** Milliseconds for people. */
export function timeText(ms: number): string {
  return ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`
}
