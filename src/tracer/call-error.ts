/** Errors of calls that user code makes. */
import { IngotError, type ErrorCode, type ErrorPlace } from '../base/error.js'
import { callSite } from './call-site.js'

/** An error with the line of user code that made the call. */
export function callError(code: ErrorCode, what: string, { where, ...details }: { readonly where?: ErrorPlace; readonly hint?: string } = {}): IngotError {
  return new IngotError(code, what, { ...details, where: { origin: callSite(), ...where } })
}
