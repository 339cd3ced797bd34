import { describe, expect, it } from 'vitest'
import { hostTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, numbersOf, type Feeds } from './microsoft-models.js'
import { floats, learned, rows, strings } from './ml-models.js'
import { DATA_TYPE, errorOf, floatAttribute, model, node, port, tensorAttribute } from './onnx-models.js'

const X: Feeds = { x: hostTensor('float32', [3, 2], [1, -2, 0, 0.5, -3, 4]) }
const NONE: Feeds = { x: hostTensor('float32', [0, 2], []) }
const pairs = (feeds: Feeds, name = 'x'): number[][] => { const v = numbersOf(feeds, name); return Array.from({ length: v.length / 2 }, (_, i) => v.slice(2 * i, 2 * i + 2)) }
const of = (opType: string, attributes: Parameters<typeof learned>[3], outputs = ['y'], type?: number, opset?: number) => learned(opType, [rows(2, type)], outputs, attributes, opset)
const logistic = (s: number): number => 1 / (1 + Math.exp(-s))

describe('features', () => {
  it('are moved and scaled, by one number or one for each', async () => {
    await expectEverywhere(of('Scaler', { offset: floats([1, 2]), scale: floats([3]) }), [X, NONE], (feeds) => ({ y: pairs(feeds).flatMap(([a, b]) => [3 * ((a as number) - 1), 3 * ((b as number) - 2)]) }))
    await expectEverywhere(of('Scaler', { scale: floats([3, 0.5]) }, ['y'], DATA_TYPE.INT64), [{ x: hostTensor('int64', [1, 2], [4n, 5n]) }], () => ({ y: [12, 2.5] }))
  })

  it('are divided by the norm of their row, where that is not 0', async () => {
    const feeds: Feeds = { x: hostTensor('float32', [3, 2], [3, -4, 0, 0, -6, 8]) }
    await expectEverywhere(of('Normalizer', { norm: 'MAX' }), [feeds], () => ({ y: [1, -4 / 3, 0, 0, -0.75, 1] }))
    await expectEverywhere(of('Normalizer', { norm: 'L1' }), [feeds], () => ({ y: [3 / 7, -4 / 7, 0, 0, -6 / 14, 8 / 14] }))
    await expectEverywhere(of('Normalizer', { norm: 'L2' }), [feeds, { x: hostTensor('float32', [3, 2], [3, -4, 0, 0, -6, 8]) }], () => ({ y: [0.6, -0.8, 0, 0, -0.6, 0.8] }))
  })

  it('that are missing are filled in, NaN or a number, floats or integers', async () => {
    await expectEverywhere(of('Imputer', { imputed_value_floats: floats([7, 8]), replaced_value_float: floatAttribute(NaN) }), [{ x: hostTensor('float32', [2, 2], [NaN, 1, 2, NaN]) }], () => ({ y: [7, 1, 2, 8] }))
    await expectEverywhere(of('Imputer', { imputed_value_int64s: [9], replaced_value_int64: -1 }, ['y'], DATA_TYPE.INT64), [{ x: hostTensor('int64', [1, 2], [-1n, 3n]) }], () => ({ y: [9, 3] }))
  })

  it('are 1 above a threshold, in their own type', async () => {
    await expectEverywhere(of('Binarizer', { threshold: floatAttribute(0.25) }), [X], (feeds) => ({ y: numbersOf(feeds, 'x').map((v) => (v > 0.25 ? 1 : 0)) }))
    await expectEverywhere(of('Binarizer', { threshold: floatAttribute(-0.5) }, ['y'], DATA_TYPE.INT32), [{ x: hostTensor('int32', [2, 2], [-1, 0, 1, -2]) }], () => ({ y: [0, 1, 1, 0] }))
  })

  it('of several inputs stand beside one another, cut or filled up to their widths', async () => {
    const bytes = learned('FeatureVectorizer', [rows(2), port('z', ['n', 2], DATA_TYPE.INT32)], ['y'], { inputdimensions: [1, 3] })
    await expectEverywhere(bytes, [{ ...X, z: hostTensor('int32', [3, 2], [1, 2, 3, 4, 5, 6]) }], (feeds) => ({ y: pairs(feeds).flatMap(([a], i) => [a as number, ...pairs(feeds, 'z')[i] as number[], 0]) }))
  })

  it('are picked from the last axis', async () => {
    const bytes = learned('ArrayFeatureExtractor', [rows(2), port('places', ['k'], DATA_TYPE.INT64)], ['y'], {})
    await expectEverywhere(bytes, [{ ...X, places: hostTensor('int64', [3], [1n, 0n, 1n]) }], (feeds) => ({ y: pairs(feeds).flatMap(([a, b]) => [b, a, b] as number[]) }))
    const row = learned('ArrayFeatureExtractor', [port('x', [4]), port('places', [2], DATA_TYPE.INT64)], ['y'], {})
    expect(importOnnxSync(row).outputs[0]?.value.type).toMatchObject({ shape: [1, 2] })
  })
})

describe('OneHotEncoder', () => {
  it('has a 1 at the place of the category, and none for what is no category', async () => {
    const wanted = (feeds: Feeds) => ({ y: numbersOf(feeds, 'x').flatMap((v) => [3, -1, 0].map((c) => (Math.trunc(v) === c ? 1 : 0))) })
    await expectEverywhere(of('OneHotEncoder', { cats_int64s: [3, -1, 0] }, ['y'], DATA_TYPE.INT64), [{ x: hostTensor('int64', [2, 2], [3n, 0n, 7n, -1n]) }], wanted)
    await expectEverywhere(of('OneHotEncoder', { cats_int64s: [3, -1, 0] }), [{ x: hostTensor('float32', [2, 2], [3.7, 0.5, 1e20, -1]) }], wanted)
  })

  it('fails while running at what is no category, where it is to', async () => {
    const graph = importOnnxSync(of('OneHotEncoder', { cats_int64s: [3, -1], zeros: 0 }, ['y'], DATA_TYPE.INT64))
    expect(Array.from(interpret(graph, { x: hostTensor('int64', [1, 2], [-1n, 3n]) })['y']?.data as Float32Array)).toEqual([0, 1, 1, 0])
    expect((await errorOf(() => interpret(graph, { x: hostTensor('int64', [1, 2], [-1n, 4n]) }))).code).toBe('index-out-of-range')
  })
})

describe('LabelEncoder', () => {
  it.each([[[4, 2, 5, 2], 'near one another'], [[400000, -2, 5, -2], 'far apart']])('maps integers %s (%s), the last of equal keys, and the rest to the default', async (keys) => {
    const bytes = of('LabelEncoder', { keys_int64s: keys, values_floats: floats([0.5, 1.5, 2.5, 3.5]), default_float: floatAttribute(-9) }, ['y'], DATA_TYPE.INT64, 2)
    const given = [keys[0], keys[1], keys[2], 77, -100, 3].map((k) => BigInt(k as number))
    await expectEverywhere(bytes, [{ x: hostTensor('int64', [3, 2], given) }], () => ({ y: [0.5, 3.5, 2.5, -9, -9, -9] }))
  })

  it('maps floats, of which all NaN are one, and tensors of any numeric type', async () => {
    await expectEverywhere(of('LabelEncoder', { keys_floats: floats([1.5, NaN]), values_int64s: [7, 8] }, ['y'], undefined, 4), [{ x: hostTensor('float32', [2, 2], [NaN, 1.5, 0, -NaN]) }], () => ({ y: [8, 7, -1, 8] }))
    const tensor = (dataType: number, values: number[]) => tensorAttribute({ dataType, dims: [values.length], ...(dataType === DATA_TYPE.DOUBLE ? { doubleData: values } : { int32Data: values }) })
    const bytes = of('LabelEncoder', { keys_tensor: tensor(DATA_TYPE.INT32, [3, -4]), values_tensor: tensor(DATA_TYPE.DOUBLE, [0.1, 0.2]), default_tensor: tensor(DATA_TYPE.DOUBLE, [0.3]) }, ['y'], DATA_TYPE.INT32, 4)
    await expectEverywhere(bytes, [{ x: hostTensor('int32', [2, 2], [-4, 3, 0, 1]) }], () => ({ y: [0.2, 0.1, 0.3, 0.3] }), 1e-15)
  })

  it('of strings is refused', async () => {
    expect((await errorOf(() => importOnnxSync(of('LabelEncoder', { keys_int64s: [1], values_strings: strings(['a']) }, ['y'], DATA_TYPE.INT64, 2)))).message).toMatch(/labels are strings here/)
    expect((await errorOf(() => importOnnxSync(of('LabelEncoder', { keys_strings: strings(['a']), values_int64s: [1] }, ['y'], DATA_TYPE.STRING, 2)))).message).toMatch(/LabelEncoder of strings is not supported/)
  })

  it('that names classes at the end of a model is in nobody\'s way who keeps the scores alone', async () => {
    const classes = { name: 'classes', dataType: DATA_TYPE.STRING, dims: [2], stringData: ['no', 'yes'].map((s) => new TextEncoder().encode(s)) }
    const bytes = model({
      inputs: [rows(2)], outputs: ['label', 'named', 'scores'], initializers: [classes, { name: 'shape', dataType: DATA_TYPE.INT64, dims: [1], int64Data: [-1] }],
      nodes: [
        node('Softmax', ['x'], ['scores']), node('ArgMax', ['scores'], ['best'], { axis: 1, keepdims: 0 }), node('ArrayFeatureExtractor', ['classes', 'best'], ['found'], {}, { domain: 'ai.onnx.ml' }),
        node('Reshape', ['found', 'shape'], ['label']), node('LabelEncoder', ['best'], ['named'], { keys_int64s: [0, 1], values_strings: strings(['no', 'yes']) }, { domain: 'ai.onnx.ml' }),
      ],
      more: { opsetImport: [{ domain: '', version: 17 }, { domain: 'ai.onnx.ml', version: 2 }] },
    })
    expect((await errorOf(() => importOnnxSync(bytes))).message).toMatch(/output 0 \('found'\) of ArrayFeatureExtractor cannot be had: labels are strings/)
    expect(importOnnxSync(bytes, { outputs: ['scores'] }).outputs.map((o) => o.name)).toEqual(['scores'])
  })
})

describe('linear models', () => {
  const W = [[1, 2], [-0.5, 0.25], [0, 1]], B = [0.5, -1, 0.25]
  const scores = (feeds: Feeds, count: number): number[][] => pairs(feeds).map(([a, b]) => W.slice(0, count).map(([p, q], i) => (a as number) * (p as number) + (b as number) * (q as number) + (B[i] as number)))
  const attributes = (count: number) => ({ coefficients: floats(W.slice(0, count).flat()), intercepts: floats(B.slice(0, count)) })

  it('LinearRegressor gives a score for each target, and softmax over several', async () => {
    await expectEverywhere(of('LinearRegressor', { ...attributes(1) }), [X, NONE], (feeds) => ({ y: scores(feeds, 1).flat() }))
    await expectEverywhere(of('LinearRegressor', { ...attributes(3), targets: 3, post_transform: 'SOFTMAX' }), [X], (feeds) => ({ y: scores(feeds, 3).flatMap((row) => row.map((s) => Math.exp(s) / row.reduce((a, b) => a + Math.exp(b), 0))) }))
    expect((await errorOf(() => importOnnxSync(of('LinearRegressor', { coefficients: floats([1, 2, 3]) })))).message).toMatch(/coefficients/)
  })

  it('LinearClassifier takes the label of the greatest score, or of two by the sign of one', async () => {
    await expectEverywhere(of('LinearClassifier', { ...attributes(3), classlabels_ints: [7, 5, 6], post_transform: 'LOGISTIC' }, ['label', 'y']), [X], (feeds) => ({
      label: scores(feeds, 3).map((row) => [7, 5, 6][row.indexOf(Math.max(...row))] as number), y: scores(feeds, 3).flat().map(logistic),
    }))
    await expectEverywhere(of('LinearClassifier', { ...attributes(1), classlabels_ints: [3, 4], post_transform: 'LOGISTIC' }, ['label', 'y']), [X], (feeds) => ({
      label: scores(feeds, 1).flat().map((s) => (s > 0 ? 4 : 3)), y: scores(feeds, 1).flat().flatMap((s) => [logistic(-s), logistic(s)]),
    }))
  })

  it('a ZipMap of scores, even behind string labels, gives the scores as they are', async () => {
    const nodes = [node('LinearClassifier', ['x'], ['label', 'scores'], { ...attributes(3), classlabels_strings: strings(['a', 'b', 'c']) }, { domain: 'ai.onnx.ml' }), node('ZipMap', ['scores'], ['y'], { classlabels_strings: strings(['a', 'b', 'c']) }, { domain: 'ai.onnx.ml' })]
    const bytes = model({ inputs: [rows(2)], outputs: ['y'], nodes, more: { opsetImport: [{ domain: '', version: 17 }, { domain: 'ai.onnx.ml', version: 1 }] } })
    await expectEverywhere(bytes, [X], (feeds) => ({ y: scores(feeds, 3).flat() }))
  })
})

describe('support vector machines', () => {
  const V = [[1, 0], [0.5, -1], [-2, 2], [0, 1], [3, -3]], [gamma, shift, degree] = [0.25, 0.5, 2] as const
  const KERNELS: Readonly<Record<string, (a: readonly number[], b: readonly number[]) => number>> = {
    LINEAR: dot, POLY: (a, b) => (gamma * dot(a, b) + shift) ** degree, SIGMOID: (a, b) => Math.tanh(gamma * dot(a, b) + shift), RBF: (a, b) => Math.exp(-gamma * a.reduce((sum, v, i) => sum + (v - (b[i] as number)) ** 2, 0)),
  }
  function dot(a: readonly number[], b: readonly number[]): number { return a.reduce((sum, v, i) => sum + v * (b[i] as number), 0) }
  const common = (kernel: string) => ({ kernel_type: kernel, kernel_params: floats([gamma, shift, degree]), support_vectors: floats(V.flat()) })

  it.each(Object.keys(KERNELS))('SVMRegressor sums the kernel %s over its vectors', async (kernel) => {
    const coefficients = [0.5, -1, 0.25, 2, -0.5], score = (row: readonly number[]): number => V.reduce((sum, v, i) => sum + (coefficients[i] as number) * (KERNELS[kernel] as typeof dot)(row, v), 0.75)
    const attributes = { ...common(kernel), n_supports: V.length, coefficients: floats(coefficients), rho: floats([0.75]) }
    await expectEverywhere(of('SVMRegressor', attributes), [X, NONE], (feeds) => ({ y: pairs(feeds).map(score) }))
    await expectEverywhere(of('SVMRegressor', { ...attributes, one_class: 1 }), [X], (feeds) => ({ y: pairs(feeds).map((row) => (score(row) > 0 ? 1 : -1)) }))
  })

  it.each(Object.keys(KERNELS))('SVMClassifier lets every pair of classes vote by the kernel %s', async (kernel) => {
    const perClass = [2, 1, 2], coefficients = [[0.5, -1, 0.25, 2, -0.5], [1, 1.5, -0.75, -0.25, 0.5]], rho = [0.1, -0.2, 0.3], starts = [0, 2, 3]
    const sum = (row: readonly number[], own: number, weights: number): number => Array.from({ length: perClass[own] as number }, (_, m) => (starts[own] as number) + m).reduce((s, m) => s + (coefficients[weights]?.[m] as number) * (KERNELS[kernel] as typeof dot)(row, V[m] as number[]), 0)
    const decide = (row: readonly number[]): number[] => ([[0, 1], [0, 2], [1, 2]] as const).map(([i, j], p) => sum(row, i, j - 1) + sum(row, j, i) + (rho[p] as number))
    const label = (row: readonly number[]): number => { const votes = [0, 0, 0]; decide(row).forEach((s, p) => { const winner = ([[0, 1], [0, 2], [1, 2]][p] as number[])[s > 0 ? 0 : 1] as number; votes[winner] = (votes[winner] as number) + 1 }); return votes.indexOf(Math.max(...votes)) + 10 }
    const bytes = of('SVMClassifier', { ...common(kernel), vectors_per_class: perClass, coefficients: floats(coefficients.flat()), rho: floats(rho), classlabels_ints: [10, 11, 12] }, ['label', 'y'])
    await expectEverywhere(bytes, [X], (feeds) => ({ label: pairs(feeds).map(label), y: pairs(feeds).flatMap(decide) }))
  })

  it('SVMClassifier gives classes the probabilities that those of pairs of them follow from', async () => {
    const wanted = [0.5, 0.3, 0.2], order = [[0, 1], [0, 2], [1, 2]] as const
    // Of pairs alone, whatever is fed: the kernel's values have no weight.
    const shifts = order.map(([i, j]) => Math.log((wanted[j] as number) / (wanted[i] as number)))
    const attributes = { ...common('RBF'), vectors_per_class: [2, 1, 2], coefficients: floats(new Array<number>(10).fill(0)), rho: floats([1, 1, 1]), prob_a: floats([0, 0, 0]), prob_b: floats(shifts), classlabels_ints: [10, 11, 12] }
    const graph = importOnnxSync(of('SVMClassifier', attributes, ['label', 'y'])), found = interpret(graph, X)
    Array.from(found['y']?.data as Float32Array).forEach((p, i) => { expect(p).toBeCloseTo(wanted[i % 3] as number, 2) })
    expect(Array.from(found['label']?.data as BigInt64Array, Number)).toEqual([10, 10, 10])
    expect((await errorOf(() => importOnnxSync(of('SVMClassifier', { ...attributes, prob_b: floats([1]) }, ['label', 'y'])))).message).toMatch(/prob_a and prob_b have 3 and 1 numbers/)
  })
})
