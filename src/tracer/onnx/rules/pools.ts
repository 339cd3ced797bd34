/** Rules for pools. */
import type { Attrs } from '../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { axesFrom } from './compose.js'
import { windowOf } from './window.js'

function poolOf(call: NodeCall): Attrs {
  call.arity(1)
  const kernel = call.attrs.ints('kernel_shape', undefined) ?? call.fail('bad-attribute', 'kernel_shape is missing')
  const { strides, dilations, pads } = windowOf(call, kernel)
  return { kernel, strides, dilations, pads, ceil_mode: call.attrs.bool('ceil_mode', false) }
}

const maxPool: Rule = (call) => {
  const pool = poolOf(call), order = call.attrs.int('storage_order', 0)
  const y = call.emit('max_pool', [call.input(0)], pool)
  return call.wants(1) ? [y, call.emit('max_pool_indices', [call.input(0)], { ...pool, storage_order: order }, 1)] : y
}

const averagePool: Rule = (call) => call.emit('average_pool', [call.input(0)], { ...poolOf(call), count_include_pad: call.attrs.bool('count_include_pad', false) })

const lpPool: Rule = (call) => call.emit('lp_pool', [call.input(0)], { ...poolOf(call), p: norm(call) })

const norm = (call: NodeCall): number => (call.opset < 2 ? call.attrs.float('p', 2) : call.attrs.int('p', 2))

const global = (op: string): Rule => (call) => {
  call.arity(1)
  return call.emit(op, [call.input(0)], { axes: axesFrom(2, call.shape(0).length), keepdims: true })
}

const globalLpPool: Rule = (call) => {
  call.arity(1)
  const p = norm(call), x = call.input(0), attrs = { axes: axesFrom(2, call.shape(0).length), keepdims: true }
  if (p === 1 || p === 2) return call.emit(p === 1 ? 'reduce_l1' : 'reduce_l2', [x], attrs)
  const power = call.add('pow', [call.add('abs', [x]), call.scalar(call.dtype(0), p)])
  return call.emit('pow', [call.add('reduce_sum', [power], attrs), call.scalar(call.dtype(0), 1 / p)])
}

/** Pools of the default domain. */
export const POOLS: RuleTable = {
  MaxPool: always(maxPool),
  AveragePool: always(averagePool),
  LpPool: always(lpPool),
  GlobalAveragePool: always(global('reduce_mean')),
  GlobalMaxPool: always(global('reduce_max')),
  GlobalLpPool: always(globalLpPool),
}
