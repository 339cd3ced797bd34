import { describe, expect, it } from 'vitest'
import { applySchedule } from '../../../src/codegen/schedule/apply.js'
import { allocate, elementCount, type HostTensor, type TensorStorage } from '../../../src/base/dtype.js'
import { evaluateDim, type Dim } from '../../../src/base/dim.js'
import { IngotError } from '../../../src/base/error.js'
import type { Buffer, ComputeContext } from '../../../src/ir/kernel/compute.js'
import type { Attrs, Value } from '../../../src/ir/graph.js'
import { elementwiseCompute } from '../../../src/ir/kernel/elementwise-compute.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import type { Op } from '../../../src/ir/op.js'
import { OPS } from '../../../src/ir/ops/index.js'
import { tensorType, type TensorType } from '../../../src/ir/types.js'
import { expectClose, LENIENT, sampleCase, type SampleCase } from './sample-cases.js'

/** What a kernel is made from, and what the symbols in it stand for. */
interface Situation { readonly ctx: ComputeContext<Attrs>; readonly symbols: Readonly<Record<string, number>> }

function situation(c: SampleCase, inputs: readonly (TensorType | null)[], outputs: readonly TensorType[], attrs: Attrs, symbols: Readonly<Record<string, number>>): Situation {
  const buffers: Buffer[] = []
  inputs.forEach((t, i) => { if (t !== null) buffers.push({ name: `x${i}`, dtype: t.dtype, shape: t.shape, role: 'in' }) })
  outputs.forEach((t, i) => buffers.push({ name: `y${i}`, dtype: t.dtype, shape: t.shape, role: 'out' }))
  return { ctx: { inputs, outputs, attrs, values: c.values, buffers }, symbols }
}

/** All extents are numbers. */
function staticSituation(c: SampleCase): Situation {
  return situation(c, c.tensors.map((t) => (t === null ? null : tensorType(t.dtype, t.shape))), c.outputs.map((t) => tensorType(t.dtype, t.shape)), c.attrs as Attrs, {})
}

/** All extents but 1 are symbols, `n3` for 3, in inputs and in attributes of dims; those of the results are what `infer` makes of them. */
function symbolicSituation(c: SampleCase): Situation {
  const symbols: Record<string, number> = {}
  const symbolOf = (n: Dim): Dim => {
    if (typeof n !== 'number' || n < 0 || n === 1) return n
    symbols[`n${n}`] = n
    return `n${n}`
  }
  const inputs = c.tensors.map((t) => (t === null ? null : tensorType(t.dtype, t.shape.map(symbolOf))))
  const attrs = Object.fromEntries(Object.entries(c.attrs).map(([name, attr]) => {
    const kind = c.op.attrs[name]
    return [name, kind === 'dims' ? (attr as readonly Dim[]).map(symbolOf) : kind === 'dim' ? symbolOf(attr as Dim) : attr]
  })) as Attrs
  const values = inputs.map((type, i): Value | null => (type === null ? null : { name: `x${i}`, type }))
  const types = c.op.infer({ inputs: values, attrs }, LENIENT) as readonly TensorType[]
  return situation(c, inputs, types, attrs, symbols)
}

function kernelOf(op: Op, ctx: ComputeContext<Attrs>): Kernel {
  if (op.kernel !== undefined) return op.kernel(ctx)
  return applySchedule(op.compute !== undefined ? op.compute(ctx) : elementwiseCompute(op, ctx), [], op.name)
}

function runKernel(kernel: Kernel, c: SampleCase, symbols: Readonly<Record<string, number>>): HostTensor[] {
  const buffers: Record<string, TensorStorage> = {}
  c.tensors.forEach((t, i) => { if (t !== null) buffers[`x${i}`] = t.data })
  c.outputs.forEach((t, i) => { buffers[`y${i}`] = allocate(t.dtype, elementCount(t.shape)) })
  for (const b of kernel.buffers) if (b.role === 'temp') buffers[b.name] = allocate(b.dtype, evaluateDim(b.length, (s) => symbols[s] ?? NaN))
  interpretKernel(kernel, symbols, buffers)
  return c.outputs.map((t, i) => ({ ...t, data: buffers[`y${i}`] as TensorStorage }))
}

function expectKernelMatches(c: SampleCase, { ctx, symbols }: Situation, what: string): void {
  const kernel = kernelOf(c.op, ctx)
  verifyKernel(kernel)
  const expected = c.op.reference({ inputs: c.tensors, attrs: c.attrs, outputs: c.outputs })
  runKernel(kernel, c, symbols).forEach((actual, k) => expectClose(actual, expected[k] as HostTensor, what))
}

const WITH_KERNELS = [...OPS.values()].filter((op) => op.samples.length > 0 && (op.kernel ?? op.compute ?? op.scalar) !== undefined)

describe('the kernel of every op computes what its reference does, on every sample', () => {
  for (const op of WITH_KERNELS) {
    it(op.name, () => {
      op.samples.forEach((_, i) => { const c = sampleCase(op, i); expectKernelMatches(c, staticSituation(c), `sample ${i}`) })
      expect(op.samples.length).toBeGreaterThan(0)
    })
  }
})

describe('the kernels for GPUs of an op that brings its own compute what its reference does', () => {
  for (const op of WITH_KERNELS.filter((o) => o.kernel !== undefined)) {
    it(op.name, () => {
      for (const gpu of ['groups', 'points'] as const) {
        op.samples.forEach((_, i) => {
          const c = sampleCase(op, i)
          for (const situate of [staticSituation, symbolicSituation]) {
            let s: Situation
            try {
              s = situate(c)
            } catch (error) {
              if (error instanceof IngotError) continue // this op asks for numbers here, and says so
              throw error
            }
            expectKernelMatches(c, { ...s, ctx: { ...s.ctx, gpu } }, `sample ${i} by ${gpu}`)
          }
        })
      }
      expect(op.samples.length).toBeGreaterThan(0)
    })
  }
})

describe('the compute of an elementwise or injective op', () => {
  it('is one store at the point of its axes, so that fusion can put it in place of loads', () => {
    const others: string[] = []
    for (const op of WITH_KERNELS) {
      if ((op.pattern !== 'elementwise' && op.pattern !== 'injective') || op.compute === undefined) continue
      const { compute } = op
      op.samples.forEach((_, i) => {
        const { stages, axes } = compute(staticSituation(sampleCase(op, i)).ctx)
        const [only] = stages
        const isMap = stages.length === 1 && only?.kind === 'store' && only.axes.length === 0 && only.index.join() === axes.map((a) => a.name).join()
        if (!isMap) others.push(`${op.name} sample ${i}`)
      })
    }
    expect(others).toEqual([])
  })
})

describe('the kernel of every op stays right where extents are symbols', () => {
  for (const op of WITH_KERNELS) {
    it(op.name, () => {
      let tried = 0
      op.samples.forEach((_, i) => {
        const c = sampleCase(op, i)
        let s: Situation
        try {
          s = symbolicSituation(c)
        } catch (error) {
          if (error instanceof IngotError) return // this op asks for numbers here, and says so
          throw error
        }
        tried++
        const inferred = s.ctx.outputs.map((t) => t.shape.map((d) => evaluateDim(d, (name) => s.symbols[name] ?? NaN)))
        expect(inferred, `sample ${i}`).toEqual(c.outputs.map((t) => t.shape))
        expectKernelMatches(c, s, `sample ${i}`)
      })
      expect(tried).toBeGreaterThan(0)
    })
  }
})
