import { IngotError } from '../../src/index.js'
import type { Failure } from './messages.js'

/** An error as the page shows it: an `IngotError`'s message without its hint and place, which stand apart. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof IngotError)) return { code: 'error', what: error instanceof Error ? error.message : String(error), where: '', hint: '' }
  const { origin, op, opset, dtype } = error.where
  const where = [origin, op && `op ${op}${opset === undefined ? '' : ` (opset ${opset})`}`, dtype].filter(Boolean).join(', ')
  let what = error.message
  if (error.hint !== undefined) what = what.replace(`\n  hint: ${error.hint}`, '')
  return { code: error.code, what: where === '' ? what : what.replace(/ \[[^[\]]*(?:\[[^[\]]*\][^[\]]*)*\]$/, ''), where, hint: error.hint ?? '' }
}
