/**
 * The kernel of linear_attention. Columns of a state have nothing to do with one another: on a GPU an invocation has one for all steps; elsewhere
 * the columns of a state lie side by side and go through each step together.
 */
import { add, dimsEqual, floorDiv, mod, mul, product, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { constant, load, local, REGISTER, type Expr } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { eachOf, indexIs, letBe, loopTo, setTo, storeTo, varOf } from '../kernel/statements.js'
import type { TensorType } from '../types.js'
import { minus, number, plus, times } from './expressions.js'
import { kernelOf } from './hand-written.js'

export const LINEAR_ATTENTION_ATTRS = { heads: 'int', query_heads: 'int', scale: 'float' } as const
export interface LinearAttentionAttrs { readonly heads: number; readonly query_heads: number; readonly scale: number }

/** The kernel. */
export function linearAttentionKernel(ctx: ComputeContext<LinearAttentionAttrs>): Kernel {
  const [, state] = ctx.outputs as readonly [TensorType, TensorType], type = REGISTER[state.dtype], [batch, heads, size, width] = state.shape as readonly [Dim, Dim, Dim, Dim], steps = ctx.inputs[0]?.shape[1] as Dim
  const place = add(mul(add(mul('r', size), 'd'), width), 'm'), start: Expr = ctx.inputs[3] == null ? constant(type, 0) : load('x3', [place])
  const begin = loopTo('d', size, [storeTo('y1', place, start)]), step = stepOf(ctx, place)
  const rows: readonly Stmt[] = [indexIs('b', floorDiv('r', heads)), indexIs('h', mod('r', heads))]
  if (ctx.gpu !== undefined) {
    return kernelOf('linear_attention', ctx, [eachOf('point', product([batch, heads, width]), [indexIs('m', mod('point', width)), indexIs('r', floorDiv('point', width)), ...rows, begin, loopTo('t', steps, step)])])
  }
  return kernelOf('linear_attention', ctx, [eachOf('r', mul(batch, heads), [...rows, eachOf('m', width, [begin]), loopTo('t', steps, [eachOf('m', width, step)])])])
}

/** What column `m` of state `r` goes through in step `t`. */
function stepOf(ctx: ComputeContext<LinearAttentionAttrs>, place: Dim): readonly Stmt[] {
  const [, state] = ctx.outputs as readonly [TensorType, TensorType], type = REGISTER[state.dtype], [, heads, size, width] = state.shape as readonly [Dim, Dim, Dim, Dim], { query_heads: queryHeads, scale } = ctx.attrs, shared = queryHeads / ctx.attrs.heads
  const row = add(mul('b', ctx.inputs[0]?.shape[1] as Dim), 't'), of = (i: number, at: Dim): Expr => load(`x${i}`, [add(mul(row, ctx.inputs[i]?.shape[2] as Dim), at)])
  const key = of(1, add(mul('h', size), 'd')), value = of(2, add(mul('h', width), 'm')), decay = ctx.inputs[4], rate = ctx.inputs[5]
  const perHead = decay != null && dimsEqual(decay.shape[2] as Dim, heads), held = load('y1', [place]), kept = decay == null ? held : times(perHead ? local('decay', type) : of(4, add(mul('h', size), 'd')), held)
  const written = letBe('written', type, rate == null ? value : times(of(5, rate.shape[2] === 1 ? 0 : 'h'), minus(value, local('found', type))))
  const find = rate == null ? [] : [varOf('found', type, constant(type, 0)), loopTo('d', size, [setTo('found', plus(local('found', type), times(kept, key)))])]
  const read = loopTo('g', shared, [
    varOf('sum', type, constant(type, 0)),
    loopTo('d', size, [setTo('sum', plus(local('sum', type), times(of(0, add(mul(add(mul('h', shared), 'g'), size), 'd')), held)))]),
    storeTo('y0', add(mul(add(mul(row, queryHeads), mul('h', shared), 'g'), width), 'm'), times(number(type, scale), local('sum', type))),
  ])
  return [...(perHead ? [letBe('decay', type, of(4, 'h'))] : []), ...find, written, loopTo('d', size, [storeTo('y1', place, plus(kept, times(key, local('written', type))))]), read]
}
