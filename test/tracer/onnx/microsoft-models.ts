/** Models of com.microsoft's ops, run by the references and by compiled programs. */
import { expect } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import { seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { load } from '../../../src/runtime/session.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { DATA_TYPE, model, node, type ModelParts, type onnx } from './onnx-models.js'

/** A node of com.microsoft. */
export const microsoft = (opType: string, input: readonly string[], output: readonly string[] = ['y'], attributes: Parameters<typeof node>[3] = {}): onnx.INodeProto => node(opType, input, output, attributes, { domain: 'com.microsoft' })

const TYPES: Readonly<Record<string, number>> = { float32: DATA_TYPE.FLOAT, uint8: DATA_TYPE.UINT8, int8: DATA_TYPE.INT8, int32: DATA_TYPE.INT32, int64: DATA_TYPE.INT64 }

/** An initialiser with the elements of a tensor. */
export function initializer(name: string, { dtype, shape, data }: HostTensor): onnx.ITensorProto {
  const bytes = data as Uint8Array
  return { name, dataType: TYPES[dtype] as number, dims: [...shape], rawData: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
}

/** The bytes of a model that imports both domains. */
export const modelOf = (parts: ModelParts): Uint8Array => model({ ...parts, more: { opsetImport: [{ domain: '', version: 17 }, { domain: 'com.microsoft', version: 1 }] } })

let seed = 1
/** float32 between -1 and 1, other each time. */
export const random = (...shape: readonly number[]): HostTensor => seededTensor('float32', shape, seed++, [-1, 1])
/** Integers of a dtype from `low` to below `high`. */
export const randomIntegers = (dtype: 'uint8' | 'int8' | 'int32' | 'int64', shape: readonly number[], low: number, high: number): HostTensor => seededTensor(dtype, shape, seed++, [low, high])

export type Feeds = Readonly<Record<string, HostTensor>>
type Expected = Readonly<Record<string, readonly number[]>>

/**
 * Expects what `expected` says of each set of feeds, from the references and from programs for js and wasm that are compiled once for all;
 * floats within 1e-5 of the greatest element (NaN: any value), integers exactly, or within `off`.
 */
export async function expectEverywhere(bytes: Uint8Array, sets: readonly Feeds[], expected: (feeds: Feeds) => Expected, off = 0): Promise<void> {
  const graph = importOnnxSync(bytes)
  const sessions = await Promise.all((['js', 'wasm'] as const).map(async (target) => load((await compile(graph, { target })).data)))
  for (const feeds of sets) {
    const wanted = expected(feeds)
    const found = [interpret(graph, feeds), ...await Promise.all(sessions.map((s) => s.run(feeds)))]
    for (const outputs of found) for (const [name, values] of Object.entries(wanted)) expectClose(outputs[name] as HostTensor, values, off)
  }
  for (const s of sessions) s.dispose()
}

function expectClose(tensor: HostTensor, values: readonly number[], off: number): void {
  const found = toNumbers(tensor)
  expect(found.length).toBe(values.length)
  const peak = values.reduce((most, v) => Math.max(most, Math.abs(v) || 0), 0), within = tensor.dtype === 'float32' ? 1e-5 * Math.max(peak, 1e-3) : off
  values.forEach((v, i) => { if (!Number.isNaN(v) && !(Math.abs((found[i] as number) - v) <= within)) expect(found[i], `element ${i}`).toBe(v) })
}

/** The elements of a feed. */
export const numbersOf = (feeds: Feeds, name: string): readonly number[] => Array.from(toNumbers(feeds[name] as HostTensor))
