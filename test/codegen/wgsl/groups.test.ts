import { describe, expect, test } from 'vitest'
import type { TensorStorage } from '../../../src/base/dtype.js'
import { writeKernel } from '../../../src/codegen/schedule/write-kernel.js'
import { besideEachOther } from '../../../src/codegen/wgsl/spread-stores.js'
import { renderWgsl } from '../../../src/codegen/wgsl/render.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import { printKernel } from '../../../src/ir/kernel/print.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import type { Schedule } from '../../../src/ir/kernel/schedule.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { rowCase, type Case } from '../schedule-cases.js'
import { findDevice, runKernel } from './device.js'

const device = await findDevice()

/** The interpreter fails where a barrier lacks; where there is a device, it has to give the same. */
async function expectRight(c: Case, schedule: Schedule, onDevice: boolean): Promise<void> {
  const kernel = besideEachOther([writeKernel(c.compute, schedule, 'under_test')])
  verifyKernel(kernel)
  expect(parseKernel(printKernel(kernel))).toEqual(kernel)
  const y0 = new Float32Array(c.outputs).fill(NaN)
  interpretKernel(kernel, c.params, { ...c.inputs, y0 })
  expect(y0).toEqual(c.expected)
  if (device === undefined || !onDevice) return
  const buffers: Record<string, TensorStorage> = { ...c.inputs, y0: new Float32Array(c.outputs).fill(NaN) }
  await runKernel(device, renderWgsl(kernel), kernel.buffers.map((b) => buffers[b.name] as TensorStorage), c.params)
  expect(buffers['y0']).toEqual(c.expected)
}

describe('rows shared by workgroups', () => {
  for (const [points, threads] of [[1, 1], [1, 32], [1, 64], [1, 256], [4, 64], [16, 256], [8, 8]] as const) {
    test(`give what rows by themselves give, ${points} by ${threads} invocations`, async () => {
      for (const symbolic of [false, true]) {
        for (const [rows, columns] of [[1, 1], [3, 7], [5, 64], [0, 5], [2, 300], [17, 130]] as const) {
          await expectRight(rowCase(rows, columns, symbolic), [{ kind: 'group', axis: 'i', points, threads }], symbolic && rows > 5 && [1, 16].includes(points))
        }
      }
    })
  }
})
