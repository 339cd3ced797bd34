/** Hand-made computes with their naive arithmetic: what schedules must not change. Elements are small integers, so sums are exact in any order. */
import { max, min, mul, sub, type Dim } from '../../src/ir/dims.js'
import type { Compute } from '../../src/ir/kernel/compute.js'
import { binary, cast, constant, indexValue, load, local, unary, type Expr } from '../../src/ir/kernel/expr.js'

export interface Case {
  readonly compute: Compute
  readonly params: Readonly<Record<string, number>>
  readonly inputs: Readonly<Record<string, Float32Array | BigInt64Array>>
  readonly outputs: number
  readonly expected: Float32Array
}

const zero = constant('f32', 0)
const inBuffer = (name: string, shape: readonly Dim[]) => ({ name, dtype: 'float32', shape, role: 'in' } as const)
const outBuffer = (shape: readonly Dim[]) => ({ name: 'y0', dtype: 'float32', shape, role: 'out' } as const)

/** Small integers in a fixed pattern. */
export function integers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((i * 7 + seed * 13 + ((i * i) % 11)) % 9) - 4)
}

/** y[i, j] = Σ x[i, k]·w[k, j]; extents are numbers, or symbols where `symbolic`. */
export function matmulCase(m: number, k: number, n: number, symbolic = false): Case {
  const [M, K, N]: Dim[] = symbolic ? ['M', 'K', 'N'] : [m, k, n]
  const compute: Compute = {
    name: 'matmul', buffers: [inBuffer('x0', [M as Dim, K as Dim]), inBuffer('x1', [K as Dim, N as Dim]), outBuffer([M as Dim, N as Dim])],
    axes: [{ name: 'i', hi: M as Dim }, { name: 'j', hi: N as Dim }],
    stages: [
      { kind: 'reduce', axes: [{ name: 'k', hi: K as Dim }], lets: [], accumulators: [{ name: 'acc', type: 'f32', init: zero, combine: 'add', value: binary('mul', load('x0', ['i', 'k']), load('x1', ['k', 'j'])) }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['i', 'j'], value: local('acc', 'f32') },
    ],
  }
  const x0 = integers(m * k, 1), x1 = integers(k * n, 2), expected = new Float32Array(m * n)
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) {
    let sum = 0
    for (let p = 0; p < k; p++) sum += (x0[i * k + p] as number) * (x1[p * n + j] as number)
    expected[i * n + j] = sum
  }
  return { compute, params: symbolic ? { M: m, K: k, N: n } : {}, inputs: { x0, x1 }, outputs: m * n, expected }
}

/** Row-wise softmax without the scale: y[i, j] = max_j x − x[i, j] + Σ_j x; three stages that share the axis name `j`. */
export function rowCase(rows: number, columns: number, symbolic = false): Case {
  const [R, C]: Dim[] = symbolic ? ['R', 'C'] : [rows, columns]
  const x = load('x0', ['i', 'j']), j = { name: 'j', hi: C as Dim }
  const compute: Compute = {
    name: 'rows', buffers: [inBuffer('x0', [R as Dim, C as Dim]), outBuffer([R as Dim, C as Dim])],
    axes: [{ name: 'i', hi: R as Dim }],
    stages: [
      { kind: 'reduce', axes: [j], lets: [], accumulators: [{ name: 'm', type: 'f32', init: constant('f32', '-inf'), combine: 'max', value: x }] },
      { kind: 'let', lets: [{ kind: 'value', name: 'twice', type: 'f32', value: binary('add', local('m', 'f32'), local('m', 'f32')) }] },
      { kind: 'reduce', axes: [j], lets: [{ kind: 'value', name: 'd', type: 'f32', value: binary('sub', local('twice', 'f32'), x) }], accumulators: [{ name: 's', type: 'f32', init: zero, combine: 'add', value: local('d', 'f32') }] },
      { kind: 'store', axes: [j], lets: [], buffer: 'y0', index: ['i', 'j'], value: binary('add', binary('sub', local('m', 'f32'), x), binary('mul', local('s', 'f32'), local('s', 'f32'))) },
    ],
  }
  const x0 = integers(rows * columns, 3), expected = new Float32Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    const row = x0.subarray(i * columns, (i + 1) * columns)
    const top = Math.max(...row)
    const sum = row.reduce((s, v) => s + 2 * top - v, 0)
    row.forEach((v, c) => { expected[i * columns + c] = top - v + sum * sum })
  }
  return { compute, params: symbolic ? { R: rows, C: columns } : {}, inputs: { x0 }, outputs: rows * columns, expected }
}

/** A 3×3 convolution with one element of zero padding; the taps are clamped to those that read inside. */
export function convCase(channels: number, height: number, width: number, filters: number, symbolic = false): Case {
  const [H, W]: Dim[] = symbolic ? ['H', 'W'] : [height, width]
  const tap = (name: string, o: Dim, extent: Dim) => ({ name, lo: max(0, sub(1, o)), hi: min(3, sub(mul(1, extent), sub(o, 1))) })
  const compute: Compute = {
    name: 'conv', buffers: [inBuffer('x0', [channels, H as Dim, W as Dim]), inBuffer('x1', [filters, channels, 3, 3]), outBuffer([filters, H as Dim, W as Dim])],
    axes: [{ name: 'm', hi: filters }, { name: 'oh', hi: H as Dim }, { name: 'ow', hi: W as Dim }],
    stages: [
      {
        kind: 'reduce', axes: [{ name: 'c', hi: channels }, tap('kh', 'oh', H as Dim), tap('kw', 'ow', W as Dim)], lets: [],
        accumulators: [{ name: 'acc', type: 'f32', init: zero, combine: 'add', value: binary('mul', load('x0', ['c', ['+', 'oh', 'kh', -1], ['+', 'ow', 'kw', -1]]), load('x1', ['m', 'c', 'kh', 'kw'])) }],
      },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['m', 'oh', 'ow'], value: unary('neg', local('acc', 'f32')) },
    ],
  }
  const x0 = integers(channels * height * width, 4), x1 = integers(filters * channels * 9, 5), expected = new Float32Array(filters * height * width)
  for (let m = 0; m < filters; m++) for (let oh = 0; oh < height; oh++) for (let ow = 0; ow < width; ow++) {
    let sum = 0
    for (let c = 0; c < channels; c++) for (let kh = 0; kh < 3; kh++) for (let kw = 0; kw < 3; kw++) {
      const y = oh + kh - 1, x = ow + kw - 1
      if (y >= 0 && y < height && x >= 0 && x < width) sum += (x0[(c * height + y) * width + x] as number) * (x1[((m * channels + c) * 3 + kh) * 3 + kw] as number)
    }
    expected[(m * height + oh) * width + ow] = -sum
  }
  return { compute, params: symbolic ? { H: height, W: width } : {}, inputs: { x0, x1 }, outputs: filters * height * width, expected }
}

/** y[i, j] = x[i, j] + b[j] + j, with the sum used twice. */
export function broadcastCase(rows: number, columns: number, symbolic = false): Case {
  const [R, C]: Dim[] = symbolic ? ['R', 'C'] : [rows, columns]
  const sum: Expr = binary('add', load('x0', ['i', 'j']), load('x1', ['j']))
  const compute: Compute = {
    name: 'add', buffers: [inBuffer('x0', [R as Dim, C as Dim]), inBuffer('x1', [C as Dim]), outBuffer([R as Dim, C as Dim])],
    axes: [{ name: 'i', hi: R as Dim }, { name: 'j', hi: C as Dim }],
    stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['i', 'j'], value: binary('mul', sum, binary('add', sum, cast('f32', indexValue('j')))) }],
  }
  const x0 = integers(rows * columns, 6), x1 = integers(columns, 7)
  const expected = Float32Array.from(x0, (v, i) => (v + (x1[i % columns] as number)) * (v + (x1[i % columns] as number) + (i % columns)))
  return { compute, params: symbolic ? { R: rows, C: columns } : {}, inputs: { x0, x1 }, outputs: rows * columns, expected }
}

/** y[r, j] = x[indices[r], j]; indices count from the end where negative. */
export function gatherCase(rows: number, columns: number, indices: readonly number[]): Case {
  const compute: Compute = {
    name: 'gather', buffers: [inBuffer('x0', ['R', columns]), { name: 'x1', dtype: 'int64', shape: [indices.length], role: 'in' }, outBuffer([indices.length, columns])],
    axes: [{ name: 'r', hi: indices.length }, { name: 'j', hi: columns }],
    stages: [{ kind: 'store', axes: [], lets: [{ kind: 'data-index', name: 'g', value: load('x1', ['r']), extent: 'R' }], buffer: 'y0', index: ['r', 'j'], value: load('x0', ['g', 'j']) }],
  }
  const x0 = integers(rows * columns, 8)
  const expected = Float32Array.from({ length: indices.length * columns }, (_, i) => {
    const r = indices[Math.floor(i / columns)] as number
    return x0[(r < 0 ? r + rows : r) * columns + (i % columns)] as number
  })
  return { compute, params: { R: rows }, inputs: { x0, x1: BigInt64Array.from(indices.map(BigInt)) }, outputs: indices.length * columns, expected }
}

/**
 * y[i, j] = t[i, C − 1 − j] + where the first greatest x of row i stands, and t[i, j] = 2·x[i, j] kept in scratch memory and then
 * doubled in place: accumulators that read each other, and stages that read what stages before them wrote.
 */
export function scratchCase(rows: number, columns: number, symbolic = false): Case {
  const [R, C]: Dim[] = symbolic ? ['R', 'C'] : [rows, columns]
  const x = load('x0', ['i', 'j']), j = { name: 'j', hi: C as Dim }
  const better = binary('gt', x, local('best', 'f32'))
  const scratch = (value: Expr) => ({ kind: 'store', axes: [j], lets: [], buffer: 't0', index: ['i', 'j'], value } as const)
  const compute: Compute = {
    name: 'scratch', buffers: [inBuffer('x0', [R as Dim, C as Dim]), outBuffer([R as Dim, C as Dim]), { name: 't0', dtype: 'float32', shape: [R as Dim, C as Dim], role: 'temp' }],
    axes: [{ name: 'i', hi: R as Dim }],
    stages: [
      {
        kind: 'reduce', axes: [j], lets: [], accumulators: [
          { name: 'best', type: 'f32', init: constant('f32', '-inf'), value: { kind: 'select', condition: better, a: x, b: local('best', 'f32') } },
          { name: 'at', type: 'f32', init: zero, value: { kind: 'select', condition: better, a: cast('f32', indexValue('j')), b: local('at', 'f32') } },
        ],
      },
      scratch(x),
      { kind: 'let', lets: [{ kind: 'value', name: 'before', type: 'f32', value: load('t0', ['i', 0]) }] },
      scratch(binary('add', load('t0', ['i', 'j']), load('t0', ['i', 'j']))),
      { kind: 'store', axes: [j], lets: [], buffer: 'y0', index: ['i', 'j'], value: binary('add', binary('add', load('t0', ['i', sub(sub(C as Dim, 1), 'j')]), local('at', 'f32')), local('before', 'f32')) },
    ],
  }
  const x0 = integers(rows * columns, 9), expected = new Float32Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    const row = x0.subarray(i * columns, (i + 1) * columns), at = row.indexOf(Math.max(...row))
    row.forEach((_, c) => { expected[i * columns + c] = 2 * (row[columns - 1 - c] as number) + at + (row[0] as number) })
  }
  return { compute, params: symbolic ? { R: rows, C: columns } : {}, inputs: { x0 }, outputs: rows * columns, expected }
}
