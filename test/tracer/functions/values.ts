/** Tensors made and read in tests of functions. */
import { expect } from 'vitest'
import type { DType } from '../../../src/base/dtype.js'
import { IngotError } from '../../../src/base/error.js'
import { seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { tensor } from '../../../src/tracer/creation.js'
import { Tensor } from '../../../src/tracer/tensor.js'

/** The elements in row-major order as numbers. */
export function numbers(t: Tensor): number[] { return Array.from(toNumbers(t)) }

/** Dtype, shape and elements in one, to compare. */
export function all(t: Tensor): readonly [DType, readonly number[], readonly number[]] { return [t.dtype, t.shape, numbers(t)] }

/** A float64 tensor of seeded numbers. */
export function seeded(shape: readonly number[], seed = 1, range: readonly [number, number] = [-2, 2]): Tensor {
  return new Tensor('float64', shape, seededTensor('float64', shape, seed, range).data)
}

/** An int64 tensor. */
export const ints = (list: readonly number[] | readonly (readonly number[])[]): Tensor => tensor(list as never, { dtype: 'int64' })
/** A float64 tensor. */
export const doubles = (list: unknown): Tensor => tensor(list as never, { dtype: 'float64' })

/** Checks elements to within 1e-12 of the largest. */
export function expectNumbers(t: Tensor, expected: readonly number[], tolerance = 1e-12): void {
  const found = numbers(t)
  expect(found.length).toBe(expected.length)
  expected.forEach((e, i) => {
    if (!Number.isFinite(e)) { expect(found[i], `element ${i}`).toBe(e); return }
    expect(Math.abs((found[i] as number) - e), `element ${i}: ${found[i]} for ${e}`).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(e)))
  })
}

/** Runs `fn`, which must throw an error of `code` that names the caller's file. */
export function expectRefusal(fn: () => unknown, code: string, what: RegExp, file: string): void {
  let error: unknown
  try { fn() } catch (e) { error = e }
  expect(error).toBeInstanceOf(IngotError)
  if (!(error instanceof IngotError)) return
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(what)])
  expect(error.where.origin).toMatch(new RegExp(`^${file}:\\d+:\\d+$`))
}
