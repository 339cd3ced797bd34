import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { fromNumbers, hostTensor } from '../../../src/ir/host-tensor.js'
import { f32Type, inferred, numbers, random, runAll } from './nn-run.js'

const base = { direction: 'forward', alphas: [], betas: [], clip: Infinity, layout: 0 }
const lstm = { ...base, activations: ['Sigmoid', 'Tanh', 'Tanh'], input_forget: false }
const gru = { ...base, activations: ['Sigmoid', 'Tanh'], linear_before_reset: false }
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const f64 = (shape: readonly number[], elements: readonly number[]): HostTensor => fromNumbers('float64', shape, elements)
const close = (a: readonly number[], b: readonly number[]): void => {
  expect(a).toHaveLength(b.length)
  a.forEach((v, i) => { expect(v).toBeCloseTo(b[i] as number, 12) })
}

/** Weights of one direction: X[time, batch, 2], W, R, B for `gates` gates of 3. */
const weights = (gates: number, time = 4, batch = 3): HostTensor[] => [random([time, batch, 2], 1), random([1, 3 * gates, 2], 2), random([1, 3 * gates, 3], 3), random([1, 6 * gates], 4)]

/** Steps 0 … length of sequence n of X[time, batch, 2], in order or reversed, as X[length, 1, 2]. */
function sequenceOf(x: HostTensor, n: number, length: number, reverse = false): HostTensor {
  const batch = x.shape[1] as number, all = numbers(x)
  const steps = Array.from({ length }, (_, t) => [0, 1].map((k) => all[(t * batch + n) * 2 + k] as number))
  return f64([length, 1, 2], (reverse ? steps.reverse() : steps).flat())
}

describe('lstm', () => {
  it('follows its equations for one unit', () => {
    // gates i o f c; P i o f
    const [wi, wo, wf, wc, ri, ro, rf, rc] = [0.1, 0.2, 0.3, 0.4, 0.5, -0.6, 0.7, -0.8]
    const [pi, po, pf] = [0.9, -1, 1.1], xs = [1, -2, 0.5], bias = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08]
    let h = 0.25, c = -0.5
    const hs = xs.map((x) => {
      const i = sigmoid(wi * x + ri * h + 0.06 + pi * c), f = sigmoid(wf * x + rf * h + 0.1 + pf * c)
      c = f * c + i * Math.tanh(wc * x + rc * h + 0.12)
      h = sigmoid(wo * x + ro * h + 0.08 + po * c) * Math.tanh(c)
      return h
    })
    const results = runAll('lstm', [f64([3, 1, 1], xs), f64([1, 4, 1], [wi, wo, wf, wc]), f64([1, 4, 1], [ri, ro, rf, rc]), f64([1, 8], bias), null, f64([1, 1, 1], [0.25]), f64([1, 1, 1], [-0.5]), f64([1, 3], [pi, po, pf])], { ...lstm, hidden: 1 })
    close(numbers(results[0]), hs)
    close([numbers(results[1])[0] as number, numbers(results[2])[0] as number], [h, c])
  })

  it('forgets what it does not take in with input_forget', () => {
    const y = runAll('lstm', [f64([1, 1, 1], [1]), f64([1, 4, 1], [0.1, 0.2, 9, 0.4]), f64([1, 4, 1], [0, 0, 0, 0]), null, null, null, f64([1, 1, 1], [2]), null], { ...lstm, hidden: 1, input_forget: true })
    close(numbers(y[2]), [(1 - sigmoid(0.1)) * 2 + sigmoid(0.1) * Math.tanh(0.4)])
  })

  it('clips sums of gates, but not the cell state', () => {
    const y = runAll('lstm', [f64([1, 1, 1], [1]), f64([1, 4, 1], [5, 5, 5, 5]), f64([1, 4, 1], [0, 0, 0, 0]), null, null, null, f64([1, 1, 1], [2]), null], { ...lstm, hidden: 1, clip: 0.3 })
    const c = sigmoid(0.3) * 2 + sigmoid(0.3) * Math.tanh(0.3)
    close([numbers(y[1])[0] as number, numbers(y[2])[0] as number], [sigmoid(0.3) * Math.tanh(c), c])
  })

  it('runs each sequence as if alone: zeros past its end, the state from its end', () => {
    const [x, w, r, b] = weights(4) as [HostTensor, HostTensor, HostTensor, HostTensor], lengths = [4, 2, 3]
    for (const direction of ['forward', 'reverse']) {
      const all = runAll('lstm', [x, w, r, b, hostTensor('int32', [3], lengths), null, null, null], { ...lstm, hidden: 3, direction })
      const y = numbers(all[0])
      lengths.forEach((length, n) => {
        const alone = runAll('lstm', [sequenceOf(x, n, length), w, r, b, null, null, null, null], { ...lstm, hidden: 3, direction })
        for (let t = 0; t < 4; t++) close(y.slice((t * 3 + n) * 3, (t * 3 + n + 1) * 3), t < length ? numbers(alone[0]).slice(t * 3, t * 3 + 3) : [0, 0, 0])
        for (const state of [1, 2]) close(numbers(all[state]).slice(n * 3, n * 3 + 3), numbers(alone[state]))
      })
    }
  })

  it('in reverse is forward on the reversed sequence', () => {
    const [x, w, r, b] = weights(4, 5, 1) as [HostTensor, HostTensor, HostTensor, HostTensor]
    const reverse = runAll('lstm', [x, w, r, b, null, null, null, null], { ...lstm, hidden: 3, direction: 'reverse' })
    const forward = runAll('lstm', [sequenceOf(x, 0, 5, true), w, r, b, null, null, null, null], { ...lstm, hidden: 3 })
    close(numbers(reverse[1]), numbers(forward[1]))
    close(numbers(reverse[0]).slice(0, 3), numbers(forward[0]).slice(12))
  })

  it('with batch first has the same numbers elsewhere', () => {
    const [x, w, r, b] = weights(4, 2, 3) as [HostTensor, HostTensor, HostTensor, HostTensor], xs = numbers(x)
    const swapped = f64([3, 2, 2], Array.from({ length: 12 }, (_, i) => xs[((Math.floor(i / 2) % 2) * 3 + Math.floor(i / 4)) * 2 + (i % 2)] as number))
    const first = runAll('lstm', [swapped, w, r, b, null, null, null, null], { ...lstm, hidden: 3, layout: 1 }), last = runAll('lstm', [x, w, r, b, null, null, null, null], { ...lstm, hidden: 3 })
    expect(first.map((t) => t.shape)).toEqual([[3, 2, 1, 3], [3, 1, 3], [3, 1, 3]])
    close(numbers(first[1]), numbers(last[1]))
  })

  it('keeps time and batch symbolic and names the operand that does not fit', () => {
    const operands = [f32Type('t', 'n', 5), f32Type(2, 12, 5), f32Type(2, 12, 3), null, null, null, null, null], attrs = { ...lstm, hidden: 3, direction: 'bidirectional', activations: [...lstm.activations, ...lstm.activations] }
    expect(inferred('lstm', operands, attrs).types).toEqual(['float32[t, 2, n, 3]', 'float32[2, n, 3]', 'float32[2, n, 3]'])
    expect(() => inferred('lstm', operands.map((o, i) => (i === 1 ? f32Type(2, 9, 5) : o)), attrs)).toThrow(/W must be float32\[2, 12, 5\] but is float32\[2, 9, 5\]/)
    expect(() => inferred('lstm', operands, { ...attrs, activations: ['Sigmoid', 'Tanh', 'Swish', 'Sigmoid', 'Tanh', 'Tanh'] })).toThrow(/no activation 'Swish'/)
  })
})

describe('gru', () => {
  it.each([true, false])('follows its equations for one unit (linear_before_reset %s)', (linear_before_reset) => {
    const [wz, wr, wh, rz, rr, rh] = [0.1, 0.2, 0.3, 0.4, -0.5, 0.6], xs = [1, -2, 0.5], bias = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
    let h = 0.25
    const hs = xs.map((x) => {
      const z = sigmoid(wz * x + rz * h + 0.05), r = sigmoid(wr * x + rr * h + 0.07)
      const candidate = Math.tanh(linear_before_reset ? wh * x + 0.03 + r * (rh * h + 0.06) : wh * x + 0.03 + rh * (r * h) + 0.06)
      h = (1 - z) * candidate + z * h
      return h
    })
    const y = runAll('gru', [f64([3, 1, 1], xs), f64([1, 3, 1], [wz, wr, wh]), f64([1, 3, 1], [rz, rr, rh]), f64([1, 6], bias), null, f64([1, 1, 1], [0.25])], { ...gru, hidden: 1, linear_before_reset })
    close(numbers(y[0]), hs)
  })

  it('resets the whole state before the candidate sums over it', () => {
    // Two units; the candidate of unit 0 reads only unit 1, whose reset gate depends on x.
    const w = [0, 0, 0, 3, 0, 0], r = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    const y = runAll('gru', [f64([1, 1, 1], [1]), f64([1, 6, 1], w), f64([1, 6, 2], r), null, null, f64([1, 1, 2], [0.5, 0.8])], { ...gru, hidden: 2 })
    expect(numbers(y[0])[0]).toBeCloseTo(0.5 * Math.tanh(sigmoid(3) * 0.8) + 0.5 * 0.5, 12)
  })
})

describe('rnn', () => {
  it('applies each listed activation with its alpha and beta, or their defaults', () => {
    const at = (name: string, x: number, alphas: number[] = [], betas: number[] = []): number => numbers(runAll('rnn', [f64([1, 1, 1], [x]), f64([1, 1, 1], [1]), f64([1, 1, 1], [0]), null, null, null], { ...base, hidden: 1, activations: [name], alphas, betas })[0])[0] as number
    close([at('Relu', -2), at('relu', 2), at('LeakyRelu', -2), at('LeakyRelu', -2, [0.5]), at('ThresholdedRelu', 0.5), at('ThresholdedRelu', 0.5, [0.2])], [0, 2, -0.02, -1, 0, 0.5])
    close([at('Affine', 3, [2], [1]), at('ScaledTanh', 0.3, [2], [4]), at('HardSigmoid', 1), at('HardSigmoid', 9), at('Elu', -1, [2]), at('Softsign', -3), at('Softplus', 0)], [7, 2 * Math.tanh(1.2), 0.7, 1, 2 * Math.expm1(-1), -0.75, Math.LN2])
  })

  it('gives alphas in order to the functions that have one', () => {
    const y = runAll('rnn', [f64([1, 1, 1], [-2]), f64([2, 1, 1], [1, 1]), f64([2, 1, 1], [0, 0]), null, null, null], { ...base, hidden: 1, direction: 'bidirectional', activations: ['Tanh', 'LeakyRelu'], alphas: [0.25] })
    close(numbers(y[0]), [Math.tanh(-2), -0.5])
  })
})
