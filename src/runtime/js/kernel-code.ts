/**
 * Kernel IR as the runtime reads it from an artefact: the same shape as the compiler's kernels, with strings wherever a
 * file could say anything. What is not in the renderer's tables is refused there (`artefact-damaged`).
 */
import type { Dim } from '../../base/dim.js'

export type ExprCode =
  | { readonly kind: 'const'; readonly type: string; readonly value: number | string }
  | { readonly kind: 'index'; readonly index: Dim }
  | { readonly kind: 'load'; readonly buffer: string; readonly index: readonly Dim[] }
  | { readonly kind: 'local'; readonly name: string; readonly type: string }
  | { readonly kind: 'unary'; readonly op: string; readonly x: ExprCode }
  | { readonly kind: 'binary'; readonly op: string; readonly a: ExprCode; readonly b: ExprCode }
  | { readonly kind: 'select'; readonly condition: ExprCode; readonly a: ExprCode; readonly b: ExprCode }
  | { readonly kind: 'cast'; readonly to: string; readonly x: ExprCode }
  | { readonly kind: 'narrow'; readonly dtype: string; readonly x: ExprCode }
  /** What only targets with lanes have: the compiler writes it in scalars for js, and the renderer refuses it. */
  | { readonly kind: 'madd' | 'bitcast' | 'splat' | 'vector' | 'lane' }

export interface SetCode { readonly name: string; readonly value: ExprCode }

export type StmtCode =
  | { readonly kind: 'for'; readonly variable: string; readonly lo: Dim; readonly hi: Dim; readonly step: number; readonly body: readonly StmtCode[] }
  | { readonly kind: 'index'; readonly name: string; readonly value: Dim }
  | { readonly kind: 'data-index'; readonly name: string; readonly value: ExprCode; readonly extent: Dim; readonly sure?: boolean }
  | { readonly kind: 'let' | 'var'; readonly name: string; readonly type: string; readonly value: ExprCode }
  | { readonly kind: 'set'; readonly name: string; readonly value: ExprCode }
  | { readonly kind: 'set-all'; readonly sets: readonly SetCode[] }
  | { readonly kind: 'store'; readonly buffer: string; readonly index: Dim; readonly value: ExprCode }
  /** What only targets with workgroups have. */
  | { readonly kind: 'barrier' | 'fold' }
  | { readonly kind: 'if'; readonly condition: ExprCode; readonly then: readonly StmtCode[]; readonly else: readonly StmtCode[] }

/** A kernel as JSON: what `ProgramKernel.code` holds for the `js` target. */
export interface KernelCode {
  readonly name: string
  readonly params: readonly string[]
  readonly buffers: readonly { readonly name: string; readonly dtype: string }[]
  readonly body: readonly StmtCode[]
}
