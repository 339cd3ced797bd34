/** Ops that bring kernels of their own for a GPU, by the kernel interpreter and on a device. */
import { expect } from 'vitest'
import { allocate, elementCount, type DType, type HostTensor, type TensorStorage } from '../../../src/base/dtype.js'
import { visitSymbols, type Dim } from '../../../src/base/dim.js'
import { evaluateDim } from '../../../src/base/dim.js'
import { storedAs } from '../../../src/base/stored-as.js'
import { narrowIntegers } from '../../../src/codegen/wgsl/narrow-integers.js'
import { renderWgsl } from '../../../src/codegen/wgsl/render.js'
import type { Attrs } from '../../../src/ir/graph.js'
import type { Buffer, ComputeContext } from '../../../src/ir/kernel/compute.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { ChainedKernel } from '../../../src/ir/kernel/kernel.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import { printKernel } from '../../../src/ir/kernel/print.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'
import { runKernel } from '../../codegen/wgsl/device.js'

/** A call of an op with one input; axes in `symbols` have extents that kernels do not know. */
export interface OneInput { readonly op: string; readonly attrs: Attrs; readonly x: HostTensor; readonly outputs: readonly { readonly dtype: DType; readonly shape: readonly number[] }[]; readonly symbols?: readonly number[] }

interface Written { readonly kernels: readonly ChainedKernel[]; readonly symbols: Readonly<Record<string, number>> }

/** The kernels of a call, one or several. */
export function kernelsOf({ op, attrs, x, outputs, symbols = [] }: OneInput, gpu: 'groups' | 'points'): Written {
  const values: Record<string, number> = {}
  const dims = (shape: readonly number[], prefix: string): readonly Dim[] => shape.map((n, i) => { if (!symbols.includes(i)) return n; const name = x.shape[i] === n ? `n${i}` : `${prefix}${i}`; values[name] = n; return name })
  const input = tensorType(x.dtype, dims(x.shape, 'n')), results = outputs.map((o) => tensorType(o.dtype, dims(o.shape, 'k')))
  const buffers = [{ name: 'x0', dtype: x.dtype, shape: input.shape, role: 'in' } as Buffer, ...results.map((t, i): Buffer => ({ name: `y${i}`, dtype: t.dtype, shape: t.shape, role: 'out' }))]
  const ctx: ComputeContext<Attrs> = { inputs: [input], outputs: results, attrs: typeof attrs['k'] === 'number' && symbols.includes(attrs['axis'] as number) ? { ...attrs, k: results[0]?.shape[attrs['axis'] as number] as Dim } : attrs, values: [null], buffers, gpu }
  const record = getOp(op), kernels = record.chain?.(ctx) ?? [{ kernel: record.kernel?.(ctx) as ChainedKernel['kernel'] }]
  return { kernels, symbols: values }
}

function paramsOf({ kernel, params = {} }: ChainedKernel, symbols: Readonly<Record<string, number>>): Record<string, number> {
  const value = (s: string): number => { const n = symbols[s]; if (n === undefined) throw new Error(`${kernel.name}: no symbol ${s}`); return n }
  return Object.fromEntries(kernel.params.map((p) => { const d = params[p] ?? p; visitSymbols(d, value); return [p, evaluateDim(d, value)] }))
}

/** The memory of a chain: results, and temps of one name once. */
class Memory {
  readonly #held: Record<string, TensorStorage>
  constructor(x: HostTensor) { this.#held = { x0: x.data } }

  of({ kernel }: ChainedKernel, params: Readonly<Record<string, number>>): Record<string, TensorStorage> {
    for (const { name, dtype, length } of kernel.buffers) this.#held[name] ??= filled(allocate(dtype, evaluateDim(length, (s) => params[s] as number)))
    return this.#held
  }
}

/** What nobody has written is not zero by chance. */
function filled(data: TensorStorage): TensorStorage {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(77n)
  else (data as Float32Array).fill(data instanceof Float32Array ? NaN : 77)
  return data
}

/** Results by the interpreter, of verified kernels that print and parse. */
export function interpretCall(call: OneInput, gpu: 'groups' | 'points'): HostTensor[] {
  const { kernels, symbols } = kernelsOf(call, gpu), memory = new Memory(call.x)
  let held: Record<string, TensorStorage> = {}
  for (const one of kernels) {
    verifyKernel(one.kernel)
    expect(parseKernel(printKernel(one.kernel))).toEqual(one.kernel)
    const params = paramsOf(one, symbols)
    held = memory.of(one, params)
    interpretKernel(one.kernel, params, held)
  }
  return call.outputs.map((o, i) => ({ ...o, data: held[`y${i}`] ?? allocate(o.dtype, elementCount(o.shape)) }))
}

/** Results on a device; 64-bit integers as 32-bit ones. */
export async function runCall(device: GPUDevice, call: OneInput, gpu: 'groups' | 'points'): Promise<HostTensor[]> {
  const { kernels, symbols } = kernelsOf(call, gpu), held: Record<string, TensorStorage> = { x0: call.x.data }
  for (const one of kernels) {
    const params = paramsOf(one, symbols), narrow = narrowIntegers(one.kernel, () => ({ lo: 0, hi: 2 ** 31 - 1 })).kernel
    if (narrow === undefined) throw new Error(`${one.kernel.name} has integers that are not known to fit`)
    for (const { name, dtype, length } of narrow.buffers) held[name] ??= filled(allocate(storedAs(dtype) ?? dtype, evaluateDim(length, (s) => params[s] as number)))
    await runKernel(device, renderWgsl(narrow), narrow.buffers.map((b) => held[b.name] as TensorStorage), params)
  }
  return call.outputs.map((o, i) => ({ dtype: o.dtype, shape: o.shape, data: held[`y${i}`] as TensorStorage }))
}
