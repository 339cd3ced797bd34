import { describe, expect, it } from 'vitest'
import { DTYPES, elementCount, type DType, type HostTensor } from '../../../src/base/dtype.js'
import type { Attrs } from '../../../src/ir/graph.js'
import { fromNumbers, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import type { Op, SampleInput } from '../../../src/ir/op.js'
import { getOp, OPS } from '../../../src/ir/ops/index.js'
import { gradientsOf, resultTypes, runOp } from './host-gradients.js'
import { tensorOfSample } from './sample-cases.js'

const isFloat = (dtype: DType): boolean => DTYPES[dtype].kind === 'float'

const RECURRENCE = 'a recurrence is differentiated as the steps that it is made of'
const MARK = 'marks what automatic differentiation did, after it did it'
const IMPORTED = 'only imported models have it: no function of tensors makes it'
/** Ops that have float inputs and results but no gradient, and why. */
const WITHOUT: Readonly<Record<string, string>> = {
  lstm: RECURRENCE, gru: RECURRENCE, rnn: RECURRENCE, lstm_recurrence: RECURRENCE, gru_recurrence: RECURRENCE, rnn_recurrence: RECURRENCE,
  attention: 'a pass makes it of ops with gradients, once gradients are there',
  grid_sample: IMPORTED, cumprod: IMPORTED, roi_align: IMPORTED, max_roi_pool: IMPORTED, col2im: IMPORTED, det: IMPORTED, linear_attention: IMPORTED, tree_ensemble: IMPORTED, couple_pairs: IMPORTED,
  relayout: 'only the order of elements in memory changes, which passes decide once gradients are there',
  'autograd.record': MARK, 'autograd.save': MARK, 'version.bump': MARK, 'version.check': MARK, 'view.track': MARK,
}

/** Ops that no gradient passes: what the wasm target makes of convolutions, once gradients are there, a choice, and the bits of elements as others. */
const WITHOUT_GRADIENT = /^winograd_|^non_max_suppression$|^reinterpret$/

/** Elements in float64 away from whole numbers and halves, where ops have kinks. Samples of special values are drawn anew. */
function smoothInput(input: SampleInput, seed: number, ranged: SampleInput | null | undefined): HostTensor {
  if (!isFloat(input.dtype)) return tensorOfSample(input, seed)
  const wide = { ...input, dtype: 'float64' as const }
  if (input.data === undefined) return tensorOfSample(wide, seed)
  const range = input.range ?? ranged?.range
  const usable = input.data.every(Number.isFinite) && (range === undefined || input.data.every((x) => x > range[0] && x < range[1]))
  return usable ? fromNumbers('float64', input.shape, input.data.map((x, i) => x + 0.0137 + 0.0011 * i)) : seededTensor('float64', input.shape, seed, range ?? [-1, 1])
}

interface Case { readonly op: Op; readonly index: number; readonly attrs: Attrs; readonly inputs: readonly (HostTensor | null)[] }

/** Sample number `index` in float64; undefined where its first result, which gradients come from, is of no floats. */
function smoothCase(op: Op, index: number): Case | undefined {
  const sample = op.samples[index]
  if (sample === undefined || sample.inputs.every((s) => s === null || !isFloat(s.dtype))) return undefined
  const inputs = sample.inputs.map((s, i) => (s === null ? null : smoothInput(s, 31 * index + i + 1, op.samples[0]?.inputs[i])))
  const to = sample.attrs['to']
  const attrs: Attrs = typeof to === 'string' && isFloat(to as DType) ? { ...sample.attrs, to: 'float64' } : (sample.attrs as Attrs)
  const [first] = resultTypes(op, inputs, attrs)
  return first !== undefined && isFloat(first.dtype) ? { op, index, attrs, inputs } : undefined
}

const wantsOnly = (i: number, count: number): readonly boolean[] => Array.from({ length: count }, (_, k) => k === i)

function dot(a: HostTensor, b: HostTensor): number {
  const x = toNumbers(a), y = toNumbers(b)
  return x.reduce((s, v, i) => s + v * (y[i] as number), 0)
}

const STEP = 1e-6

/** The slope of dy · op(inputs) when input `i` moves along `direction`, by central differences. */
function slope({ op, inputs, attrs }: Case, i: number, direction: HostTensor, dy: HostTensor): number {
  const x = toNumbers(inputs[i] as HostTensor), d = toNumbers(direction)
  const at = (h: number): number => {
    const moved = inputs.map((t, k) => (k === i ? fromNumbers('float64', direction.shape, x.map((v, e) => v + h * (d[e] as number))) : t))
    return dot(runOp(op.name, moved, attrs)[0] as HostTensor, dy)
  }
  return (at(STEP) - at(-STEP)) / (2 * STEP)
}

/** The size of what is summed in a slope: what rounding in it is relative to. */
const scaleOf = (t: HostTensor): number => Math.sqrt(dot(t, t))

function checkSlopes(c: Case, i: number): void {
  const input = c.inputs[i] as HostTensor
  const y = runOp(c.op.name, c.inputs, c.attrs)[0] as HostTensor
  expect(elementCount(input.shape) === 0 || toNumbers(y).every(Number.isFinite), `sample ${c.index} is drawn where results are finite`).toBe(true)
  const dy = seededTensor('float64', y.shape, 900 + c.index)
  const [dx, ...rest] = [gradientsOf(c.op, c.inputs, c.attrs, dy, wantsOnly(i, c.inputs.length))[i], gradientsOf(c.op, c.inputs, c.attrs, dy, c.inputs.map((t) => t !== null && isFloat(t.dtype)))[i]]
  expect(dx, `sample ${c.index}: input ${i} has a gradient`).toBeTruthy()
  expect(rest[0], `sample ${c.index}: input ${i} has the same gradient when all are wanted`).toEqual(dx)
  for (const seed of elementCount(input.shape) === 0 ? [] : [1, 2]) {
    const direction = seededTensor('float64', input.shape, 7000 + 10 * c.index + seed)
    const actual = dot(dx as HostTensor, direction), wanted = slope(c, i, direction, dy)
    const allowed = 1e-5 * Math.max(Math.abs(wanted), Math.abs(actual)) + 1e-9 * scaleOf(y) * scaleOf(dy)
    expect(Math.abs(actual - wanted), `sample ${c.index}, input ${i}: ${actual} for ${wanted}`).toBeLessThanOrEqual(allowed)
  }
}

/** Inputs that are differentiated: floats, as far as the rule gives anything for them. */
const floatInputs = (c: Case): readonly number[] => c.inputs.flatMap((t, i) => (t !== null && isFloat(t.dtype) ? [i] : []))

describe('gradient rules', () => {
  it('are there for every op from floats to floats, but for those that are listed with a reason', () => {
    const differentiable = [...OPS.values()].filter((op) => !WITHOUT_GRADIENT.test(op.name) && op.samples.some((_, i) => smoothCase(op, i) !== undefined))
    expect(differentiable.filter((op) => op.grad === undefined).map((op) => op.name).sort()).toEqual(Object.keys(WITHOUT).sort())
  })

  for (const op of OPS.values()) {
    if (op.grad === undefined) continue
    const cases = op.samples.flatMap((_, i) => smoothCase(op, i) ?? [])
    it(`${op.name}: agrees with central differences from what it saves alone, on every sample`, () => {
      expect(cases.length).toBeGreaterThan(0)
      for (const c of cases) for (const i of floatInputs(c)) checkSlopes(c, i)
    })
    it(`${op.name}: gives gradients in the shapes and dtypes of the inputs, in the sample's own dtypes`, () => {
      for (const [index, sample] of op.samples.entries()) {
        const inputs = sample.inputs.map((s, i) => (s === null ? null : tensorOfSample(s, index + i)))
        const [type] = resultTypes(op, inputs, sample.attrs as Attrs)
        const wants = inputs.map((t) => t !== null && isFloat(t.dtype))
        if (type === undefined || !isFloat(type.dtype) || !wants.includes(true)) continue
        const dxs = gradientsOf(op, inputs, sample.attrs as Attrs, seededTensor(type.dtype, type.shape, index), wants)
        expect(dxs.length).toBeLessThanOrEqual(inputs.length)
        wants.forEach((wanted, i) => {
          const dx = dxs[i] ?? null
          if (wanted) expect({ dtype: dx?.dtype, shape: dx?.shape }, `sample ${index}, input ${i}`).toEqual({ dtype: inputs[i]?.dtype, shape: inputs[i]?.shape })
          else expect(dx, `sample ${index}, input ${i}`).toBeNull()
        })
      }
    })
  }
})

const vector = (...values: number[]): HostTensor => fromNumbers('float64', [values.length], values)

/** Gradients of all float inputs for a `dy` of given numbers. */
function gradients(name: string, inputs: readonly (HostTensor | null)[], attrs: Attrs, dy: readonly number[]): (number[] | null)[] {
  const op = getOp(name)
  const [type] = resultTypes(op, inputs, attrs)
  if (type === undefined) throw new Error(`${name} has no result`)
  const dxs = gradientsOf(op, inputs, attrs, fromNumbers(type.dtype, type.shape, dy), inputs.map((t) => t !== null && isFloat(t.dtype)))
  return dxs.map((t) => (t === null ? null : Array.from(toNumbers(t), (x) => x + 0)))
}

describe('at kinks and ties gradients are those of torch', () => {
  it('equal inputs of maximum and minimum get half each, and NaN passes the gradient to both', () => {
    expect(gradients('maximum', [vector(1, 2, 3, NaN), vector(1, 5, 2, 0)], {}, [4, 4, 4, 4])).toEqual([[2, 0, 4, 4], [2, 4, 0, 4]])
    expect(gradients('minimum', [vector(1, 2, 3), vector(1, 5, 2)], {}, [4, 4, 4])).toEqual([[2, 4, 0], [2, 0, 4]])
  })

  it('equal extremes of a row share its gradient evenly', () => {
    expect(gradients('reduce_max', [vector(3, 1, 3, 3)], { axes: [0], keepdims: false }, [6])).toEqual([[2, 0, 2, 2]])
    expect(gradients('reduce_min', [vector(1, 1, 2)], { axes: [0], keepdims: true }, [1])).toEqual([[0.5, 0.5, 0]])
  })

  it('clip passes the gradient at its bounds, and nothing beyond', () => {
    expect(gradients('clip', [vector(-2, -1, 0, 1, 2)], { min: -1, max: 1 }, [1, 1, 1, 1, 1])).toEqual([[0, 1, 1, 1, 0]])
  })

  it('abs, relu and leaky_relu at zero have 0, 0 and alpha', () => {
    expect(gradients('abs', [vector(-3, 0, 2)], {}, [1, 1, 1])).toEqual([[-1, 0, 1]])
    expect(gradients('relu', [vector(-3, 0, 2)], {}, [1, 1, 1])).toEqual([[0, 0, 1]])
    expect(gradients('leaky_relu', [vector(-3, 0, 2)], { alpha: 0.25 }, [1, 1, 1])).toEqual([[0.25, 0.25, 1]])
  })

  it('steps have zeros for gradients, not none', () => {
    for (const name of ['floor', 'ceil', 'round', 'sign']) expect(gradients(name, [vector(0.3, -1.7)], {}, [1, 1]), name).toEqual([[0, 0]])
  })

  it('max_pool gives a window to its first greatest element, and adds up where windows overlap', () => {
    const x = fromNumbers('float64', [1, 1, 5], [1, 3, 3, 3, 2])
    expect(gradients('max_pool', [x], { kernel: [3], strides: [1], dilations: [1], pads: [0, 0], ceil_mode: false }, [1, 10, 100])).toEqual([[0, 11, 100, 0, 0]])
  })

  it('average_pool divides by the elements inside, or with padding by all', () => {
    const x = fromNumbers('float64', [1, 1, 3], [1, 2, 3]), attrs = { kernel: [2], strides: [2], dilations: [1], pads: [1, 0], ceil_mode: false }
    expect(gradients('average_pool', [x], { ...attrs, count_include_pad: false }, [6, 6])).toEqual([[6, 3, 3]])
    expect(gradients('average_pool', [x], { ...attrs, count_include_pad: true }, [6, 6])).toEqual([[3, 3, 3]])
  })

  it('reduce_prod finds the product of the others where there is one zero, and nothing where there are two', () => {
    expect(gradients('reduce_prod', [vector(2, 0, 5)], { axes: [0], keepdims: false }, [1])).toEqual([[0, 10, 0]])
    expect(gradients('reduce_prod', [vector(0, 0, 5)], { axes: [0], keepdims: false }, [1])).toEqual([[0, 0, 0]])
    expect(gradients('reduce_prod', [vector(2, 3, 5)], { axes: [0], keepdims: false }, [1])).toEqual([[15, 10, 6]])
  })

  it('pow at a base of zero has the slope of a line for exponent 1, and 0 for 0 and 2; its exponent has 0', () => {
    expect(gradients('pow', [vector(0, 0, 0), vector(0, 1, 2)], {}, [1, 1, 1])).toEqual([[0, 1, 0], [0, 0, 0]])
  })

  it('reduce_l2 of zeros has zeros', () => {
    expect(gradients('reduce_l2', [vector(0, 0)], { axes: [0], keepdims: false }, [1])).toEqual([[0, 0]])
  })

  it('gather adds up repeated indices, counting negative ones from the end', () => {
    const indices = fromNumbers('int64', [3], [0, -1, 0])
    expect(gradients('gather', [vector(1, 2, 3), indices], { axis: 0 }, [1, 10, 100])).toEqual([[101, 0, 10], null])
  })

  it('of updates that replace each other only the last has a gradient, and what it replaced has none', () => {
    const indices = fromNumbers('int64', [3], [1, 1, 0])
    expect(gradients('scatter_elements', [vector(1, 2, 3), indices, vector(4, 5, 6)], { axis: 0, reduction: 'none' }, [1, 10, 100])).toEqual([[0, 0, 100], null, [0, 10, 1]])
  })

  it('products and extremes at scattered places give to zeros and to equals what torch does', () => {
    const indices = fromNumbers('int64', [2], [0, 0])
    expect(gradients('scatter_elements', [vector(2, 7), indices, vector(0, 5)], { axis: 0, reduction: 'mul' }, [1, 1])).toEqual([[0, 1], null, [10, 0]])
    expect(gradients('scatter_elements', [vector(5, 7), indices, vector(4, 5)], { axis: 0, reduction: 'max' }, [1, 1])).toEqual([[0.5, 1], null, [0, 0.5]])
  })

  it('gelu has the slopes Φ(x) + x φ(x), and those of its approximation', () => {
    const [exact] = gradients('gelu', [vector(0, 1, -1)], { approximate: 'none' }, [1, 1, 1]), [approximate] = gradients('gelu', [vector(0, 1, -1)], { approximate: 'tanh' }, [1, 1, 1])
    // Φ(1) = 0.841344746068543, φ(1) = 0.241970724519143.
    ;[0.5, 1.083315470587686, -0.083315470587686].forEach((want, i) => expect(exact?.[i]).toBeCloseTo(want, 12))
    ;[0.5, 1.0829640838457826, -0.08296408384578255].forEach((want, i) => expect(approximate?.[i]).toBeCloseTo(want, 12))
  })
})

describe('what is saved', () => {
  const saved = (name: string, wants: readonly boolean[], attrs: Attrs = {}): string => {
    const s = getOp(name).grad?.saves(attrs as never, wants)
    return [...(s?.inputs ?? []).map((i) => `x${i}`), ...(s?.outputs ?? []).map((i) => `y${i}`)].sort().join(' ')
  }

  it('is nothing for sums, views and joins', () => {
    for (const name of ['add', 'sub', 'concat']) expect(saved(name, [true, true], { axis: 0 }), name).toBe('')
    for (const name of ['neg', 'reduce_sum', 'reduce_mean', 'reshape', 'transpose', 'expand', 'slice', 'cast', 'tile', 'cumsum', 'average_pool']) expect(saved(name, [true], { axes: [], axis: 0 }), name).toBe('')
  })

  it('is the other operand of a product for each that wants a gradient', () => {
    for (const name of ['mul', 'matmul']) expect([saved(name, [true, false]), saved(name, [false, true]), saved(name, [true, true])], name).toEqual(['x1', 'x0', 'x0 x1'])
    expect([saved('conv', [true, false, false]), saved('conv', [false, true, false]), saved('conv', [false, false, true])]).toEqual(['x1', 'x0', ''])
    expect([saved('div', [true, false]), saved('div', [false, true])]).toEqual(['x1', 'x0 x1'])
  })

  it('is the input where the formula has the input', () => {
    for (const name of ['log', 'sin', 'cos', 'abs', 'clip', 'gelu', 'silu', 'elu', 'max_pool', 'reduce_l1']) expect(saved(name, [true], { approximate: 'none' }), name).toBe('x0')
    expect(saved('layer_norm', [true, true, true])).toBe('x0 x1')
    expect([saved('pow', [true, false]), saved('pow', [true, true])]).toEqual(['x0 x1', 'x0 x1 y0'])
  })

  it('is the result where the formula has the result', () => {
    for (const name of ['exp', 'sigmoid', 'tanh', 'relu', 'softmax', 'log_softmax', 'sqrt', 'rsqrt', 'reciprocal', 'tan']) expect(saved(name, [true]), name).toBe('y0')
  })

  it('is the indices of gathers and the condition of where', () => {
    expect([saved('gather', [true, false]), saved('gather_elements', [true, false]), saved('where', [false, true, true])]).toEqual(['x1', 'x1', 'x0'])
  })
})

describe('gradients of many elements', () => {
  it('of 16-bit norms do not overflow in their sums', () => {
    const n = 3000
    const x = fromNumbers('float16', [1, n], Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 200 : -200))), ones = fromNumbers('float16', [n], new Array<number>(n).fill(1))
    const [dx] = gradients('layer_norm', [x, ones, null], { axis: 1, epsilon: 1e-5 }, Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 60 : 0)))
    expect(dx?.every(Number.isFinite)).toBe(true)
    expect(elementCount(x.shape)).toBe(dx?.length)
  })
})
