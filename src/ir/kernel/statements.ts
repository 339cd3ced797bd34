/** Statements of hand-written kernels. */
import type { Dim } from '../dims.js'
import type { Expr, RegisterType } from './expr.js'
import type { Stmt } from './kernel.js'

/** An integer local. */
export const indexIs = (name: string, value: Dim): Stmt => ({ kind: 'index', name, value })
/** An integer local that a register holds, which certainly lies in [0, extent). */
export const indexFrom = (name: string, value: Expr, extent: Dim): Stmt => ({ kind: 'data-index', name, value, extent, sure: true })
/** A register that stays as it is. */
export const letBe = (name: string, type: RegisterType, value: Expr): Stmt => ({ kind: 'let', name, type, value })
/** A register that changes. */
export const varOf = (name: string, type: RegisterType, value: Expr): Stmt => ({ kind: 'var', name, type, value })
export const setTo = (name: string, value: Expr): Stmt => ({ kind: 'set', name, value })
export const storeTo = (buffer: string, index: Dim, value: Expr): Stmt => ({ kind: 'store', buffer, index, value })
/** `body` for every `variable` from 0 on. */
export const loopTo = (variable: string, hi: Dim, body: readonly Stmt[], step = 1): Stmt => ({ kind: 'for', variable, lo: 0, hi, step, body })
/** Iterations that have nothing to do with one another. */
export const eachOf = (variable: string, hi: Dim, body: readonly Stmt[]): Stmt => ({ kind: 'for', variable, lo: 0, hi, step: 1, parallel: true, body })
/** The invocations of a workgroup. */
export const invocations = (variable: string, count: number, body: readonly Stmt[]): Stmt => ({ kind: 'for', variable, lo: 0, hi: count, step: 1, local: true, body })
export const when = (condition: Expr, then: readonly Stmt[]): Stmt => ({ kind: 'if', condition, then, else: [] })
export const BARRIER: Stmt = { kind: 'barrier' }
