import { expect, test } from 'vitest'
import type { DType, HostTensor } from '../../../src/base/dtype.js'
import { flattenCompute } from '../../../src/codegen/schedule/flatten.js'
import { prepareCompute } from '../../../src/codegen/schedule/prepare.js'
import { writeKernel } from '../../../src/codegen/schedule/write-kernel.js'
import { scheduleWgsl } from '../../../src/codegen/schedules/wgsl.js'
import { narrowIntegers } from '../../../src/codegen/wgsl/narrow-integers.js'
import { renderWgsl } from '../../../src/codegen/wgsl/render.js'
import { besideEachOther } from '../../../src/codegen/wgsl/spread-stores.js'
import type { Dim } from '../../../src/ir/dims.js'
import { fromNumbers, seededTensor } from '../../../src/ir/host-tensor.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'
import { findDevice, runKernel } from './device.js'

const device = await findDevice()

interface Case { readonly op: string; readonly attrs: { readonly axis: number; readonly keepdims: boolean; readonly select_last: boolean }; readonly x: HostTensor; readonly symbolic: boolean }

/** The kernel of a case, as the policy has it. */
function kernelOf({ op, attrs, x, symbolic }: Case): Kernel {
  const dims = x.shape.map((n, i): Dim => (symbolic ? `n${i}` : n)), input = tensorType(x.dtype, dims), output = tensorType('int64', dims.filter((_, i) => i !== attrs.axis))
  const compute = getOp(op).compute?.({ inputs: [input], outputs: [output], attrs: { ...attrs }, values: [null], buffers: [{ name: 'x0', dtype: x.dtype, shape: dims, role: 'in' }, { name: 'y0', dtype: 'int64', shape: output.shape as readonly Dim[], role: 'out' }] })
  if (compute === undefined) throw new Error(`${op} has a compute`)
  const flat = flattenCompute(compute), { compute: prepared, schedule } = prepareCompute(flat, scheduleWgsl(flat)), kernel = besideEachOther([writeKernel(prepared, schedule, 'under_test')])
  verifyKernel(kernel)
  return kernel
}

function wantedOf({ op, attrs, x }: Case): BigInt64Array {
  return getOp(op).reference({ inputs: [x], attrs: { ...attrs }, outputs: [{ dtype: 'int64', shape: x.shape.filter((_, i) => i !== attrs.axis) }] })[0]?.data as BigInt64Array
}
const paramsOf = ({ x }: Case): Record<string, number> => Object.fromEntries(x.shape.map((n, i) => [`n${i}`, n]))
const nameOf = ({ op, attrs, x, symbolic }: Case): string => `${op} of ${x.dtype}[${x.shape.join()}] ${JSON.stringify(attrs)}${symbolic ? ' symbolic' : ''}`

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1, -1]
function tensorOf(dtype: DType, shape: readonly number[], seed: number): HostTensor {
  const picks = [...seededTensor('int32', shape, seed, [seed % 3 === 0 ? 0 : 1, SPECIAL.length]).data as Int32Array]
  // A row of the last kind has nothing but the least there is.
  return fromNumbers(dtype, shape, picks.map((i, k) => (dtype === 'float32' ? (seed % 4 === 3 ? -Infinity : SPECIAL[i] as number) : dtype === 'uint8' ? i % 3 : seed % 4 === 3 ? -(2 ** 31) : i - (k % 2))))
}

function casesOf(): Case[] {
  const shapes: readonly (readonly [readonly number[], number])[] = [[[3, 40], 1], [[2, 65], 1], [[5, 300], 1], [[1, 5000], 1], [[70, 5, 3], 0], [[40, 33], 0], [[3, 100, 20], 1]]
  return shapes.flatMap(([shape, axis], s) => (['float32', 'int32', 'uint8'] as const).flatMap((dtype, d) => ['argmax', 'argmin'].map((op, o): Case => (
    { op, attrs: { axis, keepdims: false, select_last: (s + d + o) % 2 === 0 }, x: tensorOf(dtype, shape, s + 3 * d), symbolic: (s + d) % 3 === 0 }))))
}

test('positions of extremes are those of the reference where workgroups share rows, whatever is equal, infinite or NaN', () => {
  for (const c of casesOf()) {
    const kernel = kernelOf(c), wanted = wantedOf(c), y0 = new BigInt64Array(wanted.length).fill(-1n)
    expect(kernel.shared?.length, nameOf(c)).toBe(2)
    interpretKernel(kernel, paramsOf(c), { x0: c.x.data, y0 })
    expect(y0, nameOf(c)).toEqual(wanted)
  }
})

test.skipIf(device === undefined)('positions of extremes are right on a device', async () => {
  for (const c of casesOf().filter((one) => one.op === 'argmax' && one.x.dtype === 'float32' && one.x.shape.length === 2)) {
    const kernel = narrowIntegers(kernelOf(c), () => undefined).kernel as Kernel, wanted = wantedOf(c), y0 = new Int32Array(wanted.length).fill(-1)
    await runKernel(device as GPUDevice, renderWgsl(kernel), [c.x.data, y0], paramsOf(c))
    expect([...y0], nameOf(c)).toEqual(Array.from(wanted, Number))
  }
})
