/** Kernels written by hand that several renderers' tests share. */
import type { Dim } from '../../src/base/dim.js'
import { binary, constant, load, local, unary, type Expr } from '../../src/ir/kernel/expr.js'
import type { Kernel, Stmt } from '../../src/ir/kernel/kernel.js'

const times = (...dims: Dim[]): Dim => ['*', ...dims]
const plus = (...dims: Dim[]): Dim => ['+', ...dims]

/** An `if` statement. */
export function ifStmt(condition: Expr, then: readonly Stmt[], otherwise: readonly Stmt[] = []): Stmt {
  return { kind: 'if', condition, then, else: otherwise }
}

/** y = relu(a·w) with accumulators in a 4×4 tile; extents are multiples of 4. */
export function tiledMatmul(m: Dim, k: Dim, n: Dim): Kernel {
  const body: Stmt[] = []
  const at = (axis: string, d: number): Dim => (d === 0 ? axis : plus(axis, d))
  for (let r = 0; r < 4; r++) body.push({ kind: 'index', name: `row${r}`, value: times(at('i', r), k) })
  for (let r = 0; r < 4; r++) for (let c = 0; c < 4; c++) body.push({ kind: 'var', name: `acc${r}${c}`, type: 'f32', value: constant('f32', 0) })
  const inner: Stmt[] = [{ kind: 'index', name: 'col', value: plus(times('p', n), 'j') }]
  for (let r = 0; r < 4; r++) inner.push({ kind: 'let', name: `a${r}`, type: 'f32', value: load('x0', [plus(`row${r}`, 'p')]) })
  for (let c = 0; c < 4; c++) inner.push({ kind: 'let', name: `b${c}`, type: 'f32', value: load('x1', [at('col', c)]) })
  for (let r = 0; r < 4; r++) {
    for (let c = 0; c < 4; c++) {
      inner.push({ kind: 'set', name: `acc${r}${c}`, value: binary('add', local(`acc${r}${c}`, 'f32'), binary('mul', local(`a${r}`, 'f32'), local(`b${c}`, 'f32'))) })
    }
  }
  body.push({ kind: 'for', variable: 'p', lo: 0, hi: k, step: 1, body: inner })
  for (let r = 0; r < 4; r++) {
    for (let c = 0; c < 4; c++) {
      body.push({ kind: 'store', buffer: 'y0', index: plus(times(at('i', r), n), at('j', c)), value: binary('max', local(`acc${r}${c}`, 'f32'), constant('f32', 0)) })
    }
  }
  const params = [...new Set([m, k, n].filter((d) => typeof d === 'string'))]
  return {
    name: `matmul_relu_${[m, k, n].join('x')}`, params,
    buffers: [
      { name: 'x0', dtype: 'float32', length: times(m, k), role: 'in' },
      { name: 'x1', dtype: 'float32', length: times(k, n), role: 'in' },
      { name: 'y0', dtype: 'float32', length: times(m, n), role: 'out' },
    ],
    body: [{ kind: 'for', variable: 'i', lo: 0, hi: m, step: 4, parallel: true, body: [{ kind: 'for', variable: 'j', lo: 0, hi: n, step: 4, body }] }],
  }
}

/** y = softmax of each of `rows` rows of `columns` elements. */
export function softmaxRows(rows: Dim, columns: Dim): Kernel {
  const x = load('x0', [plus('base', 'j')])
  const exp: Expr = unary('exp', binary('sub', x, local('m', 'f32')))
  const over = (body: readonly Stmt[]): Stmt => ({ kind: 'for', variable: 'j', lo: 0, hi: columns, step: 1, body })
  return {
    name: `softmax_${rows}x${columns}`, params: [...new Set([rows, columns].filter((d) => typeof d === 'string'))],
    buffers: [{ name: 'x0', dtype: 'float32', length: times(rows, columns), role: 'in' }, { name: 'y0', dtype: 'float32', length: times(rows, columns), role: 'out' }],
    body: [{
      kind: 'for', variable: 'i', lo: 0, hi: rows, step: 1, parallel: true, body: [
        { kind: 'index', name: 'base', value: times('i', columns) },
        { kind: 'var', name: 'm', type: 'f32', value: constant('f32', '-inf') },
        over([{ kind: 'set', name: 'm', value: binary('max', local('m', 'f32'), x) }]),
        { kind: 'var', name: 's', type: 'f32', value: constant('f32', 0) },
        over([{ kind: 'set', name: 's', value: binary('add', local('s', 'f32'), exp) }]),
        over([{ kind: 'store', buffer: 'y0', index: plus('base', 'j'), value: binary('div', exp, local('s', 'f32')) }]),
      ],
    }],
  }
}

/** y[i] = value, an expression over loop variable `i`, for `length` elements. */
export function mapKernel(name: string, inputs: readonly (readonly [string, Kernel['buffers'][number]['dtype']])[], output: Kernel['buffers'][number]['dtype'], value: Expr, length: Dim = 'n'): Kernel {
  return {
    name, params: typeof length === 'string' ? [length] : [],
    buffers: [...inputs.map(([b, dtype]) => ({ name: b, dtype, length, role: 'in' as const })), { name: 'y0', dtype: output, length, role: 'out' }],
    body: [{ kind: 'for', variable: 'i', lo: 0, hi: length, step: 1, parallel: true, body: [{ kind: 'store', buffer: 'y0', index: 'i', value }] }],
  }
}
