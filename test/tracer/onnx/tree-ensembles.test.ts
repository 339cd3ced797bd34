import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor, seededRandom, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, type Feeds } from './microsoft-models.js'
import { floats, forestAttributes, learned, MODES, randomRows, randomTree, rows, strings, votesFor, type Tree } from './ml-models.js'
import { DATA_TYPE, errorOf, tensorAttribute } from './onnx-models.js'

const FEATURES = 5
const feedOf = (table: readonly (readonly number[])[], dtype: 'float32' | 'float64' = 'float32'): Feeds => ({ x: hostTensor(dtype, [table.length, table[0]?.length ?? FEATURES], table.flat()) })
const tableOf = (feeds: Feeds): number[][] => { const x = feeds.x as HostTensor, [n, f] = x.shape as [number, number], v = toNumbers(x); return Array.from({ length: n }, (_, i) => Array.from(v.subarray(i * f, (i + 1) * f))) }
const SETS = [feedOf(randomRows(1, 9, FEATURES)), feedOf(randomRows(2, 70, FEATURES)), { x: hostTensor('float32', [0, FEATURES], []) }]

/** The scores that trees give a row, folded from `start`; undefined where a target has no vote. */
function scoresOf(trees: readonly Tree[], row: readonly number[], targets: number, fold: (a: number, b: number) => number = (a, b) => a + b): (number | undefined)[] {
  const scores = new Array<number | undefined>(targets).fill(undefined)
  for (const tree of trees) for (const [target, weight] of votesFor(tree, row)) { const before = scores[target]; scores[target] = before === undefined ? weight : fold(before, weight) }
  return scores
}

function forestOf(seed: number, count: number, depth: number, targets: number, { votes = 1, positive = false, modes = MODES }: { readonly votes?: number; readonly positive?: boolean; readonly modes?: readonly string[] } = {}): Tree[] {
  const random = seededRandom(seed), weight = (): number => Math.fround(positive ? random() : random() * 2 - 1)
  return Array.from({ length: count }, () => randomTree(random, depth, FEATURES, () => [...new Set(Array.from({ length: votes }, (_, i) => (votes >= targets ? i : Math.floor(random() * targets))))].map((t) => [t, weight()] as const), modes))
}

describe('TreeEnsembleRegressor', () => {
  const regressor = (trees: readonly Tree[], more: Parameters<typeof learned>[3] = {}) => learned('TreeEnsembleRegressor', [rows(FEATURES)], ['y'], { ...forestAttributes(trees, 'target'), ...more })

  it.each(MODES)('goes by %s, and missing elements by what the node says', async (mode) => {
    const trees = forestOf(3, 6, 4, 1, { modes: [mode] })
    await expectEverywhere(regressor(trees), SETS, (feeds) => ({ y: tableOf(feeds).map((row) => scoresOf(trees, row, 1)[0] as number) }))
  })

  it('adds up many deep trees of all modes', async () => {
    const trees = forestOf(4, 41, 9, 1)
    await expectEverywhere(regressor(trees, { base_values: floats([0.25]) }), SETS, (feeds) => ({ y: tableOf(feeds).map((row) => 0.25 + (scoresOf(trees, row, 1)[0] as number)) }))
  })

  it.each([['SUM', 1], ['SUM', 3], ['AVERAGE', 3], ['MIN', 1], ['MAX', 3], ['MIN', 3]])('folds by %s the votes of leaves for %i of three targets; one without any has its base value', async (aggregate, votes) => {
    const trees = forestOf(5, 3, 3, 3, { votes }), base = [0.5, -1, 2]
    const fold = aggregate === 'MIN' ? Math.min : aggregate === 'MAX' ? Math.max : (a: number, b: number) => a + b
    await expectEverywhere(regressor(trees, { n_targets: 3, aggregate_function: aggregate, base_values: floats(base) }), SETS, (feeds) => ({
      y: tableOf(feeds).flatMap((row) => scoresOf(trees, row, 3, fold).map((s, i) => (base[i] as number) + (s ?? 0) / (aggregate === 'AVERAGE' ? trees.length : 1))),
    }))
  })

  it('takes trees of a leaf alone, and a row for a matrix', async () => {
    await expectEverywhere(regressor([[[0, 1.5]], [[0, 2]]]), SETS, (feeds) => ({ y: tableOf(feeds).map(() => 3.5) }))
    const row = learned('TreeEnsembleRegressor', [{ name: 'x', type: { tensorType: { elemType: DATA_TYPE.FLOAT, shape: { dim: [{ dimValue: FEATURES }] } } } }], ['y'], forestAttributes(forestOf(4, 5, 3, 1), 'target'))
    expect(importOnnxSync(row).outputs[0]?.value.type).toMatchObject({ shape: [1, 1] })
  })

  const EDGES = [NaN, -Infinity, -(2 ** 127), -1, -(2 ** -149), -0, 0, 2 ** -149, 2 ** -126, 1, 3.4028234663852886e38, Infinity]

  it.each(MODES.flatMap((mode) => [true, false].map((tracks) => [mode, tracks] as const)))('compares zeros, subnormal numbers, infinities and NaN as IEEE 754 has it: %s, missing elements to the first way: %s', async (mode, tracks) => {
    const trees = EDGES.map((threshold, i): Tree => ({ mode, feature: 0, threshold, tracks, yes: [[i, 1]], no: [[i, 2]] }))
    const attributes = { ...forestAttributes(trees, 'target'), n_targets: EDGES.length }
    const wanted = (feeds: Feeds) => ({ y: tableOf(feeds).flatMap((row) => scoresOf(trees, row, EDGES.length) as number[]) })
    await expectEverywhere(learned('TreeEnsembleRegressor', [rows(1)], ['y'], attributes), [feedOf(EDGES.map((x) => [x]))], wanted)
    await expectEverywhere(learned('TreeEnsembleRegressor', [rows(1, DATA_TYPE.DOUBLE)], ['y'], attributes), [feedOf([...EDGES, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE].map((x) => [x]), 'float64')], wanted)
  })

  it('compares float64 with thresholds of float64', async () => {
    const { nodes_values: _, target_weights: __, ...rest } = forestAttributes([{ mode: 'BRANCH_LT', feature: 0, threshold: 0, tracks: false, yes: [[0, 1]], no: [[0, 2]] }], 'target')
    const tensor = (doubleData: number[]) => tensorAttribute({ dataType: DATA_TYPE.DOUBLE, dims: [doubleData.length], doubleData })
    const bytes = learned('TreeEnsembleRegressor', [rows(1, DATA_TYPE.DOUBLE)], ['y'], { ...rest, nodes_values_as_tensor: tensor([0.1, 0, 0]), target_weights_as_tensor: tensor([1, 2]) })
    await expectEverywhere(bytes, [feedOf([[0.1], [0.1 - 2 ** -56], [Math.fround(0.1)]], 'float64')], () => ({ y: [2, 1, 2] }))
  })

  it('takes forests of hundreds of thousands of leaves', () => {
    const count = 150_000, ids = Array.from({ length: count }, (_, i) => i), zeros = ids.map(() => 0), attributes = { nodes_treeids: ids, nodes_nodeids: zeros, nodes_featureids: zeros, nodes_truenodeids: zeros, nodes_falsenodeids: zeros, nodes_modes: strings(ids.map(() => 'LEAF')), nodes_values: floats(zeros), target_treeids: ids, target_nodeids: zeros, target_ids: zeros, target_weights: floats(ids.map(() => 1)) }
    expect(importOnnxSync(learned('TreeEnsembleRegressor', [rows(2)], ['y'], attributes)).nodes.some((n) => n.op === 'tree_ensemble')).toBe(true)
  })

  it('refuses what is no forest, in one line', async () => {
    const tree = forestOf(1, 1, 3, 1), good = forestAttributes(tree, 'target')
    const refused = async (more: Parameters<typeof learned>[3]) => (await errorOf(() => importOnnxSync(learned('TreeEnsembleRegressor', [rows(FEATURES)], ['y'], { ...good, ...more })))).message
    expect(await refused({ nodes_truenodeids: (good['nodes_truenodeids'] as number[]).map(() => 0) })).toMatch(/back to one before it/)
    expect(await refused({ nodes_truenodeids: (good['nodes_truenodeids'] as number[]).map(() => 99) })).toMatch(/node 99 that it does not have/)
    expect(await refused({ nodes_modes: strings((good['nodes_treeids'] as number[]).map(() => 'BRANCH_NEAR')) })).toMatch(/'BRANCH_NEAR', not BRANCH_LEQ/)
    expect(await refused({ target_ids: (good['target_ids'] as number[]).map(() => 1) })).toMatch(/number 1 of 1/)
    expect(await refused({ nodes_nodeids: [0] })).toMatch(/nodes_nodeids has 1 elements/)
    expect(await refused({ base_values: floats([1, 2]) })).toMatch(/2 base values for 1 targets/)
    expect(await refused({ nodes_featureids: (good['nodes_featureids'] as number[]).map(() => 7) })).toMatch(/element 7 of a row/)
  })
})

describe('TreeEnsembleClassifier', () => {
  const classifier = (trees: readonly Tree[], labels: readonly number[], more: Parameters<typeof learned>[3] = {}) => learned('TreeEnsembleClassifier', [rows(FEATURES)], ['label', 'y'], { ...forestAttributes(trees, 'class'), classlabels_int64s: labels, ...more })
  const logistic = (s: number): number => 1 / (1 + Math.exp(-s))

  it.each([['NONE', false], ['LOGISTIC', false], ['NONE', true], ['LOGISTIC', true]])('of two classes with votes for one gives both, after %s, probabilities: %s', async (transform, positive) => {
    const trees = forestOf(7, 5, 4, 1, { positive }).map((t) => t), base = positive ? -1.5 : 0.25
    await expectEverywhere(classifier(trees, [5, 7], { post_transform: transform, base_values: floats([base]) }), SETS, (feeds) => {
      const scores = tableOf(feeds).map((row) => base + (scoresOf(trees, row, 1)[0] as number))
      const pair = (s: number): number[] => (positive ? [1 - s, s] : transform === 'LOGISTIC' ? [logistic(-s), logistic(s)] : [-s, s])
      return { label: scores.map((s) => (s > (positive ? 0.5 : 0) ? 7 : 5)), y: scores.flatMap(pair) }
    })
  })

  it.each(['NONE', 'SOFTMAX', 'LOGISTIC'])('takes the greatest of several classes, by votes before %s', async (transform) => {
    const trees = forestOf(8, 9, 4, 3, { votes: 3 }), labels = [40, -2, 9]
    await expectEverywhere(classifier(trees, labels, { post_transform: transform, base_values: floats([0.1, 0, -0.1]) }), SETS, (feeds) => {
      const scores = tableOf(feeds).map((row) => scoresOf(trees, row, 3).map((s, i) => (s as number) + ([0.1, 0, -0.1][i] as number)))
      const whole = (row: readonly number[]): number => row.reduce((a, s) => a + Math.exp(s), 0)
      return {
        label: scores.map((row) => labels[row.indexOf(Math.max(...row))] as number),
        y: scores.flatMap((row) => row.map((s) => (transform === 'SOFTMAX' ? Math.exp(s) / whole(row) : transform === 'LOGISTIC' ? logistic(s) : s))),
      }
    })
  })

  it('takes no class that no tree voted for, though its score of 0 be the greatest', async () => {
    const trees = forestOf(9, 2, 3, 5).map((tree): Tree => ({ mode: 'BRANCH_LEQ', feature: 0, threshold: 0, tracks: false, yes: tree, no: [[3, -1]] }))
    await expectEverywhere(classifier(trees, [0, 1, 2, 3, 4]), SETS, (feeds) => {
      const scores = tableOf(feeds).map((row) => scoresOf(trees, row, 5))
      return { label: scores.map((row) => row.reduce<number>((best, s, i) => (s !== undefined && s > (row[best] ?? -Infinity) ? i : best), 0)), y: scores.flatMap((row) => row.map((s) => s ?? 0)) }
    })
  })

  it('gives of classes with strings for labels the scores alone', async () => {
    const { classlabels_int64s: _, ...attributes } = { ...forestAttributes(forestOf(8, 3, 3, 3, { votes: 3 }), 'class'), classlabels_int64s: 0 }, named = { ...attributes, classlabels_strings: strings(['a', 'b', 'c']) }
    const bytes = learned('TreeEnsembleClassifier', [rows(FEATURES)], ['label', 'y'], named), error = await errorOf(() => importOnnxSync(bytes))
    expect(error.message).toMatch(/output 0 \('label'\) of TreeEnsembleClassifier cannot be had: labels are strings here/)
    expect(error.hint).toMatch(/integer labels/)
    expect(importOnnxSync(bytes, { outputs: ['y'] }).outputs.map((o) => o.name)).toEqual(['y'])
  })
})

describe('TreeEnsemble', () => {
  const tensor = (dataType: number, values: readonly number[]) => tensorAttribute({ dataType, dims: [values.length], ...(dataType === DATA_TYPE.UINT8 ? { int32Data: [...values] } : { floatData: [...values] }) })
  const members = [2, -1, 5.5, 0, 7]
  /** The first feature is one of the members, or the second of none. */
  const bytes = learned('TreeEnsemble', [rows(2)], ['y'], {
    n_targets: 3, tree_roots: [0, 2], nodes_featureids: [0, 1, 0], nodes_modes: tensor(DATA_TYPE.UINT8, [6, 6, 0]), nodes_splits: tensor(DATA_TYPE.FLOAT, [0, 0, 0]),
    membership_values: tensor(DATA_TYPE.FLOAT, [...members, NaN, NaN]), nodes_missing_value_tracks_true: [1, 0, 0],
    nodes_trueleafs: [1, 1, 1], nodes_truenodeids: [0, 1, 3], nodes_falseleafs: [0, 1, 1], nodes_falsenodeids: [1, 2, 3],
    leaf_targetids: [0, 1, 2, 0], leaf_weights: tensor(DATA_TYPE.FLOAT, [1, 2, 4, 8]),
  }, 5)

  it('seeks elements in sets, and takes a node whose ways lead to one leaf for that leaf', async () => {
    const table = [...members, -2, 5, NaN, 8, 0.5].map((x, i) => [x, i % 2 === 0 ? NaN : x])
    await expectEverywhere(bytes, [feedOf(table)], (feeds) => ({ y: tableOf(feeds).flatMap(([x]) => (members.includes(x as number) || Number.isNaN(x) ? [9, 0, 0] : [8, 0, 4])) }))
  })

  it('is not there before version 5 of its domain', async () => {
    expect((await errorOf(() => importOnnxSync(learned('TreeEnsemble', [rows(2)], ['y'], {}, 4)))).code).toBe('unsupported-opset')
    expect(interpret(importOnnxSync(bytes), feedOf([[2, 0]]))['y']?.shape).toEqual([1, 3])
  })
})
