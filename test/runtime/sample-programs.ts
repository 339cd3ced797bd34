/** Programs written by hand, small enough to check by hand. */
import type { Dim } from '../../src/base/dim.js'
import type { ProgramBuffer, ProgramData, ProgramHeader } from '../../src/runtime/format.js'

const arena = (dtype: ProgramBuffer['dtype'], length: Dim, first: number, last: number, offset?: number): ProgramBuffer =>
  ({ dtype, length, place: 'arena', first, last, ...(offset === undefined ? {} : { offset }) })

const load = (buffer: string, index: Dim): object => ({ kind: 'load', buffer, index: [index] })

/** `y[i] = x[i] * w[i mod 3]` over `rows` rows of 3. */
const SCALE = {
  name: 'scale', params: ['rows'],
  buffers: [
    { name: 'x', dtype: 'float32', length: ['*', 3, 'rows'], role: 'in' },
    { name: 'w', dtype: 'float32', length: 3, role: 'in' },
    { name: 'y', dtype: 'float32', length: ['*', 3, 'rows'], role: 'out' },
  ],
  body: [{ kind: 'for', variable: 'i', lo: 0, hi: ['*', 3, 'rows'], step: 1, body: [
    { kind: 'store', buffer: 'y', index: 'i', value: { kind: 'binary', op: 'mul', a: load('x', 'i'), b: load('w', ['mod', 'i', 3]) } },
  ] }],
}

/** `y[i] = x[i] + z[i]` over `n` elements. */
const ADD = {
  name: 'add', params: ['n'],
  buffers: ['x', 'z', 'y'].map((name) => ({ name, dtype: 'float32', length: 'n', role: name === 'y' ? 'out' : 'in' })),
  body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [
    { kind: 'store', buffer: 'y', index: 'i', value: { kind: 'binary', op: 'add', a: load('x', 'i'), b: load('z', 'i') } },
  ] }],
}

const scaledConstants = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)

/**
 * `y = x * [2, 3, 5]`, `sum = y + z`, `flat` is `y` again as one axis; x and z are [batch, 3], and batch may be at most 100.
 * Symbolic: offsets come at bind.
 */
export function scaleAdd(changes: Partial<ProgramHeader> = {}): ProgramData {
  const n: Dim = ['*', 3, 'batch']
  return {
    header: {
      name: 'scale-add', target: 'js', producer: 'test',
      symbols: [{ name: 'batch', kind: 'extent', input: 0, axis: 0 }],
      constraints: [{ kind: 'le', a: 'batch', b: 100, why: 'the positions of node "embed"' }],
      inputs: [
        { name: 'x', dtype: 'float32', shape: ['batch', 3], buffer: 0 },
        { name: 'z', dtype: 'float32', shape: ['batch', 3], buffer: 1 },
      ],
      outputs: [
        { name: 'sum', dtype: 'float32', shape: ['batch', 3], buffer: 4 },
        { name: 'flat', dtype: 'float32', shape: [n], buffer: 5 },
        { name: 'tail', dtype: 'float32', shape: [['+', n, -1]], buffer: 6 },
      ],
      buffers: [
        arena('float32', n, 0, 0), arena('float32', n, 0, 1),
        { dtype: 'float32', length: 3, place: 'constant', first: 0, last: 1 },
        arena('float32', n, 0, 1), arena('float32', n, 1, 1),
        { dtype: 'float32', length: n, place: 'arena', alias: 3, first: 0, last: 1 },
        { dtype: 'float32', length: ['+', n, -1], place: 'arena', alias: 5, aliasOffset: 4, first: 0, last: 1 },
      ],
      steps: [
        { kernel: 0, buffers: [0, 2, 3], params: ['batch'], flops: n, origin: 'node "scale"' },
        { kernel: 1, buffers: [3, 1, 4], params: [n], flops: n, origin: 'node "add"' },
      ],
      kernels: [{ name: 'scale', code: SCALE }, { name: 'add', code: ADD }],
      constants: [{ name: 'w', dtype: 'float32', shape: [3], offset: 0, bytes: 12, buffer: 2 }],
      ...changes,
    },
    sections: { constants: scaledConstants([2, 3, 5]) },
  }
}

/** `y = table[ids]`: ids int64 [2], table float32 [3] constant. Static, with offsets. */
export function gatherTwo(): ProgramData {
  const kernel = {
    name: 'gather', params: [],
    buffers: [
      { name: 'table', dtype: 'float32', length: 3, role: 'in' }, { name: 'ids', dtype: 'int64', length: 2, role: 'in' }, { name: 'y', dtype: 'float32', length: 2, role: 'out' },
    ],
    body: [{ kind: 'for', variable: 'i', lo: 0, hi: 2, step: 1, body: [
      { kind: 'data-index', name: 'j', value: load('ids', 'i'), extent: 3 },
      { kind: 'store', buffer: 'y', index: 'i', value: load('table', 'j') },
    ] }],
  }
  return {
    header: {
      name: 'gather-two', target: 'js', producer: 'test', symbols: [], constraints: [],
      inputs: [{ name: 'ids', dtype: 'int64', shape: [2], buffer: 1 }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [2], buffer: 2 }],
      buffers: [{ dtype: 'float32', length: 3, place: 'constant', first: 0, last: 0 }, arena('int64', 2, 0, 0, 0), arena('float32', 2, 0, 0, 64)],
      steps: [{ kernel: 0, buffers: [0, 1, 2], params: [], origin: 'node "lookup"' }],
      kernels: [{ name: 'gather', code: kernel }],
      constants: [{ name: 'table', dtype: 'float32', shape: [3], offset: 0, bytes: 12, buffer: 0 }],
    },
    sections: { constants: scaledConstants([10, 20, 30]) },
  }
}

/**
 * `y = x * (a * [2, 3, 5] + b)` with a = [1, 2, 3] and b = [10, 20, 30], of which the factor [12, 26, 45] is made at load, in two
 * steps; b is put where a was. x is [batch, 3].
 */
export function preparedFactor(): ProgramData {
  const n: Dim = ['*', 3, 'batch'], made = (offset: number, first: number, last: number): ProgramBuffer => ({ dtype: 'float32', length: 3, place: 'constant', offset, first, last })
  return {
    header: {
      name: 'prepared-factor', target: 'js', producer: 'test', constraints: [],
      symbols: [{ name: 'batch', kind: 'extent', input: 0, axis: 0 }],
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 3], buffer: 0 }], outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 3], buffer: 1 }],
      buffers: [
        arena('float32', n, 0, 0), arena('float32', n, 0, 0), { dtype: 'float32', length: 3, place: 'constant', first: 0, last: 0 },
        made(64, 0, 1), made(128, 0, 0), made(128, 1, 1), made(192, 1, 2),
      ],
      steps: [{ kernel: 0, buffers: [0, 6, 1], params: ['batch'], origin: 'node "scale"' }],
      kernels: [{ name: 'scale', code: SCALE }, { name: 'add', code: ADD }],
      constants: [{ name: 'w', dtype: 'float32', shape: [3], offset: 0, bytes: 12, buffer: 2 }],
      prepare: {
        bytes: 204,
        steps: [{ kernel: 0, buffers: [4, 2, 3], params: [1], origin: 'node "factor"' }, { kernel: 1, buffers: [3, 5, 6], params: [3], origin: 'node "shift"' }],
        raw: [{ name: 'a', dtype: 'float32', shape: [3], buffer: 4 }, { name: 'b', dtype: 'float32', shape: [3], buffer: 5 }],
      },
    },
    sections: { constants: scaledConstants([2, 3, 5]), raw0: scaledConstants([1, 2, 3]), raw1: scaledConstants([10, 20, 30]) },
  }
}

/** Passes its input through: `y` shares the buffer of `x`; any dtype and shape. `symbols` are extents of x, in order of their axes. */
export function identity(dtype: ProgramBuffer['dtype'], shape: readonly Dim[], more: Partial<ProgramHeader> = {}): ProgramData {
  const symbols = shape.flatMap((dim, axis) => (typeof dim === 'string' ? [{ name: dim, kind: 'extent' as const, input: 0, axis }] : []))
  const length: Dim = shape.length === 0 ? 1 : ['*', ...shape]
  return {
    header: {
      name: 'identity', target: 'js', producer: 'test', constraints: [],
      symbols: symbols.filter((s, i) => symbols.findIndex((t) => t.name === s.name) === i),
      inputs: [{ name: 'x', dtype, shape, buffer: 0 }], outputs: [{ name: 'y', dtype, shape, buffer: 1 }],
      buffers: [arena(dtype, length, 0, 0), { ...arena(dtype, length, 0, 0), alias: 0 }],
      steps: [], kernels: [], constants: [],
      ...more,
    },
    sections: {},
  }
}

/** `y[i] = i` for i below the one element of the int64 input `count`. */
export function countUp(): ProgramData {
  const kernel = {
    name: 'count', params: ['n'], buffers: [{ name: 'y', dtype: 'float32', length: 'n', role: 'out' }],
    body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [{ kind: 'store', buffer: 'y', index: 'i', value: { kind: 'cast', to: 'f32', x: { kind: 'index', index: 'i' } } }] }],
  }
  return {
    header: {
      name: 'count-up', target: 'js', producer: 'test', constraints: [],
      symbols: [{ name: 'n', kind: 'element', input: 0, index: 0 }],
      inputs: [{ name: 'count', dtype: 'int64', shape: [1], buffer: 0 }], outputs: [{ name: 'y', dtype: 'float32', shape: ['n'], buffer: 1 }],
      buffers: [arena('int64', 1, 0, 0), arena('float32', 'n', 0, 0)],
      steps: [{ kernel: 0, buffers: [1], params: ['n'], origin: 'node "range"' }],
      kernels: [{ name: 'count', code: kernel }], constants: [],
    },
    sections: {},
  }
}

/** The program with a buffer of n · 2^30 elements more. */
export function withScratch({ header, sections }: ProgramData): ProgramData {
  return { header: { ...header, buffers: [...header.buffers, arena('float32', ['*', 2 ** 30, 'n'], 0, 0)] }, sections }
}
