/**
 * Every failure that Ingot raises on purpose is an `IngotError` with one of these codes.
 * Codes are stable: programs may switch on them. `docs/errors.md` explains each.
 */
export const ERROR_CODES = [
  // reading a model
  'not-onnx', 'onnx-invalid', 'onnx-cycle', 'onnx-missing-value', 'onnx-duplicate-value', 'onnx-bad-dim',
  'unsupported-op', 'unsupported-opset', 'unsupported-dtype', 'unsupported-type', 'unsupported-ir-version',
  'external-data-missing', 'external-data-outside', 'external-data-range', 'recursive-function',
  // building and checking graphs and kernels
  'shape-mismatch', 'dtype-mismatch', 'bad-attribute', 'unknown-op', 'parse-text', 'verify-graph', 'verify-kernel',
  // compiling
  'bad-option', 'unknown-pass', 'wrong-stage', 'shape-not-static', 'memory-limit',
  // loading
  'not-ingot', 'artefact-version', 'artefact-damaged', 'eval-forbidden', 'target-unavailable', 'shader-invalid',
  // running
  'feed-unknown', 'feed-missing', 'feed-dtype', 'feed-rank', 'feed-extent', 'feed-bounds', 'constraint-violated',
  'index-out-of-range', 'session-disposed', 'device-lost', 'worker-lost', 'out-of-memory', 'verify-mismatch',
  // gradient modes, autograd and tracing
  'inference-version', 'inference-inplace', 'inference-saved', 'inference-requires-grad',
  'leaf-inplace', 'view-of-leaf-inplace', 'view-inference-inplace', 'view-nograd-inplace', 'view-multi-inplace', 'overlap-inplace',
  'out-requires-grad', 'saved-changed', 'backward-twice', 'backward-nonscalar', 'backward-no-graph', 'grad-unused', 'leaf-history',
  'requires-grad-nonleaf', 'requires-grad-dtype', 'detach-view', 'deepcopy-nonleaf', 'retain-grad', 'guard-order', 'async-mode',
  'traced-value-read', 'trace-mixed', 'trace-output', 'trace-spec', 'state-dict-mismatch',
  // files and faults of ours
  'file-not-found', 'file-unreadable', 'bad-tensor', 'safetensors-damaged', 'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** Where an error happened: any of these may be known. */
export interface ErrorPlace {
  /** ONNX node name, source call site, kernel or file the error is about. */
  readonly origin?: string
  readonly op?: string
  readonly opset?: number
  readonly dtype?: string
}

/** An error for people: `code`, what happened with the values in it, where, and a `hint` on what to do. */
export class IngotError extends Error {
  readonly code: ErrorCode
  /** The message without place and hint. */
  readonly what: string
  readonly where: ErrorPlace
  readonly hint: string | undefined

  constructor(code: ErrorCode, what: string, details: { readonly where?: ErrorPlace; readonly hint?: string; readonly cause?: unknown } = {}) {
    const { where = {}, hint, cause } = details
    const { origin, op, opset, dtype } = where
    const place = [origin && `at ${origin}`, op && `op ${op}${opset === undefined ? '' : ` (opset ${opset})`}`, dtype && `dtype ${dtype}`].filter(Boolean).join(', ')
    super(`${what}${place && ` [${place}]`}${hint === undefined ? '' : `\n  hint: ${hint}`}`, cause === undefined ? undefined : { cause })
    this.name = 'IngotError'
    this.code = code
    this.what = what
    this.where = where
    this.hint = hint
  }
}

/** Throws `internal` unless `condition` holds; for what our own code guarantees, never for input. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new IngotError('internal', `Ingot broke one of its own rules: ${what}`, { hint: 'this is a bug in Ingot; please report it with the model that shows it' })
}
