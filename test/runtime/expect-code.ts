import { expect } from 'vitest'
import { IngotError, type ErrorCode } from '../../src/base/error.js'

/** Runs `act` and gives the IngotError it throws; fails where it throws none, another error or another code. */
export async function errorOf(code: ErrorCode, act: () => unknown): Promise<IngotError> {
  let caught: unknown
  try { await act() } catch (error) { caught = error }
  expect(caught).toBeInstanceOf(IngotError)
  expect((caught as IngotError).code).toBe(code)
  return caught as IngotError
}
