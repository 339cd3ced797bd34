/**
 * Folds of a workgroup by subgroups. WGSL does not say how invocations are numbered in subgroups, nor that these are full: each
 * leaves what it folded where one of its own invocations has its number, and then every subgroup folds what all have left.
 */
import type { Fold } from '../../ir/kernel/kernel.js'
import { renderExpr, type WgslScope, type WgslType } from './expression.js'

/** What folds need of the subgroup, first in the shader: how many invocations it has here, and how many of them come before this one. */
export const SUBGROUP = '  let subgroup_count = subgroupAdd(1u);\n  let subgroup_rank = subgroupExclusiveAdd(1u);'

/** The built-in function, what a fold begins with, and how two values fold. */
type Way = readonly [call: string, identity: (scope: FoldScope) => string, fold: (a: string, b: string) => string]

const WAYS: Readonly<Record<Fold['op'], Way>> = {
  add: ['subgroupAdd', () => '0f', (a, b) => `${a} + ${b}`],
  mul: ['subgroupMul', () => '1f', (a, b) => `${a} * ${b}`],
  max: ['subgroupMax', (scope) => `-${scope.use('infinity')}()`, (a, b) => `max(${a}, ${b})`],
  min: ['subgroupMin', (scope) => `${scope.use('infinity')}()`, (a, b) => `min(${a}, ${b})`],
}

/** Scopes that take new names. */
export interface FoldScope extends WgslScope {
  temporary(name: string): string
  /** Elements of a shared buffer. */
  lengthOf(buffer: string): number
  declareRegister(name: string, type: WgslType): string
}

/** A fold of all of a workgroup. */
export function renderFold({ name, op, value, buffer }: Fold, scope: FoldScope, indent: string): string {
  const [call, identity, fold] = WAYS[op], { id } = scope.buffer(buffer), all = scope.temporary(name), first = identity(scope)
  return [
    `${id}[local] = select(${first}, ${call}(${renderExpr(value, scope).text}), subgroupElect());`,
    'workgroupBarrier();',
    `var ${all}: f32 = ${first};`,
    `for (var slot = subgroup_rank; slot < ${scope.lengthOf(buffer)}u; slot += subgroup_count) { ${all} = ${fold(all, `${id}[slot]`)}; }`,
    `let ${scope.declareRegister(name, 'f32')}: f32 = ${call}(${all});`,
  ].join(`\n${indent}`)
}
