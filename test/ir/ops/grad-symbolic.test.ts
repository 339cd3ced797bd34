import { describe, expect, it } from 'vitest'
import { evaluateDim } from '../../../src/base/dim.js'
import type { DType, HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import { GraphBuilder } from '../../../src/ir/build.js'
import type { Dim } from '../../../src/ir/dims.js'
import { shapeOf, type Attr, type Attrs, type Value } from '../../../src/ir/graph.js'
import { fromNumbers, seededTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { tensorType, type TensorType } from '../../../src/ir/types.js'
import { verifyGraph } from '../../../src/ir/verify.js'
import { load } from '../../../src/runtime/session.js'
import { distance } from '../../passes/same-results.js'
import { gradientsOf } from './host-gradients.js'

interface Input { readonly shape: readonly Dim[]; readonly dtype?: DType; readonly range?: readonly [number, number] }
interface Case { readonly op: string; readonly inputs: readonly (Input | null)[]; readonly attrs?: Attrs; readonly symbols?: Readonly<Record<string, number>> }

const WINDOW = { strides: [2, 1], dilations: [1, 2], pads: [1, 0, 1, 2] }
const POOL = { kernel: [3, 2], strides: [2, 2], dilations: [1, 1], pads: [1, 0, 1, 0], ceil_mode: true }
const RESIZE = { mode: 'linear', coordinates: 'half_pixel', nearest_mode: 'round_prefer_floor', cubic_a: -0.75, exclude_outside: false, extrapolation: 0, antialias: false }
const INDICES: Input = { shape: ['k'], dtype: 'int64', range: [0, 3] }

const CASES: readonly Case[] = [
  { op: 'add', inputs: [{ shape: ['n', 1, 4] }, { shape: ['h', 1] }] },
  { op: 'div', inputs: [{ shape: ['n', 4] }, { shape: [], range: [1, 2] }] },
  { op: 'maximum', inputs: [{ shape: ['n', 4] }, { shape: [4] }] },
  { op: 'floor', inputs: [{ shape: ['n', 4] }] },
  { op: 'where', inputs: [{ shape: ['n', 1], dtype: 'bool' }, { shape: ['n', 3] }, { shape: [3] }] },
  { op: 'reduce_mean', inputs: [{ shape: ['n', 'h', 2] }], attrs: { axes: [0, 1], keepdims: false } },
  { op: 'reduce_max', inputs: [{ shape: ['n', 'h'] }], attrs: { axes: [1], keepdims: false } },
  { op: 'reduce_prod', inputs: [{ shape: ['n', 'h'] }], attrs: { axes: [0], keepdims: true } },
  { op: 'softmax', inputs: [{ shape: ['n', 'h'] }], attrs: { axis: 1 } },
  { op: 'layer_norm', inputs: [{ shape: ['n', 'h', 4] }, { shape: [4] }, { shape: [4] }], attrs: { axis: 2, epsilon: 1e-5 } },
  { op: 'group_norm', inputs: [{ shape: ['n', 4, 'h'] }, { shape: [4] }, { shape: [4] }], attrs: { groups: 2, epsilon: 1e-5 } },
  { op: 'batch_norm', inputs: [{ shape: ['n', 2, 'h'] }, { shape: [2] }, { shape: [2] }, { shape: [2] }, { shape: [2], range: [1, 2] }], attrs: { epsilon: 1e-5 } },
  { op: 'lrn', inputs: [{ shape: ['n', 5, 'h'] }], attrs: { size: 4, alpha: 0.5, beta: 0.5, bias: 2 } },
  { op: 'matmul', inputs: [{ shape: ['n', 'h', 3] }, { shape: [3, 2] }], attrs: { trans_a: false, trans_b: false } },
  { op: 'matmul', inputs: [{ shape: ['n', 1, 3, 'h'] }, { shape: [2, 5, 3] }], attrs: { trans_a: true, trans_b: true } },
  { op: 'conv', inputs: [{ shape: ['n', 4, 'h', 'w'] }, { shape: [6, 2, 3, 2] }, { shape: [6] }], attrs: { ...WINDOW, group: 2 }, symbols: { h: 7, w: 6 } },
  { op: 'conv_transpose', inputs: [{ shape: ['n', 4, 'h', 'w'] }, { shape: [4, 3, 3, 2] }, null], attrs: { ...WINDOW, output_padding: [1, 0], group: 2 } },
  { op: 'max_pool', inputs: [{ shape: ['n', 2, 'h', 'w'] }], attrs: POOL, symbols: { h: 7, w: 6 } },
  { op: 'average_pool', inputs: [{ shape: ['n', 2, 'h', 'w'] }], attrs: { ...POOL, count_include_pad: false }, symbols: { h: 7, w: 6 } },
  { op: 'average_pool', inputs: [{ shape: ['n', 2, 'h', 'w'] }], attrs: { ...POOL, count_include_pad: true }, symbols: { h: 7, w: 6 } },
  { op: 'resize', inputs: [{ shape: ['n', 2, 'h', 'w'] }], attrs: { ...RESIZE, scales: [1, 1, 2, NaN], roi: [0, 0, 0, 0, 1, 1, 1, 1], shape: ['n', 2, ['*', 2, 'h'], 5] } },
  { op: 'gather', inputs: [{ shape: ['n', 3, 'h'] }, INDICES], attrs: { axis: 1 } },
  { op: 'gather_elements', inputs: [{ shape: ['n', 3] }, { shape: ['n', 'k'], dtype: 'int64', range: [0, 3] }], attrs: { axis: 1 } },
  { op: 'gather_nd', inputs: [{ shape: ['n', 3, 'h'] }, { shape: ['n', 1], dtype: 'int64', range: [0, 3] }], attrs: { batch_dims: 1 } },
  { op: 'scatter_nd', inputs: [{ shape: [3, 'h'] }, { shape: ['k', 1], dtype: 'int64', range: [0, 3] }, { shape: ['k', 'h'] }], attrs: { reduction: 'none' } },
  { op: 'concat', inputs: [{ shape: ['n', 2] }, { shape: ['h', 2] }], attrs: { axis: 0 } },
  { op: 'slice', inputs: [{ shape: ['n', 'h'] }], attrs: { axes: [1], starts: [['+', 'h', -1]], steps: [-1], sizes: ['h'] } },
  { op: 'slice', inputs: [{ shape: ['n', 'h'] }], attrs: { axes: [1], starts: [1], steps: [2], sizes: [['floordiv', 'h', 2]] } },
  { op: 'pad', inputs: [{ shape: ['n', 'h'] }, { shape: [] }], attrs: { mode: 'constant', before: [1, 'n'], after: [-1, 2] } },
  { op: 'pad', inputs: [{ shape: ['n', 'h'] }, null], attrs: { mode: 'reflect', before: [0, 2], after: [0, 1] } },
  { op: 'tile', inputs: [{ shape: ['n', 'h'] }], attrs: { repeats: ['h', 2] } },
  { op: 'expand', inputs: [{ shape: ['n', 1] }], attrs: { shape: ['n', 'n', 3] } },
  { op: 'reshape', inputs: [{ shape: ['n', 'h'] }], attrs: { shape: [['*', 'h', 'n']] } },
  { op: 'cumsum', inputs: [{ shape: ['n', 'h'] }], attrs: { axis: 1, exclusive: true, reverse: false } },
]

const isFloatInput = (input: Input | null): boolean => input !== null && (input.dtype ?? 'float64') === 'float64'

/** A graph from inputs and `dy` to the gradients of all float inputs. */
function gradientGraph({ op, inputs, attrs = {} }: Case): { readonly builder: GraphBuilder; readonly values: readonly (Value | null)[]; readonly dy: Value } {
  const builder = new GraphBuilder({ name: op, stage: 'traced' })
  const values = inputs.map((input, i): Value | null => {
    if (input === null) return null
    input.shape.forEach((d, axis) => { if (typeof d === 'string') builder.symbol(d, { kind: 'extent', input: inputs.slice(0, i).filter((x) => x !== null).length, axis }) })
    return builder.input(`x${i}`, tensorType(input.dtype ?? 'float64', input.shape))
  })
  const add = (name: string, operands: readonly (Value | null)[], own: Attrs): Value => builder.add1(name, operands, own, { origin: 'gradient' })
  const y = builder.add1(op, values, attrs, { origin: 'forward', evaluate: false })
  const dy = builder.input('dy', y.type)
  const record = getOp(op), wants = inputs.map(isFloatInput), saved = record.grad?.saves(attrs as never, wants)
  const typeOf = (v: Value | null): TensorType | null => (v === null ? null : (v.type as TensorType))
  const dxs = record.grad?.backward<Value>(
    { emit: add, shape: shapeOf, dtype: (v) => (v.type as TensorType).dtype, scalar: (dtype, value) => builder.constant(fromNumbers(dtype, [], [value])) },
    {
      inputs: values.map((v, i) => (saved?.inputs.includes(i) === true ? v : null)), outputs: [saved?.outputs.includes(0) === true ? y : null],
      types: { inputs: values.map(typeOf), outputs: [y.type as TensorType] }, attrs: attrs as never,
    }, [dy], wants,
  )
  wants.forEach((wanted, i) => { if (wanted) builder.output(`d${i}`, dxs?.[i] as Value) })
  return { builder, values, dy }
}

/** `attrs` with extents as numbers. */
function concrete(attrs: Attrs, valueOf: (d: Dim) => number): Attrs {
  const isDim = (a: unknown): a is Dim => typeof a === 'string' || (Array.isArray(a) && typeof a[0] === 'string')
  return Object.fromEntries(Object.entries(attrs).map(([name, attr]): [string, Attr] => [name, Array.isArray(attr) ? (attr as readonly Dim[]).map((d) => (isDim(d) ? valueOf(d) : d)) : attr]))
}

describe('gradients built on a graph with symbolic extents', () => {
  it.for(CASES.map((c) => [`${c.op} of ${c.inputs.map((x) => JSON.stringify(x?.shape ?? null)).join(' ')}`, c] as const))('are those of the host tensors, interpreted and compiled: %s', async ([, c]) => {
    const symbols: Readonly<Record<string, number>> = { n: 2, h: 5, w: 4, k: 3, ...c.symbols }
    const valueOf = (d: Dim): number => evaluateDim(d, (s) => symbols[s] ?? NaN)
    const { builder, dy } = gradientGraph(c)
    const graph = builder.finish()
    verifyGraph(graph)
    const tensors = c.inputs.map((x, i): HostTensor | null => (x === null ? null : seededTensor(x.dtype ?? 'float64', x.shape.map(valueOf), i + 1, x.range)))
    const gradient = seededTensor('float64', shapeOf(dy).map(valueOf), 99)
    const feeds = Object.fromEntries(tensors.flatMap((t, i) => (t === null ? [] : [[`x${i}`, t] as const])))
    const results = interpret(graph, { ...feeds, dy: gradient })
    const wanted = gradientsOf(getOp(c.op), tensors, concrete(c.attrs ?? {}, valueOf), gradient, c.inputs.map(isFloatInput))
    c.inputs.forEach((x, i) => { if (isFloatInput(x)) expect(results[`d${i}`], `input ${i}`).toEqual(wanted[i]) })
    const session = await load((await compile(graph, { target: 'js', verify: true })).data)
    for (const [name, t] of Object.entries(session.runSync({ ...feeds, dy: gradient }))) expect(distance(t, results[name] as HostTensor), `${name}, compiled`).toBeLessThanOrEqual(1e-12)
    session.dispose()
  })
})
