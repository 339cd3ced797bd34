/** How tests of neural-network ops call records: references on tensors, and inference on symbolic shapes. */
import type { HostTensor } from '../../../src/base/dtype.js'
import type { Attrs, Value } from '../../../src/ir/graph.js'
import { hostTensor, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { printDim } from '../../../src/ir/dims-text.js'
import type { Dim } from '../../../src/ir/dims.js'
import { printType, tensorType, type TensorType } from '../../../src/ir/types.js'
import { LENIENT } from './sample-cases.js'

/** All results of an op's reference, in the types that it infers. */
export function runAll(name: string, inputs: readonly (HostTensor | null)[], attrs: Attrs): HostTensor[] {
  const op = getOp(name)
  const values = inputs.map((t, i): Value | null => (t === null ? null : { name: `x${i}`, type: tensorType(t.dtype, t.shape) }))
  const outputs = op.infer({ inputs: values, attrs }, LENIENT).map((t) => {
    if (t.kind !== 'tensor') throw new Error('not a tensor')
    return { dtype: t.dtype, shape: t.shape as readonly number[] }
  })
  return op.reference({ inputs, attrs, outputs })
}

/** The first result. */
export function run(name: string, inputs: readonly (HostTensor | null)[], attrs: Attrs): HostTensor {
  return runAll(name, inputs, attrs)[0] as HostTensor
}

export const f32 = (shape: readonly number[], elements: readonly number[]): HostTensor => hostTensor('float32', shape, elements)
export const random = (shape: readonly number[], seed: number): HostTensor => seededTensor('float64', shape, seed)
export const numbers = (t: HostTensor | undefined): number[] => Array.from(toNumbers(t as HostTensor))
/** 1, 2, 3… as float32. */
export const counting = (shape: readonly number[]): HostTensor => f32(shape, Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, i) => i + 1))

/** What `infer` gives for inputs of the given types: printed results, and what it assumed. */
export function inferred(name: string, inputs: readonly (TensorType | null)[], attrs: Attrs): { readonly types: readonly string[]; readonly assumed: readonly string[] } {
  const assumed: string[] = []
  const values = inputs.map((type, i): Value | null => (type === null ? null : { name: `x${i}`, type }))
  const types = getOp(name).infer({ inputs: values, attrs }, { assume: (a, b, _, kind) => { if (typeof a !== 'number' || typeof b !== 'number') assumed.push(`${printDim(a)} ${kind === 'le' ? '<=' : '=='} ${printDim(b)}`) } })
  return { types: types.map(printType), assumed }
}

export const f32Type = (...shape: readonly Dim[]): TensorType => tensorType('float32', shape)
